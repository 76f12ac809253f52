"""The catalogue's functions of `keras.ops` against Keras's, on tensors of a model."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

import pytest

from kspec import catalog

from . import made

UNUSABLE = {
    "bincount": "(?s).*",
    "conv_transpose": "lower",
    "histogram": "histogram",
    "image.elastic_transform": "(?s).*",
    "nonzero": "(?s).*",
    "bartlett": "symbolic",
    "kaiser": "symbolic",
    "convert_to_numpy": "symbolic",
}
"""Functions that fail on JAX in a compiled model, and what the error says."""

OPERATIONS = [name for name, entry in catalog.entries("ops").items() if not entry.jax]
CHOICES = [
    (name, parameter.name, choice)
    for name in OPERATIONS
    for parameter in catalog.entries("ops")[name].parameters
    for choice in parameter.choices or ()
    if parameter.name not in ("data_format", "dtype", "ord", "padding", "window")
]
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.mark.parametrize("name", OPERATIONS)
def test_function_takes_the_tensors_of_a_model(keras: ModuleType, name: str) -> None:
    outputs = keras.tree.flatten(made.call_operation(keras, name))
    assert outputs
    assert all(isinstance(each, keras.KerasTensor) for each in outputs)


@pytest.mark.parametrize("name", OPERATIONS)
def test_it_is_saved_as_the_catalogue_says(keras: ModuleType, name: str) -> None:
    config = catalog.entries("ops")[name].config
    module, made_by = config.split(">")
    output = keras.tree.flatten(made.call_operation(keras, name))[0]
    operation = output._keras_history.operation
    assert (type(operation).__module__, type(operation).__name__) == (module, made_by)
    saved = keras.saving.serialize_keras_object(operation)
    assert f"{saved['module']}>{saved['class_name']}" == config


@pytest.mark.parametrize(("name", "parameter", "choice"), CHOICES)
def test_choice_is_accepted(keras: ModuleType, name: str, parameter: str, choice: str) -> None:
    if (name, choice) == ("ops.image.scale_and_translate", "trilinear"):
        pytest.skip("the method is for volumes")
    changed: dict[str, Any] = {parameter: choice}
    made.call_operation(keras, name, real=True, **changed)


def test_dtypes_are_keras_own(keras: ModuleType) -> None:
    parameter = catalog.entries("ops")["ops.cast"].parameters[0]
    assert parameter.choices
    for name in parameter.choices:
        assert keras.utils.standardize_dtype(name)


@pytest.mark.parametrize("name", sorted(UNUSABLE))
def test_what_the_catalogue_calls_unusable_is(keras: ModuleType, name: str) -> None:
    """When Keras repairs one of these, its reason has to go."""
    assert catalog.entries("ops")[f"ops.{name}"].jax
    with pytest.raises(Exception, match=UNUSABLE[name]):
        made.call_compiled(keras, f"ops.{name}")


def test_every_exported_function_is_known(keras: ModuleType) -> None:
    flat = {f"ops.{name}" for name, each in vars(keras.ops).items() if inspect.isfunction(each)}
    assert len(flat) >= 337
    known = {name for entry in catalog.entries("ops").values() for name in (entry.name, *entry.identifiers)}
    assert flat <= known
    for space in ("nn", "numpy", "image", "linalg"):
        for name, each in vars(getattr(keras.ops, space)).items():
            if inspect.isfunction(each):
                entry = catalog.find("ops", f"ops.{space}.{name}")
                assert entry is not None
                assert made.symbol(keras, entry.path) is each


def test_pooling_needs_its_strides_on_jax(keras: ModuleType) -> None:
    """The parameter is required in the catalogue only as long as Keras's default does not run."""
    images = made.call_operation(keras, "ops.image.resize", real=True)
    with pytest.raises(TypeError):
        keras.ops.max_pool(images, 2)
