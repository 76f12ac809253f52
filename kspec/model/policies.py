"""The dtype policies of a slice's layers: those that they have in the whole model, wherever the slice ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kspec.model.backend import load_keras
from kspec.model.heads import float32_heads
from kspec.model.objects import make
from kspec.spec.graph import Graph, Layer, Ref
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
        else _with_policy(layer, "float32" if was else policy)
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


def _with_policy(layer: Layer, policy: Any) -> Layer:
    """A layer with a policy of its own; of a nested model the layers that make its outputs. Functions have none."""
    operation = layer.operation
    if isinstance(operation, Graph):
        heads = float32_heads(operation)
        inner = {name: _with_policy(each, policy) if name in heads else each for name, each in operation.layers.items()}
        return layer._replace(operation=operation._replace(layers=inner))
    if isinstance(operation, Object) and operation.kind != "ops":
        return layer._replace(dtype=policy)
    return layer
