"""Specs whose training has every kind of state, and what a run that has ended is known by."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from kspec.training.checkpoints.store import Store

ROWS = 400

DENSE = """
kspec: 1
name: dense
seed: 5
{policy}
inputs: {{x: 8}}
layers:
  - Dense: {{units: 16, use_bias: false}}
  - BatchNormalization
  - Activation: relu
  - GaussianNoise: 0.1
  - Dropout: 0.3
  - Dense: {{units: 3, activation: softmax, dtype: float32}}
    name: y
compile:
  optimizer: {optimizer}
  loss: sparse_categorical_crossentropy
  metrics: [accuracy]
fit:
  epochs: 6
  batch_size: 16
  callbacks: {callbacks}
data: {{train: data.npz, validation: held.npz}}
"""

RECURRENT = """
kspec: 1
name: recurrent
seed: 5
inputs: {x: [4, 2]}
layers:
  - LSTM: {units: 6, dropout: 0.2}
  - Dense: 1
    name: y
compile: {optimizer: rmsprop, loss: mse}
fit: {epochs: 3, batch_size: 32, steps_per_epoch: 5, validation_split: 0.2}
data: {train: sequences.npz}
"""


def _dense(policy: str = "", optimizer: str = "adam", callbacks: str = "[]") -> str:
    return DENSE.format(policy=policy, optimizer=optimizer, callbacks=callbacks)


SPECS = {
    "plain": _dense(),
    "plateau": _dense(
        optimizer="{SGD: {learning_rate: 0.3, momentum: 0.9, use_ema: true, ema_momentum: 0.9}}",
        callbacks="[{ReduceLROnPlateau: {monitor: loss, patience: 1, min_delta: 0.2}}]",
    ),
    "early": _dense(
        optimizer="{AdamW: {learning_rate: 0.05, gradient_accumulation_steps: 3}}",
        callbacks="[{EarlyStopping: {monitor: val_loss, patience: 2, restore_best_weights: true}}]",
    ),
    "mixed": _dense(policy="dtype_policy: mixed_float16"),
    "averaged": _dense(
        optimizer="{Adam: {use_ema: true}}", callbacks="[{SwapEMAWeights: {swap_on_epoch: true}}, {CSVLogger: log.csv}]"
    ),
    "recurrent": RECURRENT,
}
"""Specs by name; `write` puts their data beside them."""


def write(folder: Path, name: str) -> Path:
    """The spec's file, with its data."""
    random = np.random.default_rng(0)
    for file, rows in (("data", ROWS), ("held", 90)):
        x = random.normal(size=(rows, 8)).astype("float32")
        np.savez(folder / f"{file}.npz", x=x, y=(x[:, :3] ** 2).argmax(1).astype("int32"))
    x = random.normal(size=(ROWS, 4, 2)).astype("float32")
    np.savez(folder / "sequences.npz", x=x, y=x.sum((1, 2))[:, None])
    path = folder / "spec.yaml"
    path.write_text(SPECS[name], encoding="utf-8")
    return path


def digest(run: Path) -> dict[str, Any]:
    """What a run that has ended is known by: the SHA-256 of every part of its whole state, and the history's rows."""
    snapshot = Store(run).latest()
    assert snapshot is not None
    found: dict[str, Any] = {"place": (snapshot.place.epoch, snapshot.place.step)}
    for group, arrays in snapshot.arrays.items():
        digest = hashlib.sha256()
        for key, array in sorted(arrays.items()):
            digest.update(f"{key} {array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        found[group] = digest.hexdigest()
    facts = {key: value for key, value in snapshot.facts.items() if key not in ("way", "random")}
    found["facts"] = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    found["history"] = (run / "history.jsonl").read_text(encoding="utf-8")
    return found
