"""Predictions as a file: ``.npz``, ``.csv`` or ``.parquet`` by its ending."""

from __future__ import annotations

import csv
import importlib
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kspec.diagnostics import Problem, UsageError, listing
from kspec.files import atomic_path

if TYPE_CHECKING:
    import numpy as np

Arrays = Mapping[str, "np.ndarray"]

_CHUNK = 8192


def write_predictions(path: str | Path, outputs: Arrays) -> None:
    """Write what a model gave, by output name, whole or not at all.

    In ``.npz`` each output is an array. In ``.csv`` and ``.parquet`` a row is an example, and an output of several
    numbers is the columns ``digit_0`` … ``digit_9``; one of a single number is the column ``digit``.

    Raises `UsageError` (``output-format``) for another ending and for outputs that make no columns, `UsageError`
    (``missing-extra``) where Parquet's library is missing, and `FileError` (``file-write``).
    """
    writer = writer_for(path)
    plain = {name: _plain(array) for name, array in outputs.items()}
    if writer is not _npz:
        plain = _columns(path, plain)
    with atomic_path(path) as temporary:
        writer(temporary, plain)


def writer_for(path: str | Path) -> Callable[[Path, Arrays], None]:
    """What writes a file of that ending; asked before predicting, so that a wrong one costs no time."""
    ending = Path(path).suffix.lower()
    if ending not in _WRITERS:
        message = f"kspec writes no `{ending}` files" if ending else f"`{path}` has no ending, which chooses the format"
        raise UsageError(Problem("output-format", message, help=f"one of {listing(_WRITERS)}", file=str(path)))
    if ending == ".parquet":
        try:
            importlib.import_module("pyarrow.parquet")
        except ImportError as error:
            problem = Problem("missing-extra", "Parquet needs pyarrow", help="pip install 'kspec[parquet]'")
            raise UsageError(problem) from error
    return _WRITERS[ending]


def _plain(array: Any) -> np.ndarray:
    """An array that every reader knows: bfloat16 is none of NumPy's own dtypes."""
    import numpy as np

    found = np.asarray(array)
    return found if found.dtype.kind in "biuf" else found.astype("float32")


def _columns(path: str | Path, outputs: Arrays) -> dict[str, np.ndarray]:
    columns: dict[str, np.ndarray] = {}
    for name, array in outputs.items():
        if array.ndim > 2:
            message = f"output `{name}` is {array.shape}: a table has one row of numbers for each example"
            raise UsageError(Problem("output-format", message, help="write it to a `.npz` file", file=str(path)))
        flat = array.reshape(len(array), -1)
        names = [name] if flat.shape[1] == 1 else [f"{name}_{index}" for index in range(flat.shape[1])]
        for column in names:
            if column in columns:
                message = f"two outputs would be the column `{column}`"
                raise UsageError(Problem("output-format", message, help="write to a `.npz` file", file=str(path)))
        columns |= {column: flat[:, index] for index, column in enumerate(names)}
    return columns


def _npz(path: Path, outputs: Arrays) -> None:
    # Not numpy.savez: an output called `file` would be taken for its argument of that name.
    from numpy.lib import format as npy

    with zipfile.ZipFile(path, "x") as archive:
        for name, array in outputs.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                npy.write_array(member, array, allow_pickle=False)


def _csv(path: Path, columns: Arrays) -> None:
    rows = len(next(iter(columns.values()))) if columns else 0
    with open(path, "x", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for start in range(0, rows, _CHUNK):
            # As text: a float32 is written by the digits it has, not by those of the double it would become.
            block = [column[start : start + _CHUNK].astype(str).tolist() for column in columns.values()]
            writer.writerows(zip(*block, strict=True))


def _parquet(path: Path, columns: Arrays) -> None:
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table(dict(columns)), path)


_WRITERS: dict[str, Callable[[Path, Arrays], None]] = {".npz": _npz, ".csv": _csv, ".parquet": _parquet}
