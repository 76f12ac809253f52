"""Data that are streamed, on their way from a `data` section to training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kspec.diagnostics import FileError, SpecError
from kspec.model.memory import data_budget, free_memory, memory_bound
from kspec.spec.schema import Data, DataFile
from kspec.training import begin, interface_of, prepare
from kspec.training.adapt import adapt
from kspec.training.data.stream import Streamed
from kspec.training.run import facts_of
from tests.training.models import classifier, keras, layers, rows, settings

X, Y = rows(5000)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Data:
    monkeypatch.setenv("KSPEC_DATA_MEMORY", "10KB")
    save(tmp_path)
    return Data(train=DataFile(path=str(tmp_path)), validation=DataFile(fraction=0.2))


def save(folder: Path, x: Any = X, y: Any = Y) -> None:
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", y)


def test_large_data_are_streamed_and_small_ones_are_not(files: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    found = prepare(classifier(), settings(), files)
    assert isinstance(found.train, Streamed)
    assert isinstance(found.validation, Streamed)
    assert (found.train.rows, found.validation.rows) == (4000, 1000)
    told = facts_of("digits", data={"train": found.train})
    run = begin(told, lambda _: "", folder=Path(found.train.path) / "run")
    facts = run.facts["data"]["train"]
    assert facts["streamed"] is True
    assert [file["bytes"] for file in facts["files"]] == [80_128, 40_128]
    monkeypatch.setenv("KSPEC_DATA_MEMORY", "1MB")
    small = prepare(classifier(), settings(), files)
    assert not isinstance(small.train, Streamed)
    (first,) = found.train.segments(0, batch_size=16, shuffle=False, seed=0)
    np.testing.assert_array_equal(first.rows.x["pixels"], small.train.x["pixels"])


def read_all(files: Data) -> None:
    """Train and validation data are prepared, of which the first blocks are looked at, and read to their ends."""
    found = prepare(classifier(), settings(), files)
    for part in (found.train, found.validation):
        assert isinstance(part, Streamed)
        list(part.segments(0, batch_size=16, shuffle=True, seed=0))


@pytest.mark.parametrize(
    ("place", "message"),
    [("x", "`x[4321, 1]` is NaN (not a number)"), ("y", "`y[4321]` is 7: output `digit` has the classes 0 to 2")],
)
def test_bad_values_are_told_by_the_row_of_the_file(place: str, message: str, files: Data) -> None:
    x, y = X.copy(), Y.copy()
    if place == "x":
        x[4321, 1] = np.nan
    else:
        y[4321] = 7
    assert files.train is not None
    assert files.train.path is not None
    save(Path(files.train.path), x, y)
    with pytest.raises(FileError) as caught:
        read_all(files)
    assert [problem.message for problem in caught.value.problems] == [message]


def test_targets_that_would_broadcast_are_told_with_all_rows(files: Data) -> None:
    assert files.train is not None
    assert files.train.path is not None
    save(Path(files.train.path), X, np.zeros((5000, 5), "float32"))
    with pytest.raises(FileError) as caught:
        prepare(classifier(loss="mse"), settings(), files)
    (problem,) = caught.value.problems
    assert problem.message == "`y` is (4000, 5), and output `digit` is (None, 3): mean_squared_error needs (None, 3)"


def test_too_few_rows_and_a_validation_split_are_refused(files: Data) -> None:
    with pytest.raises(FileError, match="is more than the 4,000 rows to train on"):
        prepare(classifier(), settings(batch_size=4001), files)
    with pytest.raises(SpecError, match="these are streamed"):
        prepare(classifier(), settings(validation_split=0.1), files.model_copy(update={"validation": None}))


def test_tokens_are_checked_behind_layers_that_move_them(files: Data) -> None:
    tokens = keras.Input((4,), dtype="int32", name="x")
    vectors = layers.Embedding(9, 2)(layers.Reshape((2, 2))(tokens))
    model = keras.Model(tokens, layers.Dense(3, activation="softmax", name="y")(layers.Flatten()(vectors)))
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert files.train is not None
    assert files.train.path is not None
    save(Path(files.train.path), np.full((5000, 4), 8), Y)
    found = prepare(model, settings(), files).train
    assert isinstance(found, Streamed)
    assert sum(segment.rows.rows for segment in found.segments(0, batch_size=16, shuffle=True, seed=0)) == 4000
    save(Path(files.train.path), np.full((5000, 4), 9), Y)
    with pytest.raises(FileError, match="has the tokens 0 to 8"):
        prepare(model, settings(), files)


def test_layers_see_a_sample(files: Data) -> None:
    layer = layers.Normalization(name="norm")
    model = keras.Sequential([keras.Input((4,), name="x"), layer, layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    found = prepare(model, settings(), files).train
    assert isinstance(found, Streamed)
    assert adapt(model, interface_of(model), found, 16, seed=3) == ("norm",)
    np.testing.assert_allclose(np.asarray(layer.adapt_mean.value), X.mean(0), atol=0.1)


def test_the_budget_is_a_share_of_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KSPEC_DATA_MEMORY", raising=False)
    assert 0 < data_budget() < free_memory() <= memory_bound()
    monkeypatch.setenv("KSPEC_DATA_MEMORY", "2GiB")
    assert data_budget() == 2**31
