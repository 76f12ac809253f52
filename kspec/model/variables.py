"""A model's variables, by names that are the same in every process."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from kspec.diagnostics import Problem, UsageError
from kspec.model.backend import load_keras
from kspec.model.levels import held_model
from kspec.model.private import layers_in


def check_plain(target: Any) -> None:
    """Raise UsageError where a layer keeps its state in a way of its own: by their names there are variables alone."""
    for layer in layers_in(target):
        for own in (type(layer).save_own_variables, type(layer).load_own_variables):
            if not own.__module__.startswith("keras."):
                message = f"`{layer.name}` has a `{own.__name__}` of its own, and safetensors holds variables alone"
                raise UsageError(Problem("weights", message, help="name a `.weights.h5` or a `.keras` file"))


def variable_names(layer: Any) -> list[str]:
    """Each variable's name inside its layer, `query/kernel`: without counters, which differ between two processes."""
    weights = getattr(layer, "weights", ())  # functions have none
    if (inner := held_model(layer)) is None:
        return _names(layer, weights)
    found = {id(variable): name for name, variable in by_path(inner).items()}
    return [found[id(variable)] for variable in weights]


def _names(layer: Any, weights: Sequence[Any]) -> list[str]:
    names: list[str] = []
    seen: dict[str, int] = {}
    for variable in weights:
        _, own, inside = f"/{variable.path}".rpartition(f"/{layer.name}/")
        parts = (inside if own else str(variable.path)).split("/")
        plain = "/".join([*(re.sub(r"_\d+$", "", part) for part in parts[:-1]), parts[-1]])
        seen[plain] = seen.get(plain, -1) + 1
        names.append(f"{plain}.{seen[plain]}" if seen[plain] else plain)
    return names


def by_path(target: Any) -> dict[str, Any]:
    """Every variable of a model's or layer's `weights` by its path, `trunk/conv2d/kernel`: layers inside of each other,
    then its name in the layer, as `kspec diff` has them.

    Keras's own `variable.path` is this in plain models. But it leaves out the models that a model is in, so that two
    of them may share a path, and numbers what is inside a layer by the process (`bidirectional/forward_lstm_2/…`).

    Raises UsageError where two variables have one path all the same.
    """
    found: dict[str, Any] = {}
    _collect(target, "", found, set())
    return found


def _collect(target: Any, prefix: str, found: dict[str, Any], seen: set[int]) -> None:
    inner = target if isinstance(target, load_keras().Model) else held_model(target)
    if inner is not None:
        for layer in inner.layers:
            _collect(layer, f"{prefix}{layer.name}/", found, seen)
    # What is shared is told once, where it is met first; a model of one's own class may have variables beside layers.
    own = [variable for variable in target.weights if id(variable) not in seen]
    names = variable_names(target) if len(own) == len(target.weights) else _names(target, own)
    for name, variable in zip(names, own, strict=True):
        if prefix + name in found:
            message = f"two variables are called `{prefix}{name}`, and a safetensors file tells them by their names"
            help = "give the layers names of their own, or name a `.weights.h5` file"
            raise UsageError(Problem("weights", message, help=help))
        found[prefix + name] = variable
        seen.add(id(variable))
