"""Whether two models are the same but for names: calls, configurations, wiring, shapes and what is trained.

Every import is held against its source by this, so that what a spec cannot say is told, and never lost unseen.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from kspec.convert.calls import bind, fed
from kspec.convert.minimal import comparable, serialized
from kspec.convert.ordering import Call, ordered_calls
from kspec.model.backend import load_keras
from kspec.model.ends import ends, names_of_ends, source
from kspec.model.levels import held_model
from kspec.model.private import call_arguments, graph_of, made_by


def difference(one: Any, other: Any) -> str:
    """Where `other` is not what `one` is, in words; empty where they are the same."""
    names = [names_of_ends(model) for model in (one, other)]
    what = "the outputs have other names" if names[0] and names[0] != names[1] else ""
    return _Pair().models(one, other) or what


def paired(one: Any, other: Any) -> Iterator[tuple[Any, Any]]:
    """The layers of two models that are the same, each with its twin; each layer once, those of models inside too."""
    seen: set[int] = set()
    left, right = (ordered_calls(model) for model in (one, other))
    for mine, theirs in zip(left, right, strict=True):
        layer, twin = mine.operation, theirs.operation
        if id(layer) in seen or not isinstance(layer, load_keras().layers.Layer):
            continue
        seen.add(id(layer))
        if isinstance(layer, load_keras().Model):
            yield from paired(layer, twin)
        elif held_model(layer) is not None:
            yield from paired(held_model(layer), held_model(twin))
        else:
            yield layer, twin


def keeps_order(one: Any, other: Any, ends: tuple[Any, Any] | None = None) -> bool:
    """Whether two models that are the same have their layers in the same order, those of models inside too; `ends` are
    the models as they are compared, where that is with other outputs.

    Keras orders a mapping of outputs by their names, and the layers by the outputs. In this order `set_weights` takes
    arrays, and files of weights number layers of one kind.
    """
    pairs = list(_twins(*(ends or (one, other))))
    twins = {id(layer): id(twin) for layer, twin in pairs}
    orders = [[layer for layer in model.layers if layer.weights] for model in (one, other)]
    if [twins.get(id(layer)) for layer in orders[0]] != [id(layer) for layer in orders[1]]:
        return False
    return all(keeps_order(layer, twin) for layer, twin in pairs if isinstance(layer, load_keras().Model))


def _twins(one: Any, other: Any) -> Iterator[tuple[Any, Any]]:
    """The layers of two models that are the same, and the models that those are around."""
    for mine, theirs in zip(ordered_calls(one), ordered_calls(other), strict=True):
        yield mine.operation, theirs.operation
        if held_model(mine.operation) is not None:
            yield held_model(mine.operation), held_model(theirs.operation)


class _Pair:
    """Two models, call by call in the same order."""

    def __init__(self) -> None:
        self.keras = load_keras()
        self.known: dict[tuple[int, int], str] = {}
        self.twin_of: dict[int, int] = {}
        """Of each layer and weight, in models inside too, the one that stands for it on the other side, both ways."""

    def models(self, one: Any, other: Any) -> str:
        left, right = (ordered_calls(model) for model in (one, other))
        if len(left) != len(right):
            return f"it has {len(left)} calls, and the spec's model {len(right)}"
        places = [_places(graph_of(model), calls) for model, calls in ((one, left), (other, right))]
        for mine, theirs in zip(left, right, strict=True):
            what = self._operations(mine.operation, theirs.operation) or self._call(mine, theirs, places)
            if what:
                return f"`{mine.operation.name}`: {what}"
        made = [
            [_source(tensor, place) for tensor in ends(model)]
            for model, place in zip((one, other), places, strict=True)
        ]
        return "" if made[0] == made[1] else "the outputs come from other steps"

    def _operations(self, one: Any, other: Any) -> str:
        key = (id(one), id(other))
        if key not in self.known:
            self.known[key] = self._differ(one, other) or self._shared(one, other)
        return self.known[key]

    def _shared(self, one: Any, other: Any) -> str:
        """Where one of two layers is shared, or a weight of it, and the other is not."""
        if not isinstance(one, self.keras.layers.Layer):
            return ""
        if not self._are_twins(one, other):
            return "what shares it differs"
        if isinstance(one, self.keras.Model):
            return ""  # its layers were looked at
        weights = zip(one.weights, other.weights, strict=False)
        return "" if all(self._are_twins(*pair) for pair in weights) else "what shares its weights differs"

    def _are_twins(self, one: Any, other: Any) -> bool:
        left, right = self.twin_of.setdefault(id(one), id(other)), self.twin_of.setdefault(id(other), id(one))
        return left == id(other) and right == id(one)

    def _differ(self, one: Any, other: Any) -> str:
        if getattr(one, "trainable", True) != getattr(other, "trainable", True):
            return "what is trained differs"
        if isinstance(one, self.keras.Model) and isinstance(other, self.keras.Model):
            return self.models(one, other)
        if type(one).__qualname__ != type(other).__qualname__:
            return f"{type(one).__name__} has become {type(other).__name__}"
        if not isinstance(one, self.keras.layers.Layer):
            mine, theirs = ({**each.get_config(), "name": ""} for each in (one, other))
            return "" if _plain(mine) == _plain(theirs) else "the parameters differ"
        inside = [held_model(each) for each in (one, other)]
        if None not in inside and (what := self._operations(*inside)):
            return what
        mine, theirs = serialized(one), serialized(other)
        if None not in inside:  # where the configurations have other names
            del mine["config"]["layer"], theirs["config"]["layer"]
        if comparable(mine) != comparable(theirs):
            return "the configuration differs"
        return "" if mine["config"].get("dtype") == theirs["config"].get("dtype") else "the dtype policy differs"

    def _call(self, one: Call, other: Call, places: list[dict[tuple[int, int], int]]) -> str:
        mine, theirs = (
            {name: _wired(value, place) for name, value in _given(call).items()}
            for call, place in zip((one, other), places, strict=True)
        )
        return "" if mine == theirs else "what it is called with differs"


def _given(call: Call) -> dict[str, Any]:
    """What a call was given, by name; of a function by place too."""
    if isinstance(call.operation, load_keras().layers.Layer):
        values = bind(call.operation, call.place).values
        if isinstance(call.operation, load_keras().Model) and hasattr(graph_of(call.operation), "_nodes_by_depth"):
            first = next(iter(values))
            values = {**values, first: fed(call.operation, values[first])}
        return values
    args, kwargs = call_arguments(call.operation, call.place)
    bound = inspect.signature(call.operation.call).bind_partial(*args, **kwargs).arguments
    return {name: value for name, value in bound.items() if value is not None}


def _places(graph: Any, calls: list[Call]) -> dict[tuple[int, int], int]:
    """Inputs and calls by their number: inputs below zero."""
    found = {(id(call.operation), call.place): place for place, call in enumerate(calls)}
    for place, tensor in enumerate(graph.inputs):
        operation, index, _ = made_by(tensor)
        found[id(operation), index] = -1 - place
    return found


def _source(tensor: Any, places: dict[tuple[int, int], int]) -> Any:
    operation, index, output = source(tensor)
    return places.get((id(operation), index)), output, tuple(tensor.shape), str(tensor.dtype)


def _wired(value: Any, places: dict[tuple[int, int], int]) -> Any:
    """A call's argument with numbers in the place of tensors; several tensors in the order in which they are taken."""
    if hasattr(value, "_keras_history"):
        return _source(value, places)
    if isinstance(value, dict):
        return [_wired(value[key], places) for key in sorted(value)]
    if isinstance(value, (list, tuple)):
        return [_wired(item, places) for item in value]
    return _plain(value)


def _plain(value: Any) -> Any:
    """Constants as they can be compared: tuples are lists, arrays too, slices their ends."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, slice):
        return ["slice", value.start, value.stop, value.step]
    return value.tolist() if hasattr(value, "tolist") else value
