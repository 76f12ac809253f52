"""Generated code trains as the spec's model does, and loads what kspec loads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kspec
from kspec.model.backend import load_keras
from kspec.model.quiet import without_keras_warnings

MODES = """kspec: 1
inputs: {x: 6}
blocks:
  unit: {layers: [{Dense: 6}, BatchNormalization]}
  inner: {nested: true, layers: [BatchNormalization, unit]}
layers:
  - {Dense: 6, name: first}
  - BatchNormalization
  - unit
  - inner
  - {repeat: 2, layers: [{Dense: 6}, BatchNormalization]}
  - {repeat: 2, layers: [unit]}
  - Reshape: [3, 2]
  - TimeDistributed: {layer: BatchNormalization}
  - Flatten
  - {BatchNormalization: , call: {training: false}}
  - {Dense: 1, name: y}
compile: {optimizer: {SGD: {learning_rate: 0.05}}, loss: mse}
"""


def made(text: str, style: Any, **more: Any) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "generated", "__file__": str(Path("generated.py").resolve())}
    exec(kspec.code(text if text.endswith(".yaml") else kspec.loads(text), style=style, **more), namespace)
    return namespace


@pytest.mark.parametrize("style", ["functional", "subclass"])
def test_layers_are_told_of_training(style: str) -> None:
    """A subclassed model is told by `fit` only where its `call` asks, and has to tell its layers then."""
    other = made(MODES, style)["build_model"]()
    random = np.random.default_rng(0)
    x, y = random.normal(size=(64, 6)).astype("float32"), random.normal(size=(64, 1)).astype("float32")
    moved = [v for v in other.non_trainable_variables if "moving_mean" in v.path]
    before = [np.asarray(v) for v in moved]
    other.compile("sgd", "mse")
    with without_keras_warnings():
        other.fit(x, y, epochs=1, verbose=0)
    changed = [not np.array_equal(old, np.asarray(v)) for old, v in zip(before, moved, strict=True)]
    assert len(changed) == 10
    assert changed.count(False) == (style == "subclass")  # which heeds what a call is told, as functional models do not


TABLE = """kspec: 1
inputs: {f: 3, one: 1}
layers:
  - Concatenate:
    from: [f, one]
  - Dense: {units: 2, activation: softmax}
    name: k
compile: {optimizer: sgd, loss: sparse_categorical_crossentropy}
data: {train: d.csv, fields: {f: "f*", one: c, k: k}}
"""


@pytest.mark.parametrize(
    ("separator", "header", "point", "start"),
    [
        (",", "f1,f2,f3,c,k", ".", b""),
        (";", "f1;f2;f3;c;k", ",", b""),
        (",", " f1 , f2,f3, c,k", ".", b""),
        (",", "f1,f2,f3,c,k", ".", b"\xef\xbb\xbf"),
    ],
)
@pytest.mark.parametrize("style", ["functional", "subclass"])
def test_tables_are_read_as_kspec_reads_them(
    separator: str, header: str, point: str, start: bytes, style: str, in_tmp: Path
) -> None:
    rows = [
        separator.join([f"0{point}{row % 9}", f"{row}", f"{row % 2}", f"1{point}5", ("ja", " nein")[row % 3 > 0]])
        for row in range(20)
    ]
    Path("d.csv").write_bytes(start + "\n".join([header, *rows, ""]).encode())
    Path("s.yaml").write_text(TABLE)
    namespace = made("s.yaml", style, train=True)
    inputs, y = namespace["load_data"](Path("d.csv"))
    wanted = kspec.load("s.yaml").training_data()
    np.testing.assert_array_equal(inputs["f"], np.asarray(wanted.x["f"]))  # type: ignore[union-attr]
    assert inputs["one"].shape == ((20, 1) if style == "subclass" else (20,))
    np.testing.assert_array_equal(inputs["one"].reshape(-1), np.asarray(wanted.x["one"]).reshape(-1))  # type: ignore[union-attr]
    np.testing.assert_array_equal(y, np.asarray(wanted.y["k"]))  # type: ignore[union-attr]
    model = namespace["build_model"]()
    model.compile("sgd", "sparse_categorical_crossentropy")
    with without_keras_warnings():
        model.fit(inputs, y, verbose=0)


def test_class_weights_are_not_for_the_rows_that_are_validated_on(in_tmp: Path) -> None:
    random = np.random.default_rng(0)
    np.savez("d.npz", x=random.random((42, 2)), k=random.integers(0, 2, 42), w=random.random(42))
    Path("s.yaml").write_text(
        """kspec: 1
seed: 1
inputs: {x: 2}
layers: [{Dense: {units: 2, activation: softmax}, name: k}]
compile: {optimizer: sgd, loss: sparse_categorical_crossentropy}
fit: {epochs: 2, shuffle: false, validation_split: 0.2, class_weight: {0: 1, 1: 2}, sample_weight: w}
data: {train: d.npz}
"""
    )
    namespace = made("s.yaml", "functional", train=True)
    x, y, weights = namespace["load_data"](Path("d.npz"))
    keras = load_keras()
    keras.utils.set_random_seed(1)
    model = namespace["build_model"]()
    model.compile("sgd", "sparse_categorical_crossentropy")
    with without_keras_warnings():
        how = {"sample_weight": weights, "epochs": 2, "shuffle": False, "validation_split": 0.2, "verbose": 0}
        history = model.fit(x, y, **how).history
    rows = kspec.load("s.yaml").fit(output="run").history
    for key in ("loss", "val_loss"):
        np.testing.assert_allclose([row[key] for row in rows], history[key], rtol=1e-5)
