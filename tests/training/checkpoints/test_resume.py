"""A training that is broken off anywhere and gone on with is the one that was not, bit by bit."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kspec import Result, evaluate, load
from kspec.diagnostics import FileError, Stopped, UsageError
from kspec.training.checkpoints.store import Store
from kspec.training.loop import testing
from kspec.training.loop.epochs import Training
from kspec.training.run import Run
from kspec.training.watch import Silent
from tests.training.checkpoints.runs import digest, write

Break = Callable[[pytest.MonkeyPatch], None]


def fit(folder: str, **given: Any) -> Result:
    return load("spec.yaml").fit(output=folder, **({"loop": "scan"} | given))


def at_step(epoch: int, step: int) -> Break:
    """A SIGTERM in the midst of an epoch."""

    def set_up(patch: pytest.MonkeyPatch) -> None:
        after = Training._after_steps

        def stop(self: Training, place: Any) -> None:
            if (place.epoch, place.step) >= (epoch, step):
                signal.raise_signal(signal.SIGTERM)
            after(self, place)

        patch.setattr(Training, "_after_steps", stop)

    return set_up


def in_validation(number: int) -> Break:
    """A SIGTERM in a validation, the first being 0."""

    def set_up(patch: pytest.MonkeyPatch) -> None:
        run, count = testing.Testing.run, iter(range(100))

        def stop(self: testing.Testing, *args: Any) -> Any:
            if next(count) == number:
                signal.raise_signal(signal.SIGTERM)
            return run(self, *args)

        patch.setattr(testing.Testing, "run", stop)

    return set_up


def after_epoch(epoch: int) -> Break:
    """A SIGTERM when the callbacks have seen the end of an epoch, counted from 1."""

    def set_up(patch: pytest.MonkeyPatch) -> None:
        after = Training._after_epoch

        def stop(self: Training, place: Any) -> None:
            if place.epoch == epoch:
                signal.raise_signal(signal.SIGTERM)
            after(self, place)

        patch.setattr(Training, "_after_epoch", stop)

    return set_up


class Teller(Silent):
    """Keeps what it is told."""

    def __init__(self, told: list[str]) -> None:
        self._told = told

    def message(self, text: str) -> None:
        self._told.append(text)


BREAKS = {
    "first": at_step(0, 1),
    "middle": at_step(2, 3),
    "validation": in_validation(1),
    "end": after_epoch(2),
}


@pytest.fixture(autouse=True)
def _here(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One step at a time is enough, so that a signal finds a place between any two."""
    monkeypatch.setattr("kspec.training.loop.running.WAIT", 1e-9)


# The others are killed in test_kills.
CASES = [
    ("early", "scan"),
    pytest.param("plain", "packed", marks=pytest.mark.slow),
    *(pytest.param(name, "scan", marks=pytest.mark.slow) for name in ("plateau", "averaged", "recurrent")),
]


@pytest.mark.parametrize(("name", "loop"), CASES)
def test_a_signal_anywhere_loses_nothing(name: str, loop: str) -> None:
    write(Path(), name)
    fit("whole", loop=loop)
    last = Store(Path("whole")).latest()
    assert last is not None
    assert last.facts["way"] == loop
    wanted = digest(Path("whole"))
    log = Path("log.csv").read_text() if Path("log.csv").exists() else ""
    for where, breaking in BREAKS.items():
        with pytest.MonkeyPatch.context() as patch:
            breaking(patch)
            with pytest.raises(Stopped) as stopped:
                fit(where, loop=loop)
        assert stopped.value.number == signal.SIGTERM
        assert json.loads(Path(where, "run.json").read_text())["state"] == "interrupted"
        assert not Path(where, "model.keras").exists()
        result = fit(where, resume="auto", loop=loop)
        assert digest(Path(where)) == wanted, where
        assert [row["epoch"] for row in result.history] == list(range(1, len(result.history) + 1))
        assert not log or Path("log.csv").read_text() == log


def test_without_a_checkpoint_a_run_begins_again_in_its_folder() -> None:
    write(Path(), "plain")
    fit("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Training, "run", lambda self: signal.raise_signal(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            fit("run")
    assert not Path("run/checkpoints").exists()
    fit("run", resume="auto")
    assert digest(Path("run")) == digest(Path("whole"))


def test_a_finished_run_is_complete_and_can_be_extended() -> None:
    write(Path(), "early")
    load("spec.yaml", sets=["fit.epochs=2"]).fit(output="run", loop="scan")
    facts = Path("run/run.json").read_bytes()
    told: list[str] = []
    result = load("spec.yaml", sets=["fit.epochs=2"]).fit(resume="run", loop="scan", progress=Teller(told))
    assert told[-1] == "run: already complete, 2 epochs"
    saved = load("spec.yaml").build(compile=False)
    saved.load_weights("run/model.weights.h5")
    for one, other in zip(result.model.weights, saved.weights, strict=True):
        np.testing.assert_array_equal(one.value, other.value)
    assert Path("run/run.json").read_bytes() == facts
    assert [row["epoch"] for row in result.history] == [1, 2]
    fit("run", resume="run")
    fit("whole")
    assert digest(Path("run")) == digest(Path("whole"))
    assert "epochs: 6" in Path("run/spec.yaml").read_text()


def test_a_damaged_model_is_written_again_from_the_checkpoint() -> None:
    write(Path(), "early")
    fit("run")
    before = {name: Path("run", name).read_bytes() for name in ("model.weights.h5", "history.jsonl")}
    weights = load("spec.yaml").build(compile=False)
    weights.load_weights("run/model.weights.h5")
    data = bytearray(Path("run/model.keras").read_bytes())
    data[len(data) // 2] ^= 1
    Path("run/model.keras").write_bytes(data)
    with pytest.raises(FileError, match=r"`run/model\.keras` is damaged"):
        evaluate("run")
    fit("run", resume="run")
    assert evaluate("run")
    again = load("spec.yaml").build(compile=False)
    again.load_weights("run/model.weights.h5")
    for one, other in zip(weights.weights, again.weights, strict=True):
        np.testing.assert_array_equal(one.value, other.value)
    assert Path("run/history.jsonl").read_bytes() == before["history.jsonl"]


def test_another_training_is_refused_with_the_keys_that_differ() -> None:
    write(Path(), "plain")
    fit("run")
    folder = sorted(Path("run/checkpoints").iterdir())
    with pytest.raises(UsageError) as refused:
        load("spec.yaml", sets=["seed=6", "compile.optimizer=sgd", "layers.0.Dense.units=17"]).fit(resume="run")
    (problem,) = refused.value.problems
    assert problem.code == "resume-differs"
    noted = [note.text for note in problem.notes]
    assert "`seed` was 5 and is 6" in noted
    assert "`layers.0.Dense.units` was 16 and is 17" in noted
    assert any(text.startswith("`compile.optimizer") for text in noted)
    np.savez("data.npz", x=np.zeros((50, 8), "float32"), y=np.zeros(50, "int32"))
    with pytest.raises(UsageError) as refused:
        load("spec.yaml", sets=["fit.epochs=8"]).fit(resume="run")
    noted = [note.text.split("`")[1] for note in refused.value.problems[0].notes]
    assert noted == ["data.train", "data.train.rows"]
    assert sorted(Path("run/checkpoints").iterdir()) == folder
    load("spec.yaml", sets=["fit.epochs=7"]).fit(resume="run", accept_changes=True)
    assert len(Path("run/history.jsonl").read_text().splitlines()) == 7


def test_another_model_is_refused_though_changes_are_accepted() -> None:
    write(Path(), "plain")
    fit("run")
    loaded = load("spec.yaml", sets=["fit.epochs=8", "layers.0.Dense.units=17"])
    with pytest.raises(FileError) as refused:
        loaded.fit(resume="run", accept_changes=True)
    (problem,) = refused.value.problems
    assert problem.code == "checkpoint-model"
    assert "`dense/kernel` (8, 16) float32 where the model has `dense/kernel` (8, 17) float32" in problem.message


def test_one_process_writes_into_a_run() -> None:
    write(Path(), "plain")
    fit("run")
    script = (
        "import pathlib, time; from kspec.training.run import Run; Run(pathlib.Path('run')).lock(); print(flush=True)"
    )
    with subprocess.Popen([sys.executable, "-c", f"{script}; time.sleep(100)"], stdout=-1) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert Run(Path("run")).is_locked
        with pytest.raises(FileError, match="another process is training in `run`"):
            load("spec.yaml", sets=["fit.epochs=8"]).fit(resume="run")
        other.kill()
    assert not Run(Path("run")).is_locked
    load("spec.yaml", sets=["fit.epochs=8"]).fit(resume="run", loop="scan")


def test_the_run_is_found() -> None:
    write(Path(), "plain")
    with pytest.raises(FileError, match="there is no run of `dense`"):
        load("spec.yaml").fit(resume="")
    with pytest.raises(UsageError, match="needs the run's folder"):
        load("spec.yaml").fit(resume="auto")
    with pytest.raises(FileError, match="does not exist"):
        load("spec.yaml").fit(resume="nowhere")
    first, second = (load("spec.yaml", sets=["fit.epochs=1"]).fit(loop="scan").folder for _ in range(2))
    assert first != second
    assert load("spec.yaml", sets=["fit.epochs=2"]).fit(resume="", loop="scan").folder == second


def test_what_a_callback_cannot_keep_is_told() -> None:
    write(Path(), "plain")
    Path("mine.py").write_text(
        "import keras\nclass Counts(keras.callbacks.Callback):\n"
        "    def __init__(self):\n        super().__init__()\n        self.seen, self.place = {}, object()\n"
        "    def on_epoch_end(self, epoch, logs=None):\n        self.seen[epoch] = round(logs['loss'], 3)\n"
        "        print('seen', sorted(self.seen))\n"
    )
    text = Path("spec.yaml").read_text().replace("inputs:", "custom: [mine]\ninputs:", 1)
    Path("spec.yaml").write_text(text.replace("callbacks: []", "callbacks: [mine.Counts]"))
    load("spec.yaml", sets=["fit.epochs=2"], trust=["mine"]).fit(output="run", loop="scan")
    told: list[str] = []
    load("spec.yaml", sets=["fit.epochs=3"], trust=["mine"]).fit(resume="run", loop="scan", progress=Teller(told))
    assert "`Counts.place` cannot be kept in a checkpoint, and is as the callback begins with it" in told
    assert "seen [0, 1, 2]" in told
