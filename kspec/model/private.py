"""Private names of Keras, each with the reason why nothing public serves. tests/model/test_private.py names them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kspec.model.backend import load_keras

_PENDING = "uninitialized_variables"


@contextmanager
def abstract_variables() -> Iterator[None]:
    """Variables made inside have shapes and dtypes and never get values.

    `keras.StatelessScope(initialize_variables=False)` puts them off only: Keras keeps a list of them, and gives all of
    them values, in full size, when the next scope ends, such as that of the next real layer. The list is put back
    as it was; only `keras.utils.clear_session` would do that publicly, with everything else of the session.
    """
    keras = load_keras()
    from keras.src.backend.common import global_state

    before = list(global_state.get_global_attribute(_PENDING, []))
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        global_state.set_global_attribute(_PENDING, before)


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


def mask_of(tensor: Any) -> Any:
    """The mask that a symbolic tensor carries, or None; layers hand it on out of sight, and Keras exports nothing that
    reads it."""
    return getattr(tensor, "_keras_mask", None)


def calls(model: Any) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Each call in a functional model's graph, from the inputs on: the operation and the tensors that it was given.

    Keras's public `Layer.input` knows layers that are called once only, and a shared layer is called more often.
    """
    graph = getattr(model, "_functional", None) or model  # a Sequential wraps its graph
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            if not node.is_input:
                yield node.operation, tuple(node.input_tensors)
