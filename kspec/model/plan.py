"""Abstract model -> Plan: shapes, dtypes, parameters; and what a spec expects of them."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from kspec.diagnostics import Problem, Route, SpecError
from kspec.model.build import Abstract
from kspec.model.memory import size_text
from kspec.spec.graph import Graph, Saved, refs
from kspec.spec.objects import Object
from kspec.spec.schema import Bound, Spec

_BYTES = {"float64": 8, "int64": 8, "uint64": 8, "float16": 2, "bfloat16": 2, "int16": 2, "uint16": 2, "bool": 1}


class Call(NamedTuple):
    """One row of a plan: a layer's call, or an input. Shapes have the batch axis first, as None."""

    name: str
    operation: str
    outputs: tuple[tuple[tuple[int | None, ...], str], ...]
    """Shape and dtype of each output."""
    params: int
    trainable: int
    sources: tuple[str, ...]
    shared: bool
    """Whether the layer was called, and counted, by an earlier row."""
    route: Route = ()
    uses: tuple[Route, ...] = ()


class Plan(NamedTuple):
    """What a model will be: its calls, and its parameters and bytes as Keras counts them."""

    name: str
    calls: tuple[Call, ...]
    params: int
    trainable: int
    weight_bytes: int
    outputs: tuple[tuple[str, tuple[int | None, ...], str], ...]
    """Name, shape and dtype of each output."""

    @property
    def non_trainable(self) -> int:
        return self.params - self.trainable


def plan(built: Abstract, graph: Graph) -> Plan:
    """The plan of a model that was built abstractly from `graph`."""
    model = built.model
    layers = {layer.name: layer for layer in model.layers}
    tensors = {name: _shapes(made) for name, made in built.tensors.items()}
    seen: set[str] = set()
    calls = [Call(given.name, "Input", tensors.get(given.name, ()), 0, 0, (), False) for given in graph.inputs]
    for node in graph.nodes:
        layer = layers.get(node.layer)
        own = layer.weights if layer is not None and node.layer not in seen else []
        trainable = layer.trainable_weights if layer is not None and node.layer not in seen else []
        shared = node.layer in seen
        seen.add(node.layer)
        calls.append(
            Call(
                node.name,
                _operation(graph.layers[node.layer].operation),
                tensors.get(node.name, ()),
                _count(own),
                _count(trainable),
                tuple(dict.fromkeys(ref.name for ref in refs(node))),
                shared,
                node.route,
                node.uses,
            )
        )
    made = model.output  # a mapping's tensors by name: Keras's flat list has them in the order of their names
    ordered = [made[name] for name in graph.output_names()] if isinstance(made, dict) else _flat(made)
    outputs = tuple(
        (name, tuple(tensor.shape), str(tensor.dtype))
        for name, tensor in zip(graph.output_names(), ordered, strict=True)
    )
    size = sum(_size(weight.shape) * _BYTES.get(str(weight.dtype), 4) for weight in model.weights)
    return Plan(model.name, tuple(calls), _count(model.weights), _count(model.trainable_weights), size, outputs)


def _shapes(made: Any) -> tuple[tuple[tuple[int | None, ...], str], ...]:
    return tuple((tuple(tensor.shape), str(tensor.dtype)) for tensor in _flat(made))


def _flat(tensors: Any) -> list[Any]:
    if isinstance(tensors, dict):
        return [tensor for item in tensors.values() for tensor in _flat(item)]
    if isinstance(tensors, (list, tuple)):
        return [tensor for item in tensors for tensor in _flat(item)]
    return [tensors]


def _operation(operation: Any) -> str:
    if isinstance(operation, Object):
        return operation.name
    if isinstance(operation, Saved):
        return operation.path.rsplit("/", 1)[-1]
    return "model"


def _count(weights: Any) -> int:
    return sum(_size(weight.shape) for weight in weights)


def _size(shape: Any) -> int:
    return math.prod(shape)


LARGEST = 2**50
"""Bytes beyond which a size is a slip, whatever the machine."""


def check_size(plan: Plan, limit: int = LARGEST) -> None:
    """Refuse what would not fit into `limit` bytes: weights, or one example's activations of any step.

    Raises SpecError.
    """
    mend = "raise it with `--max-memory`" if limit < LARGEST else "no machine holds that"
    if plan.weight_bytes > limit:
        message = f"the weights take {size_text(plan.weight_bytes)}, and {size_text(limit)} are allowed"
        raise SpecError(Problem("too-large", message, ("layers",), mend, "key"))
    for call in plan.calls:
        for shape, dtype in call.outputs:
            size = math.prod(axis or 1 for axis in shape) * _BYTES.get(dtype, 4)
            if size > limit:
                message = f"one example's output of `{call.name}` takes {size_text(size)}"
                help = f"{size_text(limit)} are allowed: {mend}"
                raise SpecError(Problem("too-large", message, call.route or ("inputs",), help, "key", uses=call.uses))


def check_expectations(spec: Spec, built: Abstract, plan: Plan | None, graph: Graph) -> list[Problem]:
    """A problem for each expectation that does not hold; without a plan, of the shapes that are known all the same."""
    expect = spec.expect
    if expect is None:
        return []
    counts = (
        {}
        if plan is None
        else {
            "params": plan.params,
            "trainable_params": plan.trainable,
            "non_trainable_params": plan.non_trainable,
        }
    )
    problems = [
        Problem("expect", f"`{key}` is {value:,}, and {_bound(bound)} is expected", ("expect", key))
        for key, value in counts.items()
        if (bound := getattr(expect, key)) is not None and not _holds(bound, value)
    ]
    shapes = {name: shape for name, shape, _ in plan.outputs} if plan is not None else _output_shapes(built, graph)
    for name, wanted in expect.outputs.items():
        shape = shapes.get(name)
        if shape is not None and tuple(wanted) != tuple(shape):
            message = f"`{name}` has shape {_shape(shape)}, and {_shape(wanted)} is expected"
            problems.append(Problem("expect", message, ("expect", "outputs", name)))
    return problems


def _output_shapes(built: Abstract, graph: Graph) -> dict[str, Any]:
    """The shapes of outputs by name, of those that are known."""
    found = {}
    for name, ref in zip(graph.output_names(), graph.output_refs(), strict=True):
        tensors = _flat(built.tensors.get(ref.name, []))
        if isinstance(ref.output, str):
            continue  # an output of a model that is a step, which the whole plan knows
        if ref.output is not None:
            tensors = tensors[ref.output : ref.output + 1]
        if len(tensors) == 1:
            found[name] = tuple(tensors[0].shape)
    return found


def _shape(shape: Any) -> str:
    return "[" + ", ".join("null" if axis is None else str(axis) for axis in shape) + "]"


def _holds(bound: Bound, value: int) -> bool:
    return (bound.min is None or value >= bound.min) and (bound.max is None or value <= bound.max)


def _bound(bound: Bound) -> str:
    if bound.min == bound.max and bound.min is not None:
        return f"{bound.min:,}"
    return " and ".join(
        f"{word} {limit:,}" for word, limit in (("at least", bound.min), ("at most", bound.max)) if limit is not None
    )
