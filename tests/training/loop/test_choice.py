"""The way to run steps: measured, remembered, and the same numbers in every way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from kspec.model.private import prepare_training
from kspec.training import evaluate, fit, predict
from kspec.training.loop import LoopName, choice, tasks
from kspec.training.loop.choice import choose, key_of
from kspec.training.loop.feed import example, feed
from kspec.training.loop.holding import Held
from kspec.training.loop.programs import LOOPS
from kspec.training.loop.running import Pace, Running
from tests.training.models import classifier, interface, keras, matched, rows, settings, two_headed

X, Y = rows(203)
DATA = matched({"pixels": X}, {"digit": Y})


def chosen(model: Any, planned: int = 10**6, key: str | None = None) -> choice.Choice:
    """What is chosen for a training on all rows."""
    prepare_training(model, example(DATA, interface(model), 16))
    running = Running(tasks.training(model, every=False), 16)
    held = Held(model)
    part = next(feed(DATA, interface(model), 16).over(0))
    before = jax.tree.map(np.asarray, held.state)
    found = choose(running, None, held.state, part, planned, key=key)
    for one, other in zip(jax.tree.leaves(before), jax.tree.leaves(held.state), strict=True):
        np.testing.assert_array_equal(one, other)  # what was tried was tried on copies
    assert running.way == found.way
    return found


def test_a_loop_is_faster_for_a_small_network() -> None:
    """On any machine: a step of microseconds, against the start of a program."""
    found = chosen(classifier())
    assert found.way in LOOPS
    assert found.seconds["scan"] < found.seconds["single"]
    assert found.why.startswith("the fastest of those tried, for a step: single ")


def test_few_steps_are_not_worth_a_loop() -> None:
    assert chosen(classifier(), planned=3).why == "compiling a loop takes longer than it could save in so many steps"


def test_what_was_chosen_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KSPEC_CACHE", str(tmp_path))
    model = classifier()
    key = key_of(model, "train", 16, (X, Y, None))
    assert key is not None
    first = chosen(model, key=key)
    (file,) = (tmp_path / "loops").iterdir()
    assert json.loads(file.read_text())["way"] == first.way in LOOPS
    file.write_text(json.dumps({"way": "single", "seconds": {"single": 0.001}}))
    again = chosen(model, key=key)
    assert (again.way, again.why) == ("single", "the fastest when it was tried before")
    wrong = '{"way": "fast", "seconds": {"fast": 1}}', '{"way": "single", "seconds": {"single": "x"}}'
    for nonsense in ("{", "[]", *wrong):
        file.write_text(nonsense)
        assert choice._remembered(key) is None  # and so it is tried again


def test_a_key_tells_models_and_batches_apart() -> None:
    data = (X, Y, None)
    keras.utils.clear_session()  # names are counted, and stand in configurations
    model = classifier()
    same = key_of(model, "train", 16, data)
    keras.utils.clear_session()
    assert key_of(classifier(), "train", 16, data) == same
    frozen = classifier()
    frozen.layers[1].trainable = False
    keys = {
        key_of(model, "train", 16, data),
        key_of(model, "train", 32, data),
        key_of(model, "test", 16, data),
        key_of(classifier(features=5), "train", 16, (X[:, :3], Y, None)),
        key_of(frozen, "train", 16, data),
    }
    assert len(keys) == 5


class Drifting(keras.Model):  # type: ignore[misc]
    """Its training step gives variables in another dtype than it was given them."""

    def train_step(self, state: Any, data: Any) -> Any:
        logs, (weights, others, slots, metrics) = super().train_step(state, data)
        return logs, (weights, others, slots, [value.astype("float16") for value in metrics])


def test_a_state_keeps_its_dtypes() -> None:
    plain = classifier()
    model = Drifting(plain.inputs, plain.outputs)
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert chosen(model).way == "scan"
    assert len(fit(model, settings(), DATA).rows) == 2


@pytest.mark.parametrize("loop", ["single", "scan", "auto"])
def test_scores_and_predictions_are_those_of_keras(loop: LoopName) -> None:
    model = two_headed()
    x = {"left": X, "right": X[:, :2]}
    y = {"kind": Y, "hard": (Y > 1) * 1.0}
    weights = {"kind": np.linspace(0, 2, len(X)), "hard": np.ones(len(X))}
    data = matched(x, y, weights)
    given = [x["left"], x["right"]]
    scores = model.evaluate(
        given, [y["kind"], y["hard"]], sample_weight=list(weights.values()), return_dict=True, verbose=0
    )
    found = evaluate(model, data, loop=loop)
    assert found == pytest.approx(scores, rel=1e-5)
    for name, array in zip(("kind", "hard"), model.predict(given, verbose=0), strict=True):
        np.testing.assert_allclose(predict(model, data, loop=loop, batch_size=50)[name], array, rtol=1e-5, atol=1e-7)


def test_a_way_does_not_change_what_is_learnt() -> None:
    histories = [fit(classifier(), settings(epochs=4), DATA, loop=loop).rows for loop in ("single", "scan", "packed")]
    for one, other, packed in zip(*histories, strict=True):
        assert one == pytest.approx(other, rel=1e-5)
        assert one == pytest.approx(packed, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("loop", ["scan", "packed"])
def test_the_number_of_steps_started_together_changes_nothing(loop: LoopName, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bit for bit: it hangs on how busy the machine is."""
    found = []
    for count in (1, 3, 5, 100):
        monkeypatch.setattr(Pace, "steps", lambda self, most, count=count: min(most, count))
        model = classifier()
        history = fit(model, settings(epochs=3, validation_split=0.1), DATA, loop=loop)
        found.append((history.rows, [np.asarray(v.value).tobytes() for v in model.weights]))
    assert all(each == found[0] for each in found)


def test_a_pace_is_some_tens_of_milliseconds() -> None:
    pace = Pace()
    assert pace.steps(1000) == 8
    for _ in range(20):
        pace.note(8, 8 * 0.001)
    assert pace.steps(1000) == pytest.approx(40, abs=1)
    assert (pace.steps(10), Pace(5.0).steps(10)) == (10, 1)
