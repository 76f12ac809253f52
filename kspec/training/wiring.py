"""The graph of a functional model: which operation is called with which tensors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def calls(model: Any) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Each call in a functional model's graph, from the inputs on: the operation and the tensors that it was given.

    Keras's public `Layer.input` knows layers that are called once only, and a shared layer is called more often.
    """
    graph = getattr(model, "_functional", None) or model  # a Sequential wraps its graph
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            if not node.is_input:
                yield node.operation, tuple(node.input_tensors)
