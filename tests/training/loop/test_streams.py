"""Data that are streamed, through the loop: the same numbers as in memory, the same errors, and nothing left behind."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kspec.diagnostics import FileError, TrainingError
from kspec.training import Matched, check, fit, match, open_source
from kspec.training.apply import evaluate, predict
from kspec.training.data import contiguous, mixing
from kspec.training.data.stream import Streamed
from kspec.training.loop import LoopName
from tests.training.models import classifier, interface, keras, rows, settings, state, two_headed

ROWS = 1210  # a last batch of 10, and a last segment that is short


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments of some hundred rows and groups of a few of them; blocks of fewer than both."""
    monkeypatch.setattr(mixing, "SEGMENT", 300 * 24)
    monkeypatch.setattr(mixing, "GROUP", 700 * 24)
    monkeypatch.setattr(contiguous, "_TOGETHER", 170 * 24)


@pytest.fixture(autouse=True)
def no_threads() -> Iterator[None]:
    """Whatever a test does, no thread reads on after it."""
    yield
    gc.collect()
    assert reading() == []


def reading() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "kspec-data"]


def both(folder: Path, arrays: dict[str, np.ndarray], model: Any) -> tuple[Matched, Streamed]:
    """The arrays by their names, in memory and as a stream."""
    folder.mkdir()
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    whole, streamed = (match(open_source(str(folder)), interface(model), budget=bytes) for bytes in (2**30, 0))
    assert isinstance(whole, Matched)
    assert isinstance(streamed, Streamed)
    return whole, streamed


def single(folder: Path, count: int = ROWS, seed: int = 0) -> tuple[Matched, Streamed]:
    x, y = rows(count, seed=seed)
    return both(folder, {"pixels": x, "digit": y}, classifier())


def headed(folder: Path, count: int = ROWS, seed: int = 0) -> tuple[Matched, Streamed]:
    x, y = rows(count, seed=seed)
    weights = np.random.default_rng(1).uniform(0.5, 2, count).astype("float32")
    arrays = {"left": x, "right": x[:, :2], "kind": y, "hard": (y > 0).astype("float32"), "sample_weight_kind": weights}
    return both(folder, arrays, two_headed())


def compared(make: Any, whole: tuple[Any, Any], streamed: tuple[Any, Any], loop: LoopName, **values: Any) -> None:
    chosen = settings(**({"epochs": 3, "batch_size": 32, "shuffle": False} | values))
    one, other = make(), make()
    expected = fit(one, chosen, *whole, loop=loop)
    found = fit(other, chosen, *streamed, loop=loop)
    assert len(found.rows) == len(expected.rows) == chosen.epochs
    for row, wanted in zip(found.rows, expected.rows, strict=True):
        assert row == pytest.approx(wanted, rel=1e-5)
    for array, wanted in zip(state(other), state(one), strict=True):
        np.testing.assert_allclose(array, wanted, rtol=1e-5, atol=1e-6)


CASES: list[tuple[LoopName, dict[str, Any]]] = [
    ("single", {"class_weight": {0: 1.0, 1: 2.0, 2: 0.5}}),
    ("scan", {}),
    ("scan", {"steps_per_epoch": 11, "epochs": 5}),
    ("single", {"steps_per_epoch": 4, "batch_size": None}),
    ("auto", {"validation_freq": 2, "validation_batch_size": 50, "validation_steps": 3}),
]


FURTHER = [pytest.param(*case, marks=pytest.mark.slow) for case in CASES[:4]]


@pytest.mark.parametrize(("loop", "values"), [*FURTHER, CASES[4]], ids=str)
def test_training_on_a_stream_is_training_in_memory(loop: LoopName, values: dict[str, Any], tmp_path: Path) -> None:
    train, held = single(tmp_path / "train"), single(tmp_path / "held", 415, seed=1)
    compared(classifier, (train[0], held[0]), (train[1], held[1]), loop, **values)


def test_several_inputs_and_outputs_with_weights(tmp_path: Path) -> None:
    train = headed(tmp_path / "train")
    compared(two_headed, (train[0], None), (train[1], None), "auto", epochs=2)


@pytest.mark.slow
def test_evaluating_and_predicting_on_a_stream_is_that_in_memory(tmp_path: Path) -> None:
    for make, (whole, streamed) in ((classifier, single(tmp_path / "one")), (two_headed, headed(tmp_path / "two"))):
        model = make()
        for loop in ("single", "scan"):
            assert evaluate(model, streamed, loop=loop) == pytest.approx(evaluate(model, whole, loop=loop), rel=1e-5)
            found, expected = predict(model, streamed, loop=loop), predict(model, whole, loop=loop)
            assert found.keys() == expected.keys()
            for name, array in expected.items():
                assert array.shape[0] == ROWS
                np.testing.assert_allclose(found[name], array, rtol=1e-5, atol=1e-6)


class Noting(keras.Model):  # type: ignore[misc]
    """Notes the targets of every batch."""

    def train_step(self, state: Any, data: Any) -> Any:
        SEEN.append(np.asarray(data[1]).ravel().tolist())
        return super().train_step(state, data)


SEEN: list[list[int]] = []


def test_with_shuffle_every_row_comes_once_an_epoch(tmp_path: Path) -> None:
    x, _ = rows(ROWS)
    plain = classifier(classes=ROWS)
    _, streamed = both(tmp_path / "data", {"pixels": x, "digit": np.arange(ROWS)}, plain)
    model = Noting(plain.inputs, plain.outputs)
    model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
    SEEN.clear()
    fit(model, settings(epochs=2, batch_size=100, shuffle=True), streamed, seed=3)
    assert [len(batch) for batch in SEEN] == 2 * [*12 * [100], 10]
    orders = [[row for batch in part for row in batch] for part in (SEEN[:13], SEEN[13:])]
    for order in orders:
        assert sorted(order) == list(range(ROWS)) != order
    assert orders[0] != orders[1]


def test_what_is_wrong_in_a_late_block_ends_the_training_with_its_place(tmp_path: Path) -> None:
    x, y = rows(ROWS)
    x[1100, 2] = np.nan
    model = classifier()
    _, streamed = both(tmp_path / "data", {"pixels": x, "digit": y}, model)
    looked = streamed.looked_at(lambda part: check(part, model, interface(model)))
    for shuffle in (True, False):
        with pytest.raises(FileError) as caught:
            fit(model, settings(shuffle=shuffle), looked)
        (problem,) = caught.value.problems
        assert (problem.code, problem.message) == ("data-nan", "`pixels[1100, 2]` is NaN (not a number)")
        assert reading() == []
    with pytest.raises(FileError):
        fit(model, settings(), single(tmp_path / "good")[1], looked)
    for apply in (evaluate, predict):
        with pytest.raises(FileError, match="NaN"):
            apply(model, looked)
        assert reading() == []


class Cutting(keras.callbacks.Callback):  # type: ignore[misc]
    """Cuts a file short after the first epoch."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        with open(self.path, "r+b") as file:
            file.truncate(5000)


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_file_that_is_cut_short_between_epochs_is_told(shuffle: bool, tmp_path: Path) -> None:
    _, streamed = single(tmp_path / "data")
    told: list[Any] = []
    cut = [Cutting(tmp_path / "data" / "pixels.npy")]
    with pytest.raises(FileError) as caught:
        fit(classifier(), settings(epochs=9, shuffle=shuffle), streamed, callbacks=cut, on_row=told.append)
    assert caught.value.problems[0].code == "data-changed"
    assert 1 <= len(told) < 9
    assert reading() == []


class Failing(keras.callbacks.Callback):  # type: ignore[misc]
    """Raises something of its own in a batch."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if batch == 5:
            raise self.error


def test_a_stream_ends_with_the_training_however_that_ends(tmp_path: Path) -> None:
    """The threads are ended, and no rows are held on to."""
    _, streamed = single(tmp_path / "data")
    held: list[weakref.ref[Any]] = []

    def look(part: Matched) -> None:
        held.append(weakref.ref(part.x["pixels"]))

    for raised, callbacks in (
        (None, []),
        (TrainingError, [Failing(ValueError("mine"))]),
        (KeyboardInterrupt, [Failing(KeyboardInterrupt())]),
    ):
        looked = replace(streamed, look=look, _passed=set())
        held.clear()
        if raised is None:
            fit(classifier(), settings(validation_steps=2), looked, looked)
        else:
            with pytest.raises(raised):
                fit(classifier(), settings(), looked, callbacks=callbacks)
        assert reading() == []
        gc.collect()
        assert held
        assert [ref for ref in held if ref() is not None] == []


def test_an_evaluation_that_fails_ends_its_stream(tmp_path: Path) -> None:
    _, streamed = single(tmp_path / "data")
    model = classifier()

    def broken(*args: Any, **named: Any) -> Any:
        raise ValueError("mine")

    model.test_step = model.predict_step = broken
    for apply in (evaluate, predict):
        with pytest.raises(TrainingError, match="mine"):
            apply(model, streamed, loop="single")
        assert reading() == []
