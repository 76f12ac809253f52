"""Graphs of functional models: what made a tensor, what a call was given, and what is inside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any


@contextmanager
def calls_forgotten(operations: Iterable[Any]) -> Iterator[None]:
    """Calls of operations that are made inside, and names that they are given, are forgotten at the end.

    Keras keeps the calls in the operations themselves, and `Layer.output` fails for a layer with several.
    """
    before = [(each, each.name, len(each._inbound_nodes), len(each._outbound_nodes)) for each in operations]
    try:
        yield
    finally:
        for each, name, calls_of, calls_on in before:
            each.name = name
            del each._inbound_nodes[calls_of:], each._outbound_nodes[calls_on:]


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


def call_arguments(operation: Any, index: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What one of an operation's calls was given: symbolic tensors and constants, by place and by name.

    Publicly a model's configuration has them, deep in a form that is made for saving.
    """
    arguments = operation._inbound_nodes[index].arguments
    return tuple(arguments.args), dict(arguments.kwargs)


def outputs_made(operation: Any, index: int) -> int:
    """How many tensors one of an operation's calls gives; publicly only an operation that was called once tells."""
    return len(operation._inbound_nodes[index].output_tensors)


def structure_of_outputs(graph: Any) -> Any:
    """The outputs of a functional model in the structure that they were given in; `Model.outputs` is flat, and a
    `Sequential` one has no `output` of its own."""
    return graph._outputs_struct


def structure_of_inputs(graph: Any) -> Any:
    """The inputs of a functional model in the structure that they were given in; `Model.inputs` is flat."""
    return graph._inputs_struct


def layers_in(target: Any) -> list[Any]:
    """A model or layer and every layer inside it, those of wrappers too, which publicly tell no layers."""
    return list(target._flatten_layers())


def layers_by_path(target: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every layer inside a model or layer, once, by the names of those around it and its own."""
    seen = {id(target)}
    stack: list[tuple[tuple[str, ...], Any]] = [((), target)]
    while stack:
        path, layer = stack.pop()
        for each in layer._flatten_layers(include_self=False, recursive=False):
            if id(each) not in seen:
                seen.add(id(each))
                stack.append(((*path, each.name), each))
                yield stack[-1]


def trained_by_nature(layer: Any) -> list[Any]:
    """The weights that a layer and those inside it train where nothing is frozen.

    Publicly a frozen layer has none, and its moving averages look as its kernel does.
    """
    found = {id(weight): weight for each in layer._flatten_layers() for weight in each._trainable_variables}
    return list(found.values())


Scope = Callable[[str, str, int], AbstractContextManager[Any]]

Instead = Callable[[tuple[str, str, int], tuple[Any, ...], Any], Any]

After = Callable[[tuple[str, str, int], Any], None]


@contextmanager
def scoped(model: Any, scope: Scope, instead: Instead | None = None, after: After | None = None) -> Iterator[None]:
    """While a model runs, each call in it and in models inside runs within `scope(model, layer, which of its calls)`.

    `instead` may give what a call gives, without running it, from what the call is given and its symbolic tensors; or
    None. `after` is told what a call that was run gave.

    Keras offers no hook around a call: a layer's own name scope does not tell its calls apart, and functions of
    keras.ops have none.
    """
    found = {id(graph_of(each)): each for each in model._flatten_layers() if hasattr(graph_of(each), "_nodes_by_depth")}
    graphs = [(graph_of(each), each.name) for each in found.values()]
    try:
        for graph, name in graphs:
            graph.__dict__["_run_through_graph"] = _within(graph, name, scope, instead, after)
        yield
    finally:
        for graph, _ in graphs:
            graph.__dict__.pop("_run_through_graph", None)


def _within(graph: Any, name: str, scope: Scope, instead: Instead | None, after: After | None) -> Callable[..., Any]:
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
                    made = function(*args, **keywords)
                if after is not None:
                    after(place, made)
                return made

            return call

        return original(inputs, operation_fn=within, call_fn=call_fn)

    return run
