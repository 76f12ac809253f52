"""A model's outputs in the order in which a spec has them.

Keras's flat list has those of a mapping in the order of their names, and a spec in the order in which they were given:
names that change between the two, as in a mapping that was a list, must not change which output is which.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kspec.model.backend import load_keras
from kspec.model.private import graph_of, made_by, structure_of_outputs


def ends(model: Any) -> list[Any]:
    """The outputs of a functional model, one after another; none of one without a graph."""
    if not hasattr(graph_of(model), "_nodes_by_depth"):
        return []
    made = structure_of_outputs(graph_of(model))
    if is_flat_mapping(made):
        return list(made.values())
    return list(load_keras().tree.flatten(made))


def names_of_ends(model: Any) -> list[str]:
    """The names of outputs that are a mapping of tensors; none of others."""
    made = structure_of_outputs(graph_of(model))
    return list(map(str, made)) if is_flat_mapping(made) else []


def is_flat_mapping(made: Any) -> bool:
    """Whether outputs are a mapping of names to tensors."""
    return isinstance(made, Mapping) and all(hasattr(item, "_keras_history") for item in made.values())


def source(tensor: Any) -> tuple[Any, int, int]:
    """The operation that made a symbolic tensor, which of its calls did, and which of that call's outputs it is; of a
    model which of its `ends`."""
    operation, index, output = made_by(tensor)
    graph = graph_of(operation)
    if not hasattr(graph, "_nodes_by_depth"):
        return operation, index, output
    same = graph.outputs[output]  # one that is given twice counts as the first
    return operation, index, next(place for place, end in enumerate(ends(graph)) if end is same)
