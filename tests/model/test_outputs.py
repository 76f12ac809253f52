"""What a spec lists for its outputs goes to them in the spec's order, whatever the order of their names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kspec import api

SPEC = """\
kspec: 1
seed: 1
inputs: {frames: [6, 2]}
layers:
  - GRU: {units: 3, return_sequences: true, return_state: true}
    name: [sequence, end]
compile: {optimizer: adam, loss: [mse, mae], loss_weights: [1, 100], metrics: [mse, mae]}
fit: {epochs: 1}
"""


def test_losses_and_metrics_in_the_order_of_the_outputs(in_tmp: Path) -> None:
    rng = np.random.default_rng(0)
    shapes = {"frames": (8, 6, 2), "sequence": (8, 6, 3), "end": (8, 3)}
    given = {name: rng.normal(size=shape).astype("float32") for name, shape in shapes.items()}
    np.savez("data.npz", **given)  # type: ignore[arg-type]
    api.loads(SPEC).fit("data.npz", output="run")
    found = api.predict("run", "data.npz")
    squared = float(np.mean((found["sequence"] - given["sequence"]) ** 2))
    absolute = float(np.mean(np.abs(found["end"] - given["end"])))
    scores = api.evaluate("run", "data.npz")
    wanted = {"sequence_loss": squared, "sequence_mse": squared, "end_loss": absolute, "end_mae": absolute}
    assert scores == pytest.approx({**wanted, "loss": squared + 100 * absolute}, rel=1e-5)
