"""What a model costs: floating-point operations and memory, of every call and of the whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kspec.model.backend import deeply
from kspec.model.cost import updates
from kspec.model.cost.flows import Flows, flows, remat
from kspec.model.cost.programs import Program, forward, tags, training
from kspec.model.cost.value import LOSS, OPTIMIZER, Batch, Cost, Memory, Share
from kspec.model.cost.xla import Prices
from kspec.model.outline import outline, twins
from kspec.model.plan import Call, Plan
from kspec.model.planning import weight_bytes
from kspec.spec.schema import Compile


def measure_forward(model: Any, plan: Plan, batch: Batch) -> tuple[float, Mapping[tuple[str, ...], float], bool]:
    """FLOPs of computing a batch: of all, of each call by name, and whether there was a loop without a known end.

    Of equal copies of a repeat the first alone is looked at.
    """

    def work() -> tuple[float, Mapping[tuple[str, ...], float], bool]:
        prices = Prices()
        total, shares, _ = _computing(model, plan, batch, prices)
        return total, shares, prices.endless

    return deeply(work, len(plan.calls))


def _computing(
    model: Any, plan: Plan, batch: Batch, prices: Prices
) -> tuple[float, dict[tuple[str, ...], float], float]:
    """FLOPs of the forward pass: of all, of each call by name, and of what belongs to no call."""
    same = dict(twins(outline(plan)))
    program = forward(model, batch, {(plan.name, *call.key) for call in same})
    total, shares, rest = _counted(program, plan, prices)
    for call, shown in same.items():
        if (plan.name, *call.key) not in program.calls and (shown.name,) in shares:
            shares[call.name,] = shares[shown.name,]
            total += shares[shown.name,]
    return total, shares, rest


def measure(model: Any, plan: Plan, section: Compile | None, batch: Batch) -> Cost:
    """What computing a batch and training on it cost, with nothing allocated.

    Raises SpecError, UsageError.
    """
    return deeply(lambda: _measure(model, plan, section, batch), len(plan.calls))


def _measure(model: Any, plan: Plan, section: Compile | None, batch: Batch) -> Cost:
    prices = Prices()
    total, computed, rest = _computing(model, plan, batch, prices)
    step = training(model, section, batch)
    trained, in_step, outside = _counted(step, plan, prices)
    flow = flows(step)
    optimizer = getattr(model, "optimizer", None)
    updated = updates.flops(optimizer, list(model.trainable_variables), prices) if optimizer is not None else 0.0
    names = _names(step, plan)
    kept = flow.by_call()
    shares = {
        place: Share(
            computed.get(place, 0.0),
            in_step.get(place, 0.0),
            sum(kept.get(number, 0) for number in numbers) if len(place) == 1 else 0,
            sum(flow.moved.get(number, 0) for number in numbers) if len(place) == 1 else 0,
        )
        for place, numbers in names.items()
    }
    again = remat(flow, _blocks(plan, names))
    repeated = sum(
        computed.get(place, 0.0) for place, numbers in names.items() if len(place) == 1 and numbers & again.again
    )
    return Cost(
        batch,
        total,
        rest,
        trained + updated,
        ((LOSS, outside), (OPTIMIZER, updated)) if optimizer is not None else ((LOSS, outside),),
        shares,
        memory(model, plan, step, flow),
        again if again.again else None,
        repeated,
        prices.endless,
        _dtype(plan, in_step),
    )


def _dtype(plan: Plan, flops: Mapping[tuple[str, ...], float]) -> str:
    """The dtype in which most is computed."""
    found: dict[str, float] = {}
    for call in plan.calls:
        if call.outputs:
            dtype = call.outputs[0][1]
            found[dtype] = found.get(dtype, 0.0) + flops.get((call.name,), 0.0)
    return max(found, key=lambda dtype: found[dtype])


def _counted(program: Program, plan: Plan, prices: Prices) -> tuple[float, dict[tuple[str, ...], float], float]:
    """FLOPs of all, of each call by name, and of what belongs to no call."""
    places: dict[tuple[int, ...], list[tuple[str, ...]]] = {}
    for place, numbers in _paths(program, plan).items():
        places.setdefault(numbers, []).append(place)
    total, shares, rest = 0.0, dict[tuple[str, ...], float](), 0.0
    for operation in prices.operations(program.jaxpr):
        flops = operation.flops * operation.times
        total += flops
        found = tuple(tags(operation.stack))
        if found[:1] not in places:
            rest += flops
        for length in range(1, len(found) + 1):
            for place in places.get(found[:length], ()):
                shares[place] = shares.get(place, 0.0) + flops
    return total, shares, rest


def _paths(program: Program, plan: Plan) -> dict[tuple[str, ...], tuple[int, ...]]:
    """For each call, by name, the numbers under which its operations stand."""
    found: dict[tuple[str, ...], tuple[int, ...]] = {}

    def walk(model: str, calls: tuple[Call, ...], names: tuple[str, ...], numbers: tuple[int, ...]) -> None:
        for call in calls:
            number = program.calls.get((model, *call.key))
            if number is not None:
                found[*names, call.name] = (*numbers, number)
                walk(call.layer, call.inner, (*names, call.name), (*numbers, number))

    walk(plan.name, plan.calls, (), ())
    return found


def _names(program: Program, plan: Plan) -> dict[tuple[str, ...], frozenset[int]]:
    return {place: frozenset(numbers[-1:]) for place, numbers in _paths(program, plan).items()}


def _blocks(plan: Plan, names: Mapping[tuple[str, ...], frozenset[int]]) -> dict[int, int]:
    """The block of each call, for rematerialisation: the outermost use of one, or copy of a repeat, or model."""
    blocks: dict[Any, int] = {}
    found = {}
    for call in plan.calls:
        if call.uses or call.inner:
            for number in names.get((call.name,), ()):
                found[number] = blocks.setdefault(call.uses[0] if call.uses else call.name, len(blocks))
    return found


def memory(model: Any, plan: Plan, step: Program, flow: Flows) -> Memory:
    """What a traced training step takes: an estimate, of which `flows` says what it leaves out."""
    optimizer = getattr(model, "optimizer", None)
    state = weight_bytes(optimizer.variables) if optimizer is not None else 0
    given = weight_bytes([each.aval for each in step.jaxpr.invars])
    variables = [*model.trainable_variables, *model.non_trainable_variables]
    metrics = getattr(model, "metrics_variables", []) if optimizer is not None else []
    batch = given - weight_bytes(variables) - state - weight_bytes(metrics)
    return Memory(
        plan.weight_bytes,
        weight_bytes(model.trainable_variables),
        state,
        flow.activations,
        flow.copies,
        max(batch, 0),
    )
