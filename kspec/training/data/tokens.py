"""Which inputs feed an embedding directly: numbers beyond its table give NaN or a wrong row, and no error."""

from __future__ import annotations

from typing import Any

from kspec.diagnostics import Problem
from kspec.model.backend import load_keras
from kspec.model.private import calls
from kspec.training.data.match import Matched
from kspec.training.data.values import Extent, first
from kspec.training.interface import Interface


def embeddings(model: Any, interface: Interface) -> list[tuple[str, Any]]:
    """Each input with an `Embedding` that reads it, nested models included."""
    names = {id(tensor): port.name for tensor, port in zip(model.inputs, interface.inputs, strict=True)}
    return list(dict.fromkeys(_readers(model, names)))


def _readers(model: Any, names: dict[int, str]) -> list[tuple[str, Any]]:
    keras = load_keras()
    found: list[tuple[str, Any]] = []
    for operation, tensors in calls(model):
        origins = [names.get(id(tensor), "") for tensor in tensors]
        if isinstance(operation, keras.layers.Embedding) and origins[:1] != [""]:
            found += [(origin, operation) for origin in origins[:1]]
        elif isinstance(operation, keras.Model) and any(origins) and len(tensors) == len(operation.inputs):
            inner = {id(tensor): origin for tensor, origin in zip(operation.inputs, origins, strict=True) if origin}
            found += _readers(operation, inner)
    return found


def check_tokens(data: Matched, port: str, embedding: Any, extent: Extent) -> list[Problem]:
    """What of an input lies beyond an embedding's table: ``data-token``."""
    size = embedding.input_dim
    if not extent.finite or (extent.low >= 0 and extent.high < size):
        return []
    name = data.array_of("input", port)
    place = first(data.x[port], lambda block: (block < 0) | (block >= size))
    assert place is not None  # the extremes said that there is one
    message = f"`{name}` is {int(place.value)} in {place}: `{embedding.name}` has the tokens 0 to {size - 1}"
    help = "tokens are whole numbers from 0"
    if extent.low >= 0:
        help = f"the tokens run to {extent.high:.0f}: the Embedding would need `input_dim: {extent.high + 1:.0f}`"
    return [Problem("data-token", message, help=help, file=data.path)]
