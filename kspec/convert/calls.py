"""What a call was given, by the names of its arguments, without what Keras fills in itself."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, NamedTuple

from kspec.model.backend import load_keras
from kspec.model.private import call_arguments, graph_of, made_by, mask_of, structure_of_inputs


class Bound(NamedTuple):
    """Arguments by name; `leading` are the call's names in order, and `by_place` counts those given by place."""

    values: dict[str, Any]
    leading: tuple[str, ...]
    by_place: int


def bind(operation: Any, index: int) -> Bound:
    """What one call of an operation was given, without a mask that Keras hands on with the tensors."""
    args, kwargs = call_arguments(operation, index)
    try:
        signature = inspect.signature(operation.call)
        values = dict(signature.bind_partial(*args, **kwargs).arguments)
    except (TypeError, ValueError):  # a class of one's own may have a call that says nothing
        values = {str(place): value for place, value in enumerate(args)} | kwargs
        signature = None
    leading = tuple(signature.parameters) if signature is not None else tuple(values)
    values |= values.pop("kwargs", {}) if isinstance(values.get("kwargs"), dict) else {}
    first = next(iter(values.values()), None)
    kept: dict[str, Any] = {}
    for name, value in values.items():
        default = signature.parameters[name].default if signature and name in signature.parameters else None
        if value is None or (not _tensors(value) and value is default):
            continue  # Keras notes a `training` that is the call's own default
        of = values.get(name.removesuffix("_mask")) if name.endswith("_mask") else first if name == "mask" else None
        if of is not None and same_mask(value, of):
            continue
        kept[name] = value
    return Bound(kept, leading, len(args))


def fed(model: Any, given: Any) -> list[Any]:
    """The tensors that a functional model is called with, in the order of its inputs: in a mapping Keras finds them by
    the names of the inputs, or where the model takes a mapping by its keys."""
    own = structure_of_inputs(graph_of(model))
    if isinstance(given, Mapping):
        inputs = load_keras().tree.flatten(own)
        given = {key: given[key] for key in own} if isinstance(own, Mapping) else [given[each.name] for each in inputs]
    return list(load_keras().tree.flatten(given))


def taken(operation: Any, index: int) -> list[Any]:
    """The tensors that one call of an operation takes."""
    return _tensors([bind(operation, index).values])


def same_mask(given: Any, tensors: Any) -> bool:
    """Whether a mask is computed as the one that the tensors carry: Keras makes that anew for every model."""
    if isinstance(tensors, (list, tuple)):
        if not isinstance(given, (list, tuple)) or len(given) != len(tensors):
            return False
        return all(one is None or same_mask(one, tensor) for one, tensor in zip(given, tensors, strict=True))
    if isinstance(tensors, dict):
        if not isinstance(given, dict) or given.keys() != tensors.keys():
            return False
        return all(one is None or same_mask(one, tensors[key]) for key, one in given.items())
    own = mask_of(tensors) if hasattr(tensors, "_keras_history") else None
    return own is not None and hasattr(given, "_keras_history") and _same(given, own)


def _same(one: Any, other: Any) -> bool:
    """Whether two tensors are the same function of the same tensors; each pair on the way is looked at once."""
    waiting: list[tuple[Any, Any]] = [(one, other)]
    seen: set[tuple[int, int]] = set()
    while waiting:
        one, other = waiting.pop()
        if one is other:
            continue
        if hasattr(one, "_keras_history") and hasattr(other, "_keras_history"):
            (left, i, a), (right, j, b) = made_by(one), made_by(other)
            if (id(one), id(other)) in seen or (left is right and i == j and a == b):
                continue
            if a != b or not _alike(left, right):
                return False
            seen.add((id(one), id(other)))
            waiting += zip(call_arguments(left, i), call_arguments(right, j), strict=True)
        elif isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)) and len(one) == len(other):
            waiting += zip(one, other, strict=True)
        elif isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
            waiting += ((one[key], other[key]) for key in one)
        elif not _equal(one, other):
            return False
    return True


def _alike(one: Any, other: Any) -> bool:
    """Whether two operations are the same function, by their parameters; a layer has weights that are its own."""
    if type(one) is not type(other) or isinstance(one, load_keras().layers.Layer):
        return False
    return _equal({**one.get_config(), "name": ""}, {**other.get_config(), "name": ""})


def _equal(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except (TypeError, ValueError):
        return False


def _tensors(value: Any) -> list[Any]:
    return [item for item in load_keras().tree.flatten(value) if hasattr(item, "_keras_history")]
