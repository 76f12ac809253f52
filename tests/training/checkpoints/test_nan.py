"""A loss that is no number: where it comes from, and going on without it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kspec import load
from kspec.diagnostics import NotANumber
from kspec.training.checkpoints.store import Store
from tests.training.checkpoints.test_resume import Teller

SPEC = """
kspec: 1
seed: 3
inputs: {x: 4}
layers:
  - Dense: 8
    name: first
  - {operation}
  - Dense: 1
    name: y
compile: {{optimizer: {optimizer}, loss: mse}}
fit: {{epochs: 3, batch_size: 10, shuffle: false, checkpoint_every: 7 steps}}
data: {{train: data.npz}}
"""


def write(operation: str = "Activation: relu", optimizer: str = "{SGD: 0.01}", **changes: tuple[int, float]) -> None:
    """A spec and 100 rows; `changes` puts a number into the row of an array."""
    draws = np.random.default_rng(0)
    arrays = {"x": draws.normal(size=(100, 4)).astype("float32"), "y": draws.normal(size=(100, 1)).astype("float32")}
    for name, (row, value) in changes.items():
        arrays[name][row] = value
    np.savez("data.npz", **arrays)
    text = SPEC.replace("{x: 4}", "{{x: 4}}").format(operation=operation, optimizer=optimizer)
    Path("spec.yaml").write_text(text, encoding="utf-8")


def values(model: Any) -> list[np.ndarray]:
    return [np.asarray(variable.value) for variable in model.weights]


def fit(**given: Any) -> Any:
    return load("spec.yaml", sets=given.pop("sets", ())).fit(output="run", loop="scan", **given)


@pytest.mark.parametrize(
    ("what", "given", "step", "found"),
    [
        ("a row of the data", {"x": (34, np.nan)}, 4, "the input, row 5 of the batch"),
        ("a target", {"y": (61, np.inf)}, 7, "the targets, row 2 of the batch"),
        ("a layer", {"operation": "ops.log", "x": (0, 1.0)}, 1, "the output of `log`"),
        ("a number that is too large", {"x": (92, 1e25)}, 10, "the loss, every output of the model being finite"),
    ],
)
def test_the_first_that_went_wrong_is_named(
    what: str, given: dict[str, Any], step: int, found: str, in_tmp: Path
) -> None:
    write(**given)
    with pytest.raises(NotANumber) as stopped:
        fit(allow_nan=True)
    assert stopped.value.status == 4
    assert (stopped.value.epoch, stopped.value.step) == (1, step)
    assert str(stopped.value).endswith(f"in epoch 1, step {step}, first in {found}")
    assert json.loads(Path("run/run.json").read_text())["state"] == "failed"
    for checkpoint in Store(Path("run")).all():
        assert checkpoint.read().is_finite


def test_an_update_is_named(in_tmp: Path) -> None:
    """A learning rate that is far too high makes weights infinite, and the loss of the step after that."""
    write(optimizer="{SGD: 1e30}")
    with pytest.raises(NotANumber) as stopped:
        fit()
    assert str(stopped.value) == "`loss` became infinite in epoch 1, step 2, first in the output of `y`"


def test_bad_steps_are_left_out(in_tmp: Path) -> None:
    """As if the batches were not there."""
    write(x=(34, np.nan))
    result = fit(allow_nan=True, sets=["fit.on_nan=skip"])
    data = dict(np.load("data.npz"))
    np.savez("data.npz", **{name: np.delete(array, slice(30, 40), 0) for name, array in data.items()})
    other = load("spec.yaml").fit(output="other", loop="scan")
    for one, wanted in zip(values(result.model), values(other.model), strict=True):
        np.testing.assert_allclose(one, wanted, rtol=1e-5)
    for row, wanted in zip(result.history, other.history, strict=True):
        assert row == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("row", [54, 94])
def test_a_training_goes_on_from_the_last_checkpoint(row: int, in_tmp: Path) -> None:
    """Of the 10 steps of an epoch the sixth or the last is bad; checkpoints are taken after steps 7, 14, 21 and 28."""
    write(x=(row, np.nan))
    told: list[str] = []
    result = fit(allow_nan=True, sets=["fit.on_nan=rollback"], progress=Teller(told))
    assert [row["epoch"] for row in result.history] == [1, 2, 3]
    assert all(np.isfinite(array).all() for array in values(result.model))
    assert all(np.isfinite(row.get("loss", 0.0)) for row in result.history)
    back = [text.partition("back to the weights after ")[2].partition(",")[0] for text in told if "back to" in text]
    assert back == ["epoch 0", "epoch 1", "epoch 2"]
