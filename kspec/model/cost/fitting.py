"""The largest batch with which training fits into a given memory."""

from __future__ import annotations

from typing import Any

from kspec.diagnostics import Problem, SpecError
from kspec.model.backend import deeply
from kspec.model.cost.flows import flows
from kspec.model.cost.measure import memory
from kspec.model.cost.programs import training
from kspec.model.cost.value import Batch
from kspec.model.memory import size_text
from kspec.model.plan import Plan
from kspec.spec.schema import Compile

MOST = 2**24
_TRIES = 8


def largest_batch(model: Any, plan: Plan, section: Compile | None, limit: int, length: int | None = None) -> int:
    """How many examples a batch may have so that the estimate of training's memory is at most `limit` bytes.

    Memory grows with the batch nearly in proportion, so a few sizes are traced: what two of them say of a third is
    tried, and mended. Raises SpecError where not even one example fits.
    """

    def needed(size: int) -> int:
        step = training(model, section, Batch(size, length))
        return memory(model, plan, step, flows(step)).total

    def work() -> int:
        low, at_low = 1, needed(1)
        if at_low > limit:
            message = f"training takes {size_text(at_low)} with one example, and {size_text(limit)} are allowed"
            raise SpecError(Problem("too-large", message, ("layers",), at="key"))
        high, at_high = 2, needed(2)
        for _ in range(_TRIES):
            guess = low + int((limit - at_low) * (high - low) / max(at_high - at_low, 1))
            guess = min(max(guess, low), MOST)
            found = needed(guess)
            if found <= limit and (guess == MOST or needed(guess + 1) > limit):
                return guess
            low, at_low, high, at_high = (
                (1, needed(1), guess, found) if found > limit else (guess, found, guess + 1, needed(guess + 1))
            )
        return low

    return deeply(work, len(plan.calls))
