"""What a spec expects of its model, and what no machine can hold."""

from __future__ import annotations

import math
from typing import Any

from kspec.diagnostics import Problem, SpecError
from kspec.model.build import Abstract
from kspec.model.memory import size_text
from kspec.model.plan import Plan, bytes_of, flat
from kspec.spec.graph import Graph
from kspec.spec.schema import Bound, Spec

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
            size = math.prod(axis or 1 for axis in shape) * bytes_of(dtype)
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
        tensors = flat(built.tensors.get(ref.name, []))
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
