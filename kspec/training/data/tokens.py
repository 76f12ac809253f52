"""What reaches layers that look tokens up: numbers beyond their table give NaN, zeros or a wrong row, and no error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from kspec.diagnostics import Problem
from kspec.model.backend import load_keras
from kspec.model.interface import Interface
from kspec.model.private import calls
from kspec.training.data.matched import Matched
from kspec.training.data.values import Extent, extent, first


class _Reading(NamedTuple):
    """A layer that looks up, and the numbers that reach it; `port` is the input that is fed to it as it is."""

    layer: Any
    array: Any
    port: str


def check_tokens(data: Matched, model: Any, interface: Interface, extents: Mapping[int, Extent]) -> list[Problem]:
    """What of the inputs lies beyond a table (``data-token``), behind layers that only move numbers about too."""
    feed = [data.x.get(port.name) for port in interface.inputs]
    problems: dict[tuple[str, str], Problem] = {}
    for layer, array, port in _readings(model, feed, [port.name for port in interface.inputs]):
        found = extents.get(id(array)) or extent(array)
        problem = _problem(data, layer, array, found, port)
        if problem is not None:
            problems.setdefault((layer.name, port), problem)
    return list(problems.values())


def _problem(data: Matched, layer: Any, array: Any, found: Extent, port: str) -> Problem | None:
    size = _size(layer)
    if not found.finite or (found.low >= 0 and found.high < size):
        return None
    place = first(array, lambda block: (block < 0) | (block >= size))
    assert place is not None  # the extremes said that there is one
    file, place = data.where(place)
    name = f"`{data.array_of('input', port)}{place}`" if port else f"{place} of what reaches `{layer.name}`"
    message = f"{name} is {int(place.value)}: `{layer.name}` has the tokens 0 to {size - 1}"
    help = "tokens are whole numbers from 0"
    if found.low >= 0:
        argument = "input_dim" if isinstance(layer, load_keras().layers.Embedding) else "num_tokens"
        wanted = f"the {type(layer).__name__} would need `{argument}: {found.high + 1:.0f}`"
        help = f"the tokens run to {found.high:.0f}: {wanted}"
    return Problem("data-token", message, help=help, file=file)


def _readings(model: Any, feed: list[Any], ports: list[str]) -> Iterator[_Reading]:
    """Every look-up in a model and the models nested in it, of numbers that no weight has changed."""
    fed = {id(tensor): (array, port) for tensor, array, port in zip(model.inputs, feed, ports, strict=True)}

    def reaching(tensor: Any) -> tuple[Any, str]:
        if id(tensor) not in fed:
            fed[id(tensor)] = (_moved(model, feed, tensor), "")
        return fed[id(tensor)]

    for operation, _, tensors, _ in calls(model):
        if _size(operation):
            array, port = reaching(tensors[0])
            if array is not None and array.size:
                yield _Reading(operation, array, port)
        elif (held := _each_step(operation)) is not None and _looks_up(held):
            array, _ = reaching(tensors[0])
            if array is not None and array.size:
                steps = array.reshape(-1, *array.shape[2:])
                yield from [_Reading(held, steps, "")] if _size(held) else _readings(held, [steps], [""])
        elif isinstance(operation, load_keras().Model) and _looks_up(operation):
            inner = [reaching(tensor) for tensor in tensors]
            if len(inner) == len(operation.inputs):
                yield from _readings(operation, [array for array, _ in inner], [port for _, port in inner])


def _size(layer: Any) -> int:
    """How many tokens a layer knows; 0 for one that looks nothing up."""
    layers = load_keras().layers
    if isinstance(layer, layers.Embedding):
        return int(layer.input_dim)
    return int(layer.num_tokens or 0) if isinstance(layer, layers.CategoryEncoding) else 0


def _each_step(operation: Any) -> Any:
    """The layer or model that TimeDistributed calls on every step; None for any other operation."""
    return operation.layer if type(operation) is load_keras().layers.TimeDistributed else None


def _looks_up(layer: Any) -> bool:
    held = _each_step(layer)
    return bool(_size(layer)) or any(map(_looks_up, [held] if held is not None else getattr(layer, "layers", ())))


def _moved(model: Any, feed: list[Any], tensor: Any) -> Any:
    """The values of a tensor that Keras's own layers without weights make of the data; None for any other."""
    if any(array is None for array in feed):
        return None
    ways = _WAYS.setdefault(model, {})
    if id(tensor) not in ways:
        ways[id(tensor)] = _way(model, tensor)
    way = ways[id(tensor)]
    if way is None:
        return None
    if len(feed[0]) <= _AT_ONCE:  # a block of a stream: `predict` would take longer to begin than to compute
        return load_keras().ops.convert_to_numpy(way(feed, training=False))
    return way.predict(feed, verbose=0)


_AT_ONCE = 4096
_WAYS: WeakKeyDictionary[Any, dict[int, Any]] = WeakKeyDictionary()
"""The ways that were made: of data that are streamed each block goes the same."""


def _way(model: Any, tensor: Any) -> Any:
    """From the inputs to a tensor by Keras's own layers without weights; None where there is another layer."""
    keras = load_keras()
    way = keras.Model(model.inputs, tensor)
    for layer in way.layers:
        # a Discretization may wait for its bins, which make no token beyond them
        if (
            layer.weights
            or isinstance(layer, keras.layers.Discretization)
            or not type(layer).__module__.startswith("keras.")
        ):
            return None
    return way
