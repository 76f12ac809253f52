"""Plans of models that kspec did not make: those of keras.applications, saved and read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from kspec.model.outline import outline, total
from kspec.model.plan import Plan
from kspec.model.planning import plan_model
from kspec.model.quiet import without_keras_warnings
from kspec.targets import know
from tests.model import twins

TEN = [
    *("MobileNet", "MobileNetV2", "MobileNetV3Small", "MobileNetV3Large", "EfficientNetB0", "EfficientNetV2B0"),
    *("NASNetMobile", "DenseNet121", "ResNet50", "InceptionV3"),
]


@pytest.mark.slow
@pytest.mark.parametrize("name", TEN)
def test_applications_are_known_from_their_files(name: str, tmp_path: Path) -> None:
    """Parameters and bytes are those of the built model."""
    model = getattr(keras.applications, name)(weights=None)
    with without_keras_warnings():
        model.save(tmp_path / "model.keras")
    found = know(tmp_path / "model.keras").plan
    assert found.params == model.count_params()
    assert found.trainable == sum(weight.value.size for weight in model.trainable_weights)
    assert found.weight_bytes == sum(weight.value.nbytes for weight in model.weights)
    assert found.outputs == tuple((layer.name, tuple(layer.output.shape), "float32") for layer in [model.layers[-1]])
    assert total(outline(found), lambda call: call.params) == found.params


def _rows(plan: Plan) -> list[tuple[Any, ...]]:
    return [(call.name, call.operation, call.params, call.shared, call.wires) for call in plan.calls]


def test_a_sequential_model() -> None:
    model = keras.Sequential(
        [keras.Input((8,), name="x"), keras.layers.Dense(3, name="a"), keras.layers.ReLU(name="b")]
    )
    found = plan_model(model)
    assert _rows(found) == [
        ("x", "Input", 0, False, ()),
        ("a", "Dense", 27, False, (("x", 0),)),
        ("b", "ReLU", 0, False, (("a", 0),)),
    ]
    assert found.outputs == (("b", (None, 3), "float32"),)
    assert found.depth == 2


def test_shared_layers_nested_models_and_functions() -> None:
    x, y = keras.Input((4,), name="x"), keras.Input((4,), name="y")
    dense = keras.layers.Dense(4, name="dense")
    inner = keras.Sequential([keras.Input((4,), name="in"), keras.layers.Dense(2, name="dense")], name="inner")
    out = keras.ops.matmul(inner(dense(x)), keras.ops.transpose(inner(dense(y))))
    found = plan_model(keras.Model([x, y], out))
    names = [(call.name, call.operation, call.params, call.shared) for call in found.calls]
    assert [each for each in names if each[1] != "Input"][:4] == [
        ("dense", "Dense", 20, False),
        ("dense (2)", "Dense", 0, True),
        ("inner", "model", 10, False),
        ("inner (2)", "model", 0, True),
    ]
    assert found.calls[-1].operation == "ops.matmul"
    assert [row[:3] for row in _rows(found._replace(calls=found.calls[4].inner))] == [
        ("in", "Input", 0),
        ("dense", "Dense", 10),
    ]
    assert found.params == 30


def test_frozen_and_other_parameters() -> None:
    """Moving averages are never trained; what `trainable = False` stops is frozen."""
    x = keras.Input((4,))
    norm, dense = keras.layers.BatchNormalization(), keras.layers.Dense(3)
    model = keras.Model(x, dense(norm(x)))
    norm.trainable = False
    call = plan_model(model).calls[1]
    assert (call.params, call.trainable, call.frozen, call.other) == (16, 0, 8, 8)
    call = plan_model(model).calls[2]
    assert (call.params, call.trainable, call.frozen, call.other) == (15, 15, 0, 0)


def test_a_subclassed_model_is_a_list_of_layers() -> None:
    class Own(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(3)

        def call(self, x: Any) -> Any:
            return self.dense(x)

    model = Own()
    model(np.zeros((1, 4), "float32"))
    assert [(call.operation, call.params) for call in plan_model(model).calls] == [("Dense", 15)]


def test_outputs_of_a_model_inside_by_their_names() -> None:
    """In the spec's order, not in that of the names, which is Keras's."""
    found = twins.loaded(
        """
        inputs: {x: 4}
        blocks:
          pair:
            nested: true
            layers: [{Dense: 2, name: p}, {Dense: 3, name: q, from: input}]
            outputs: {z: p, a: q}
        layers: [{pair: {}, name: two}, {Dense: 5, name: last, from: two.z}]
        outputs: {last: last, z: two.z, a: two.a}
        """
    ).plan()
    _, two, last = found.calls
    assert two.outputs == (((None, 2), "float32"), ((None, 3), "float32"))
    assert (two.ends, last.wires) == ((("p", 0), ("q", 0)), (("two", 0),))
    assert found.ends == (("last", 0), ("two", 0), ("two", 1))
