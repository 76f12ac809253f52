"""A model's outputs."""

from __future__ import annotations

from typing import Any

from kspec.spec.graph import Graph, Ref


def outputs_of(graph: Graph) -> tuple[Any, list[tuple[str, Ref]]]:
    """The form of a model's outputs, and each with its name: a list only where layers give the names."""
    outputs = graph.outputs
    if isinstance(outputs, Ref):
        return "one", [(graph.output_names()[0], outputs)]
    if isinstance(outputs, dict):
        return "mapping", list(outputs.items())
    layer_of = {node.name: node.layer for node in graph.nodes}
    operations = [graph.layers[layer_of[ref.name]].operation for _, ref in outputs if ref.name in layer_of]
    named = len(operations) == len(outputs) and all(getattr(each, "kind", "") != "ops" for each in operations)
    plain = named and not any(isinstance(each, Graph) for each in operations)
    return ("list" if plain else "mapping"), list(outputs)


def targets(outputs: Any) -> list[str]:
    """What `outputs` of a spec or of a block names, whatever its form; nothing where it is left out."""
    if isinstance(outputs, str):
        return [outputs]
    return list(outputs.values() if isinstance(outputs, dict) else outputs or [])
