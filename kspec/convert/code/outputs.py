"""A model's outputs."""

from __future__ import annotations

from typing import Any

from kspec.convert.code.names import is_counted
from kspec.convert.code.program import Form
from kspec.spec.graph import Graph, Ref
from kspec.spec.objects import Object


def outputs_of(graph: Graph, by_name: bool) -> tuple[Form, list[tuple[str, Ref]]]:
    """The form of a model's outputs, and each with its name; where they are asked for `by_name` they are a list only
    where layers give the names."""
    outputs = graph.outputs
    if isinstance(outputs, Ref):
        return "one", [(graph.output_names()[0], outputs)]
    if isinstance(outputs, dict):
        return "mapping", list(outputs.items())
    return ("mapping" if by_name and len(of_layers(graph)) < len(outputs) else "list"), list(outputs)


def of_layers(graph: Graph) -> frozenset[str]:
    """The names of the outputs in a list that are those of layers, which can be given them; none that Keras may give
    to another layer by itself."""
    if not isinstance(graph.outputs, list):
        return frozenset()
    layer_of = {node.name: graph.layers[node.layer].operation for node in graph.nodes}
    operations = {name: layer_of.get(ref.name) for name, ref in graph.outputs}
    found = {name: each.name for name, each in operations.items() if isinstance(each, Object) and each.kind != "ops"}
    return frozenset(name for name, kind in found.items() if not is_counted(name, kind))


def targets(outputs: Any) -> list[str]:
    """What `outputs` of a spec or of a block names, whatever its form; nothing where it is left out."""
    if isinstance(outputs, str):
        return [outputs]
    return list(outputs.values() if isinstance(outputs, dict) else outputs or [])
