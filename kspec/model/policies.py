"""The dtype policies of a slice's layers: those that they have in the whole model, wherever the slice ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kspec.model.backend import load_keras
from kspec.model.heads import float32_heads
from kspec.model.objects import make
from kspec.spec.canonical import is_function
from kspec.spec.graph import Graph, Layer, Ref, with_models
from kspec.spec.objects import Object


def kept_policies(whole: Graph, graph: Graph, layers: Mapping[str, str], policy: Any) -> Graph:
    """The slice `graph` of `whole` with a policy beside each layer that would get another one than it had.

    `layers` has its layers' names in the whole, and `policy` is the spec's. Layers that make a model's outputs stay
    float32: a slice ends with others.
    """
    if not is_short(policy):
        return graph
    before, after = float32_heads(whole), float32_heads(graph)
    made = {
        name: layer
        if (was := layers[name] in before) is (name in after)
        else _with_policy(layer, "float32" if was else policy, policy)
        for name, layer in graph.layers.items()
    }
    return graph._replace(layers=made)


def cast_ends(whole: Graph, graph: Graph) -> list[Ref]:
    """Ends of a slice that no layer's policy keeps in sixteen bits: they are cast, and were not in the whole."""
    heads = float32_heads(graph)
    return [ref for ref in graph.output_refs() if ref.name in heads and ref not in whole.output_refs()]


def is_short(policy: Any) -> bool:
    """Whether layers of that policy compute in sixteen bits."""
    found = load_keras().dtype_policies.get(make(policy))
    return found.compute_dtype in ("float16", "bfloat16")


def _with_policy(layer: Layer, policy: Any, rest: Any) -> Layer:
    """A layer with a policy of its own; of a nested model the layers that make its outputs. Functions have none.

    What stands beside a layer that is around a model holds for all of the model: its other layers say theirs, `rest`.
    """
    operation = layer.operation
    if isinstance(operation, Graph):
        return layer._replace(operation=_heads_with(operation, policy, rest))
    if isinstance(operation, Object) and operation.kind != "ops":
        made = with_models(operation, lambda graph: _all_with(_heads_with(graph, policy, rest), rest))
        return layer._replace(dtype=policy, operation=made)
    return layer


def _heads_with(graph: Graph, policy: Any, rest: Any) -> Graph:
    heads = float32_heads(graph)
    inner = {name: _with_policy(each, policy, rest) if name in heads else each for name, each in graph.layers.items()}
    return graph._replace(layers=inner)


def _all_with(graph: Graph, policy: Any) -> Graph:
    """A graph whose layers all say a policy, those without one of their own that one."""
    layers = {}
    for name, layer in graph.layers.items():
        if isinstance(layer.operation, Graph):
            layers[name] = layer._replace(operation=_all_with(layer.operation, policy))
        elif layer.dtype is None and not is_function(layer):
            layers[name] = layer._replace(dtype=policy)
        else:
            layers[name] = layer
    return graph._replace(layers=layers)
