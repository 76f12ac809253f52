"""Every layer and every function that a spec can name, built from a spec and held against Keras called directly."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kspec
from kspec import catalog
from kspec.catalog.samples import SEVERAL, sample
from kspec.model.quiet import without_keras_warnings
from kspec.spec.writing import dump

from . import made

LAYERS = [name for name, entry in catalog.entries("layers").items() if not entry.jax]
OPERATIONS = [name for name, entry in catalog.entries("ops").items() if not entry.jax]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"),
]


SYMBOLIC = {"ops.image.gaussian_blur"}
"""Functions that compute something else in a model than when they are called on arrays: Keras's own difference."""


def values(keras: ModuleType, outputs: Any) -> list[Any]:
    return [keras.ops.convert_to_numpy(each) for each in keras.tree.flatten(outputs)]


def same(one: list[Any], other: list[Any]) -> None:
    assert [(each.shape, each.dtype) for each in one] == [(each.shape, each.dtype) for each in other]
    for left, right in zip(one, other, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-6)


def arrays_of(shapes: Any) -> Any:
    """Random arrays for the shapes of a sample, in their order."""
    found: list[Any] = []
    made._tensors(shapes, lambda *given: found.append(made._random(*given)))
    return found if len(found) > 1 else found[0]


@pytest.mark.parametrize("name", LAYERS)
def test_layer(keras: ModuleType, name: str) -> None:
    entry = catalog.entries("layers")[name]
    loaded = kspec.loads(dump(sample(entry)))
    model = loaded.build()
    layer = made.layer(keras, name)
    made.call_layer(keras, layer, name, real=True)
    assert loaded.plan().params == model.count_params() == layer.count_params()
    at_rest = {"training": False} if entry.argument("training") is not None else {}
    with without_keras_warnings():
        for mine, theirs in zip(model.weights, layer.weights, strict=True):
            assert (mine.shape, mine.dtype) == (theirs.shape, theirs.dtype)
            theirs.assign(mine)
        direct = values(keras, made.call_layer(keras, layer, name, real=True, **at_rest))
        given = arrays_of(list(made.INPUTS.get(name, {"inputs": (2, 8)}).values()))
        same(values(keras, model(given, training=False)), direct[:1] if name in SEVERAL else direct)


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation(keras: ModuleType, name: str) -> None:
    model = kspec.loads(dump(sample(catalog.entries("ops")[name]))).build()
    with without_keras_warnings():
        given = [made._random(each.shape, each.dtype) for each in model.inputs]
        found = values(keras, model(given if len(given) > 1 else given[0]))
        if name in SYMBOLIC:
            inputs = [keras.Input(batch_shape=each.shape, dtype=each.dtype) for each in model.inputs]
            left = iter(inputs)
            outputs = made.call_operation(keras, name, make=lambda *_: next(left))
            direct = values(keras, keras.Model(inputs, outputs)(given))
        else:
            direct = values(keras, made.call_operation(keras, name, real=True))
        same(found, direct[:1] if name.removeprefix("ops.") in SEVERAL else direct)
