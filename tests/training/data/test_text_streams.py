"""Streams of tables: columns side by side, texts as classes, a part of the rows, over several files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kspec.diagnostics import FileError
from kspec.spec.schema import Data, DataFile
from kspec.training import check, interface_of, match
from kspec.training.data.parts import Parts
from kspec.training.data.stream import Streamed
from tests.training.models import classifier

KINDS = np.array(["ant", "bee", "cow"], object)


def write(folder: Path, number: int, rows: int = 500) -> None:
    import pyarrow
    import pyarrow.parquet

    random = np.random.default_rng(number)
    kinds = random.integers(0, 3, rows)
    table = {f"p{index}": random.normal(size=rows).astype("float32") for index in range(3)}
    table |= {"p3": kinds.astype("float32"), "kind": KINDS[kinds], "split": np.where(kinds == 9, "", "train")}
    pyarrow.parquet.write_table(pyarrow.table(table), folder / f"part-{number}.parquet", row_group_size=70)


def parts(folder: Path) -> Parts:
    data = Data(
        train=DataFile(path=str(folder / "part-*.parquet")),
        fields={"pixels": "p*", "digit": "kind"},
        validation=DataFile(fraction=0.25, stratify="kind"),
    )
    return Parts(data, seed=5)


def test_a_stream_of_a_part_of_several_tables(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path, number)
    model = classifier()
    interface = interface_of(model)
    opened = parts(tmp_path)
    source = opened.source("train")
    found = match(source, interface, fields=opened.fields("train"), learn=lambda: source, budget=0)
    held = match(opened.source("validation"), interface, fields=opened.fields("validation"), labels=found.labels)
    assert isinstance(found, Streamed)
    assert found.labels == {"digit": ("ant", "bee", "cow")}
    assert found.rows + held.rows == 1500
    checked = found.looked_at(lambda rows: check(rows, model, interface))
    for epoch in range(2):
        total = 0
        for segment in checked.segments(epoch, batch_size=32, shuffle=True, seed=0):
            x, y = segment.rows.x["pixels"], segment.rows.y["digit"]
            np.testing.assert_array_equal(x[:, 3], y)
            assert (x.shape[1:], x.dtype, y.dtype) == ((4,), "float32", "int32")
            total += len(y)
        assert total == found.rows
    whole = match(source, interface, fields=opened.fields("train"), labels=found.labels)
    (only,) = found.segments(0, batch_size=32, shuffle=False, seed=0)
    np.testing.assert_array_equal(only.rows.x["pixels"], whole.x["pixels"])
    np.testing.assert_array_equal(only.rows.y["digit"], whole.y["digit"])


def test_an_unknown_text_and_a_bad_number_name_their_file_and_row(tmp_path: Path) -> None:
    for number in range(2):
        write(tmp_path, number)
    model = classifier()
    interface = interface_of(model)
    opened = parts(tmp_path)
    source = opened.source("train")
    known = match(source, interface, fields=opened.fields("train"), labels={"digit": ["ant", "bee"]}, budget=0)
    with pytest.raises(FileError) as caught:
        list(known.segments(0, batch_size=32, shuffle=False, seed=0))
    (problem,) = caught.value.problems
    assert problem.code == "data-labels"
    assert problem.message.endswith("is `cow`, which is none of the known classes: `ant`, `bee`")
    assert problem.file.endswith(".parquet")
    row = int(problem.message.partition("[")[2].partition("]")[0])
    import pyarrow.parquet

    assert pyarrow.parquet.read_table(problem.file)["kind"][row].as_py() == "cow"
