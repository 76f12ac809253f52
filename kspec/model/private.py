"""Private names of Keras, each with the reason why nothing public serves. tests/model/test_private.py names them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
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


Scope = Callable[[str, str, int], AbstractContextManager[Any]]
Instead = Callable[[tuple[str, str, int], tuple[Any, ...], Any], Any]


@contextmanager
def scoped(model: Any, scope: Scope, instead: Instead | None = None) -> Iterator[None]:
    """While a model runs, each call in it and in models inside runs within `scope(model, layer, which of its calls)`.

    `instead` may give what a call gives, without running it, from what the call is given and its symbolic tensors; or
    None.

    Keras offers no hook around a call: a layer's own name scope does not tell its calls apart, and functions of
    keras.ops have none.
    """
    found = {id(graph_of(each)): each for each in model._flatten_layers() if hasattr(graph_of(each), "_nodes_by_depth")}
    graphs = [(graph_of(each), each.name) for each in found.values()]
    try:
        for graph, name in graphs:
            graph.__dict__["_run_through_graph"] = _within(graph, name, scope, instead)
        yield
    finally:
        for graph, _ in graphs:
            graph.__dict__.pop("_run_through_graph", None)


def _within(graph: Any, name: str, scope: Scope, instead: Instead | None) -> Callable[..., Any]:
    original = graph._run_through_graph
    order = [((name, operation.name, index), given) for operation, index, _, given in calls(graph)]

    def run(inputs: Any, operation_fn: Callable[[Any], Any] = lambda operation: operation, call_fn: Any = None) -> Any:
        places = iter(order)

        def within(operation: Any) -> Callable[..., Any]:
            (place, given), function = next(places), operation_fn(operation)

            def call(*args: Any, **keywords: Any) -> Any:
                made = instead(place, args, given) if instead is not None else None
                if made is not None:
                    return made
                with scope(*place):
                    return function(*args, **keywords)

            return call

        return original(inputs, operation_fn=within, call_fn=call_fn)

    return run


def prepare_training(model: Any, batch: Any) -> None:
    """Make the variables of a compiled model's metrics, loss and optimizer, from the shapes of a batch.

    Publicly only `fit` and `evaluate` do that, on data.
    """
    model._symbolic_build(data_batch=batch)
    model.optimizer.build(model.trainable_variables)


@contextmanager
def without_updates(optimizer: Any) -> Iterator[None]:
    """Training steps give gradients where the updated weights would be: the optimizer does nothing inside.

    `Model.train_step` is public, and the gradients do not leave it.
    """
    optimizer.__dict__["stateless_apply"] = lambda state, gradients, weights: (gradients, state)
    try:
        yield
    finally:
        optimizer.__dict__.pop("stateless_apply", None)
