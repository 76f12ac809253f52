"""What a spec expects of its model, and what no machine can hold."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from kspec.diagnostics import KspecError, Problem, Route, SpecError, UsageError
from kspec.model.build import Abstract
from kspec.model.memory import size_text
from kspec.model.plan import Plan, bytes_of
from kspec.model.planning import flat
from kspec.spec.graph import Graph
from kspec.spec.schema import Bound, Expect, Spec

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
    problems = _counts(expect, plan) + _costs(spec, expect, built, plan) if plan is not None else []
    given = (
        {name: (shape, dtype) for name, shape, dtype in plan.outputs} if plan is not None else _tensors(built, graph)
    )
    for name, wanted in expect.outputs.items():
        shape, dtype = given.get(name, (wanted.shape, wanted.dtype))
        route: Route = ("expect", "outputs", name)
        if wanted.shape is not None and tuple(wanted.shape) != tuple(shape or ()):
            message = f"`{name}` has shape {_shape(shape)}, and {_shape(wanted.shape)} is expected"
            problems.append(Problem("expect", message, route))
        if wanted.dtype not in (None, dtype):
            message = f"`{name}` is {dtype}, and {wanted.dtype} is expected"
            problems.append(Problem("expect", message, (*route, "dtype")))
    return problems


def _counts(expect: Expect, plan: Plan) -> list[Problem]:
    counts = {
        "params": plan.params,
        "trainable_params": plan.trainable,
        "non_trainable_params": plan.non_trainable,
        "depth": plan.depth,
    }
    return [
        Problem("expect", f"`{key}` is {value:,}, and {_bound(bound)} is expected", ("expect", key))
        for key, value in counts.items()
        if (bound := getattr(expect, key)) is not None and not _holds(bound, value)
    ]


def _costs(spec: Spec, expect: Expect, built: Abstract, plan: Plan) -> list[Problem]:
    """What computing and training cost, where something is expected of it."""
    problems: list[Problem] = []
    for key, bound, cost in (("flops", expect.flops, _flops), ("train_memory", expect.train_memory, _memory)):
        if bound is None:
            continue
        try:
            value = cost(spec, expect, built.model, plan)
        except KspecError as error:
            help = "say how long they are: `length: 128` beside it" if isinstance(error, UsageError) else ""
            problems += [replace(each, route=("expect", key), help=help or each.help) for each in error.problems]
            continue
        if not _holds(bound, value):
            is_size = key == "train_memory"
            text = size_text(value) if is_size else f"{value:,}"
            message = f"`{key}` is {text}, and {_bound(bound, in_bytes=is_size)} is expected"
            problems.append(Problem("expect", message, ("expect", key)))
    return problems


def _flops(spec: Spec, expect: Expect, model: Any, plan: Plan) -> int:
    from kspec.model.cost.measure import measure_forward
    from kspec.model.cost.value import Batch

    return round(measure_forward(model, plan, Batch(1, expect.length))[0])


def _memory(spec: Spec, expect: Expect, model: Any, plan: Plan) -> int:
    from kspec.model.cost.measure import measure
    from kspec.model.cost.value import Batch

    assert expect.train_memory is not None
    batch = Batch(expect.train_memory.batch_size, expect.length)
    return measure(model, plan, spec.compile, batch).memory.total


def _tensors(built: Abstract, graph: Graph) -> dict[str, tuple[Any, str]]:
    """Shapes and dtypes of outputs by name, of those that are known."""
    found = {}
    for name, ref in zip(graph.output_names(), graph.output_refs(), strict=True):
        tensors = flat(built.tensors.get(ref.name, []))
        if isinstance(ref.output, str):
            continue  # an output of a model that is a step, which the whole plan knows
        if ref.output is not None:
            tensors = tensors[ref.output : ref.output + 1]
        if len(tensors) == 1:
            found[name] = tuple(tensors[0].shape), str(tensors[0].dtype)
    return found


def _shape(shape: Any) -> str:
    return "[" + ", ".join("null" if axis is None else str(axis) for axis in shape) + "]"


def _holds(bound: Bound, value: int) -> bool:
    return (bound.min is None or value >= bound.min) and (bound.max is None or value <= bound.max)


def _bound(bound: Bound, *, in_bytes: bool = False) -> str:
    def text(limit: int) -> str:
        return size_text(limit) if in_bytes else f"{limit:,}"

    if bound.min == bound.max and bound.min is not None:
        return text(bound.min)
    return " and ".join(
        f"{word} {text(limit)}"
        for word, limit in (("at least", bound.min), ("at most", bound.max))
        if limit is not None
    )
