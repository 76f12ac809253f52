"""A model's layers and the models inside it, beside the graphs that they were built from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kspec.model.backend import load_keras
from kspec.spec.graph import Graph, Held, Layer
from kspec.spec.objects import Object


def layers_of(model: Any, graph: Graph) -> Iterator[tuple[Any, Layer]]:
    """The layers of a model that was built from `graph`, and what the graph says of each; what leads to no output is
    in no model."""
    made = {layer.name: layer for layer in model.layers}
    yield from ((made[layer.name], layer) for layer in graph.layers.values() if layer.name in made)


def levels(model: Any, graph: Graph) -> Iterator[tuple[Any, Graph]]:
    """The models inside `model`, each with its own graph: those that are steps, and those that layers are around."""
    for made, layer in layers_of(model, graph):
        if isinstance(layer.operation, Graph):
            yield made, layer.operation
        elif isinstance(layer.operation, Object):
            held = ((key, value) for key, value in layer.operation.args.items() if isinstance(value, Held))
            yield from ((getattr(made, key), value.model) for key, value in held)


def held_model(layer: Any) -> Any:
    """The model that a layer of Keras's is around; None where it is around none."""
    keras = load_keras()
    inner = layer.layer if type(layer) is keras.layers.TimeDistributed else None
    return inner if isinstance(inner, keras.Model) else None
