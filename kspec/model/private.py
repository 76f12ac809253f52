"""Private names of Keras, each with the reason why nothing public serves. tests/model/test_private.py names them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def operation_of(tensor: Any) -> Any:
    """The operation that made a symbolic tensor.

    A call of a keras.ops function makes its operation out of sight and Keras offers no argument for its name;
    the history of the result is the only way to it.
    """
    return tensor._keras_history.operation


def rename(operation: Any, name: str) -> None:
    """Give an operation a name after it was made; `Operation.name` is a plain attribute, written once by Keras."""
    operation.name = name


def tensor_name(tensor: Any, name: str) -> None:
    """Name a symbolic tensor as its operation is named: Keras names outputs of ops by counting."""
    tensor.name = name


def calls(model: Any) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Each call in a functional model's graph, from the inputs on: the operation and the tensors that it was given.

    Keras's public `Layer.input` knows layers that are called once only, and a shared layer is called more often.
    """
    graph = getattr(model, "_functional", None) or model  # a Sequential wraps its graph
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            if not node.is_input:
                yield node.operation, tuple(node.input_tensors)
