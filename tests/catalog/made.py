"""Keras objects and their inputs made of the plain tables of calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from kspec import catalog
from kspec.catalog.samples.layers import ARGUMENTS, INPUTS
from kspec.catalog.samples.ops import PARAMETERS, TENSORS


def symbol(keras: ModuleType, path: str) -> Any:
    """What Python finds at a path such as `keras.layers.Dense`."""
    found: Any = keras
    for part in path.split(".")[1:]:
        found = getattr(found, part)
    return found


def layer(keras: ModuleType, name: str, /, **changed: Any) -> Any:
    """A layer with its least arguments and some more."""
    arguments = {key: _value(keras, value) for key, value in ARGUMENTS.get(name, {}).items()}
    return getattr(keras.layers, name)(**{**arguments, **changed})


def call_layer(keras: ModuleType, made: Any, name: str, real: bool = False, **more: Any) -> Any:
    """Calls a layer on its inputs; the first goes by position, for Keras's image layers take it no other way."""
    inputs = INPUTS.get(name, {"inputs": (2, 8)})
    first, *rest = (_tensors(shape, _random if real else keras.KerasTensor) for shape in inputs.values())
    return made(first, **dict(zip(list(inputs)[1:], rest, strict=True)), **more)


def call_operation(
    keras: ModuleType, name: str, /, real: bool = False, make: Callable[..., Any] | None = None, **changed: Any
) -> Any:
    """Calls a function of `keras.ops` on its tensors, all of them of shape (2, 3) where no others are written down."""
    make = make or (_random if real else keras.KerasTensor)
    entry = catalog.entries("ops")[name]
    short = name.removeprefix("ops.")
    wanted: dict[str, Any] = {
        each.name: [(2, 3), (2, 3)] if each.tensor == "list" else (2, 3) for each in entry.call if each.required
    }
    wanted |= TENSORS.get(short, {})
    tensors = {key: _tensors(shape, make) for key, shape in wanted.items()}
    parameters = {key: _frozen(value) for key, value in {**PARAMETERS.get(short, {}), **changed}.items()}
    positional = tensors.pop(entry.variadic, []) if entry.variadic else []
    before = [parameters.pop("subscripts")] if "subscripts" in parameters else []
    return symbol(keras, entry.path)(*before, *positional, **tensors, **parameters)


def call_compiled(keras: ModuleType, name: str) -> Any:
    """Runs a model of one function as prediction does: compiled, on real data."""
    import jax

    inputs: list[Any] = []

    def make(shape: tuple[int, ...], dtype: str) -> Any:
        inputs.append(keras.Input(batch_shape=shape, dtype=dtype))
        return inputs[-1]

    model = keras.Model(inputs, keras.tree.flatten(call_operation(keras, name, make=make)))
    return jax.jit(model)([_random(each.shape, each.dtype) for each in inputs])


def shapes(keras: ModuleType, outputs: Any) -> list[tuple[int | None, ...]]:
    """Shapes of nested outputs."""
    return [tuple(each.shape) for each in keras.tree.flatten(outputs)]


def _value(keras: ModuleType, value: Any) -> Any:
    match value:
        case (str() as name, dict() as arguments):
            return getattr(keras.layers, name)(**{key: _value(keras, each) for key, each in arguments.items()})
        case list():
            return [_value(keras, each) for each in value]
    return value


def _tensors(shape: Any, make: Callable[..., Any]) -> Any:
    match shape:
        case list():
            return [_tensors(each, make) for each in shape]
        case (tuple() as inner, str() as dtype):
            return make(inner, dtype)
    return make(shape, "float32")


def _random(shape: tuple[int, ...], dtype: str) -> Any:
    """Positive numbers; square matrices are positive definite."""
    generator = np.random.default_rng(0)
    if dtype != "float32":
        return generator.integers(0, 2, shape).astype(dtype)
    values = generator.uniform(0.1, 1, shape)
    if len(shape) > 1 and shape[-1] == shape[-2]:
        values = values @ np.swapaxes(values, -1, -2) + 3 * np.eye(shape[-1])
    return values.astype(dtype)


def _frozen(value: Any) -> Any:
    """A list as the tuple that the functions of `keras.ops` want."""
    return tuple(_frozen(each) for each in value) if isinstance(value, list) else value


def conforms(value: Any, kinds: str) -> bool:
    """Whether plain data is of one of the kinds of a parameter's type."""
    return any(_IS[kind](value) for kind in kinds.split("|"))


_IS: Mapping[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "bool": lambda value: isinstance(value, bool),
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "float": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "str": lambda value: isinstance(value, str),
    "list": lambda value: isinstance(value, list | tuple),
    "dict": lambda value: isinstance(value, dict),
}
