"""What Keras exports: classes and functions by kind, each with the names that mean it."""

from __future__ import annotations

import importlib
import inspect
import os
import re
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

MODULES = {
    "layers": "layers",
    "losses": "losses",
    "metrics": "metrics",
    "optimizers": "optimizers",
    "schedules": "optimizers.schedules",
    "initializers": "initializers",
    "regularizers": "regularizers",
    "constraints": "constraints",
    "callbacks": "callbacks",
    "dtype_policies": "dtype_policies",
    "quantizers": "quantizers",
    "distributions": "distribution",
}
"""The public module of each kind of class."""

_SHORT = {
    "losses": "bce BCE kld KLD mae MAE mse MSE mape MAPE msle MSLE",
    "metrics": "bce BCE mae MAE mse MSE mape MAPE msle MSLE",
    "initializers": "normal uniform one zero",
    "regularizers": "l1l2",
}
"""Identifiers that no export and no class name gives away; a test compares with Keras's own tables."""

_FLOATS = ("float16", "bfloat16", "float32", "float64", "mixed_float16", "mixed_bfloat16")
_INTEGERS = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_POLICIES = (
    *(*_FLOATS, *_INTEGERS),
    *(f"{mode}_from_{source}" for mode in ("int8", "int4", "float8") for source in _FLOATS),
)

_NOT_OBJECTS = {"InputSpec"}
"""Exported classes that no spec names."""


class Export(NamedTuple):
    """A class or function that a spec may name."""

    name: str
    symbol: Any
    identifiers: tuple[str, ...]
    path: str


def load_keras() -> ModuleType:
    """Keras on JAX, whose facts the catalogue holds."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    return importlib.import_module("keras")


def classes(keras: ModuleType, kind: str) -> Iterator[Export]:
    """The classes of a kind in Keras's public module of it."""
    path = f"keras.{MODULES[kind]}"
    module = importlib.import_module(path)
    names: dict[type, list[str]] = {}
    for name, symbol in vars(module).items():
        if inspect.isclass(symbol) and name not in _NOT_OBJECTS:
            names.setdefault(symbol, []).append(name)
    getter = getattr(module, "get", None)
    for symbol, spelled in names.items():
        name = symbol.__name__ if symbol.__name__ in spelled else min(spelled)
        others = set(spelled) - {name}
        if getter:
            others |= {each for each in _candidates(kind, symbol, module) if _means(getter, each, symbol)}
        yield Export(name, symbol, tuple(sorted(others - {name})), f"{path}.{name}")


def operations(keras: ModuleType) -> Iterator[Export]:
    """The functions of `keras.ops` and of its namespaces; the flat name is the canonical one."""
    yield from _functions(_namespaced(keras.ops, "ops"))


def activations(keras: ModuleType) -> Iterator[Export]:
    """The activation functions."""
    found = _functions((name, symbol) for name, symbol in vars(keras.activations).items())
    yield from (each for each in found if each.name not in ("get", "serialize", "deserialize"))


def saved_as(keras: ModuleType, export: Export) -> str:
    """Module and class name in a saved config: Keras writes the shortest public path of a class."""
    name = export.symbol.__name__
    if getattr(keras, name, None) is export.symbol:
        return f"keras>{name}"
    module, name = export.path.rsplit(".", 1)
    return f"{module}>{name}"


def _namespaced(module: ModuleType, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, symbol in vars(module).items():
        if inspect.isfunction(symbol):
            yield f"{prefix}.{name}", symbol
        elif inspect.ismodule(symbol) and not name.startswith("_"):
            yield from _namespaced(symbol, f"{prefix}.{name}")


def _functions(named: Any) -> Iterator[Export]:
    names: dict[Callable[..., Any], list[str]] = {}
    for name, symbol in named:
        if inspect.isfunction(symbol):
            names.setdefault(symbol, []).append(name)
    for symbol, spelled in names.items():
        flat = min(each.count(".") for each in spelled)
        shortest = sorted(each for each in spelled if each.count(".") == flat)
        own = (each for each in shortest if each.rsplit(".", 1)[-1] == symbol.__name__)
        name = next(own, shortest[0])
        prefix = "keras." if name.startswith("ops.") else "keras.activations."
        yield Export(name, symbol, tuple(sorted(set(spelled) - {name})), prefix + name)


def _candidates(kind: str, symbol: type, module: ModuleType) -> set[str]:
    snake = _snake(symbol.__name__)
    found = {symbol.__name__, snake, snake.replace("_", ""), *_SHORT.get(kind, "").split()}
    found |= {name for name, each in vars(module).items() if inspect.isfunction(each)}
    return found | (set(_POLICIES) if kind == "dtype_policies" else set())


def _means(getter: Callable[[str], Any], identifier: str, symbol: type) -> bool:
    """Whether Keras's `get` gives this class, an instance of it or its function for an identifier."""
    try:
        found = getter(identifier)
    except (ValueError, TypeError, KeyError, AttributeError):
        # Not an identifier, or a class that its `get` cannot make from the name alone (LossScaleOptimizer …).
        return False
    if inspect.isfunction(found):
        return found.__name__ == _snake(symbol.__name__)
    return found is symbol or type(found) is symbol


def _snake(name: str) -> str:
    """Keras's own rule: `F1Score` is `f1_score`, `MeanIoU` is `mean_io_u`."""
    return re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)).lower()
