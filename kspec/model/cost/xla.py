"""What operations cost, by XLA's own analysis of each (`jax.stages.Lowered.cost_analysis`).

XLA gives one number for a whole program and counts the body of a loop once. Operations are independent of each other in
that analysis, so each is asked for by itself, once for all that are alike, and a loop's body is counted as often as it
runs. The sum of a program's operations is XLA's number for the program: tests hold the two together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

_SAME_FOR_EVERY_ELEMENT = """
abs acos acosh add add_any and asin asinh atan atan2 atanh bessel_i0e bessel_i1e cbrt ceil clamp convert_element_type
copy cos cosh digamma div eq erf erf_inv erfc exp exp2 expm1 floor ge gt igamma igammac integer_pow is_finite le lgamma
log log1p logistic lt max min mul ne neg nextafter not or polygamma population_count pow real reduce_precision
regularized_incomplete_beta rem round rsqrt select_n shift_left shift_right_arithmetic shift_right_logical sign sin sinh
sqrt square sub tan tanh xor
"""
_MOVING_ONLY = """
broadcast_in_dim concatenate copy_p device_put dynamic_slice dynamic_update_slice expand_dims iota optimization_barrier
pad random_unwrap random_wrap reshape rev slice split squeeze stop_gradient transpose
"""
_CALLING = """
checkpoint closed_call core_call custom_jvp_call custom_jvp_call_jaxpr custom_lin custom_vjp_call custom_vjp_call_jaxpr
jit pjit remat remat2 run_state shard_map xla_call
"""
_ELEMENTWISE = frozenset(_SAME_FOR_EVERY_ELEMENT.split())
"""Operations that are asked for on a few elements."""
_FREE = frozenset(_MOVING_ONLY.split())
"""Operations that compute nothing."""
_CALLS = frozenset(_CALLING.split())
"""Operations that run a program of their own."""
_INNER = ("jaxpr", "call_jaxpr", "fun_jaxpr")
FEW = 128


class Operation(NamedTuple):
    """One operation of a program, and how often it runs."""

    stack: str
    """JAX's names of what it stands in."""
    flops: float
    transcendentals: float
    times: int


def live(jaxpr: Any, wanted: Any = None) -> list[tuple[Any, list[bool]]]:
    """The equations that lead to results, in order, each with which of its own are used."""
    results = (
        jaxpr.outvars
        if wanted is None
        else [each for each, is_used in zip(jaxpr.outvars, wanted, strict=True) if is_used]
    )
    used = {id(each) for each in results}
    found = []
    for equation in reversed(jaxpr.eqns):
        own = [id(each) in used for each in equation.outvars]
        if any(own) or equation.effects:
            used.update(map(id, equation.invars))
            found.append((equation, own))
    return found[::-1]


class Prices:
    """What operations cost, each asked for once."""

    def __init__(self) -> None:
        self._known: dict[Any, tuple[float, float]] = {}
        self.endless = False
        """Whether there was a loop of which nobody knows how often it runs; it is counted once."""

    def operations(self, jaxpr: Any, stack: str = "", times: int = 1, wanted: Any = None) -> Iterator[Operation]:
        """Every operation of a program that costs something, those inside of others too.

        `wanted` says which of its results are; what leads to no other is not run, and is left out.
        """
        for equation, results in live(jaxpr, wanted):
            here = f"{stack}/{equation.source_info.name_stack}"
            name = equation.primitive.name
            if name in _FREE:
                continue
            if name == "scan":
                yield from self.operations(equation.params["jaxpr"].jaxpr, here, times * equation.params["length"])
            elif name == "while":
                self.endless = True
                for part in ("cond_jaxpr", "body_jaxpr"):
                    yield from self.operations(equation.params[part].jaxpr, here, times)
            elif name == "cond":  # the dearest branch, as XLA takes it
                branches = [[*self.operations(each.jaxpr, here, times)] for each in equation.params["branches"]]
                yield from max(branches, key=lambda found: sum(each.flops * each.times for each in found))
            elif name in _CALLS:
                inner = next(equation.params[key] for key in _INNER if key in equation.params)
                yield from self.operations(getattr(inner, "jaxpr", inner), here, times, results)
            else:
                flops, transcendentals = self._price(equation)
                if flops or transcendentals:
                    yield Operation(here, flops, transcendentals, times)

    def _price(self, equation: Any) -> tuple[float, float]:
        name = equation.primitive.name
        given = [variable.aval for variable in equation.invars]
        size = math.prod(equation.outvars[0].aval.shape)
        share = name in _ELEMENTWISE and size > FEW and all(each.shape in ((), given[0].shape) for each in given)
        shapes = [(FEW,) if share and each.shape else each.shape for each in given]
        values = [str(getattr(each, "val", "")) if not each.aval.shape else "" for each in equation.invars]
        key = (name, *zip(shapes, (str(each.dtype) for each in given), values, strict=True), _text(equation.params))
        if key not in self._known:
            self._known[key] = _asked(equation, shapes)
        flops, transcendentals = self._known[key]
        factor = size / FEW if share else 1
        return flops * factor, transcendentals * factor


def _text(parameters: Any) -> str:
    return str(sorted((name, str(value)) for name, value in parameters.items()))


def _asked(equation: Any, shapes: list[tuple[int, ...]]) -> tuple[float, float]:
    """XLA's numbers for one operation on arguments of these shapes."""
    import jax
    from jax.extend.core import Literal

    constants = [each.val if isinstance(each, Literal) else None for each in equation.invars]
    given = [
        jax.ShapeDtypeStruct(shape, each.aval.dtype)
        for shape, each in zip(shapes, equation.invars, strict=True)
        if not isinstance(each, Literal)
    ]

    def run(*values: Any) -> Any:
        left = iter(values)
        whole = [next(left) if constant is None else constant for constant in constants]
        return equation.primitive.bind(*whole, **equation.params)

    found = jax.jit(run).lower(*given).cost_analysis() or {}
    return max(found.get("flops", 0.0), 0.0), max(found.get("transcendentals", 0.0), 0.0)
