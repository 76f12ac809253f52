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


def made_by(tensor: Any) -> tuple[Any, int, int]:
    """The operation that made a symbolic tensor, which of its calls did, and which of that call's outputs it is."""
    history = tensor._keras_history
    return history.operation, history.node_index, history.tensor_index


def graph_of(model: Any) -> Any:
    """The functional model that a model is, or that a Sequential one wraps."""
    return getattr(model, "_functional", None) or model


def calls(model: Any) -> Iterator[tuple[Any, int, tuple[Any, ...], tuple[Any, ...]]]:
    """Each call in a functional model's graph, from the inputs on, as Keras runs them.

    The operation, which of its calls it is, the tensors that it takes, and those that it gives. Keras's public
    `Layer.input` knows layers that are called once only, and a shared layer is called more often.
    """
    graph = graph_of(model)
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            if not node.is_input:
                given = tuple(node.outputs)
                yield node.operation, made_by(given[0])[1], tuple(node.input_tensors), given


def trained_by_nature(layer: Any) -> list[Any]:
    """The weights that a layer and those inside it train where nothing is frozen.

    Publicly a frozen layer has none, and its moving averages look as its kernel does.
    """
    found = {id(weight): weight for each in layer._flatten_layers() for weight in each._trainable_variables}
    return list(found.values())


def call_arguments(operation: Any, index: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What one of an operation's calls was given: symbolic tensors and constants, by place and by name.

    Publicly a model's configuration has them, deep in a form that is made for saving.
    """
    arguments = operation._inbound_nodes[index].arguments
    return tuple(arguments.args), dict(arguments.kwargs)
