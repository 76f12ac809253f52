"""What an optimizer's work costs: every weight of one shape the same, so that few are traced."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from kspec.model.backend import load_keras
from kspec.model.cost.xla import Prices
from kspec.model.private import abstract_variables
from kspec.model.quiet import without_keras_warnings

_FEW = 60
"""So many weights are traced as they are."""


def flops(optimizer: Any, weights: list[Any], prices: Prices) -> float:
    """The FLOPs of one update of `weights` by an optimizer like this one.

    What an optimizer does for a weight depends on its shape and dtype (and, with Muon, on its name); what it does once
    (schedules, norms of all) is found by leaving weights out.
    """
    alike: dict[Any, list[Any]] = defaultdict(list)
    for weight in weights:
        alike[tuple(weight.shape), str(weight.dtype)].append(weight)
    first = [group[0] for group in alike.values()]
    if len(weights) <= _FEW or type(optimizer).__name__ == "Muon":
        return _traced(optimizer, weights, prices)
    if len(first) == 1:
        one, two = (_traced(optimizer, weights[:count], prices) for count in (1, 2))
        return one + (len(weights) - 1) * (two - one)
    each = [_traced(optimizer, [weight], prices) for weight in first]
    together = _traced(optimizer, first, prices)
    once = (sum(each) - together) / (len(each) - 1)
    counts = [len(group) - 1 for group in alike.values()]
    return together + sum(count * (alone - once) for count, alone in zip(counts, each, strict=True))


def _traced(optimizer: Any, weights: list[Any], prices: Prices) -> float:
    import jax

    with without_keras_warnings():
        fresh = load_keras().optimizers.deserialize(load_keras().optimizers.serialize(optimizer))
    with abstract_variables():
        fresh.build(weights)
        state, given = (
            [jax.ShapeDtypeStruct(each.shape, each.dtype) for each in of] for of in (fresh.variables, weights)
        )
        program = jax.jit(fresh.stateless_apply).trace(state, given, given).jaxpr.jaxpr
    return sum(each.flops * each.times for each in prices.operations(program))
