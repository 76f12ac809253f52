"""What XLA's buffer assignment plans for a training step: it is compiled for this machine's device, and not run."""

from __future__ import annotations

from typing import Any

from kspec.diagnostics import Problem, SpecError
from kspec.model.backend import deeply
from kspec.model.cost.programs import training
from kspec.model.cost.value import Batch, Planned
from kspec.model.errors import brief
from kspec.model.plan import Plan
from kspec.spec.schema import Compile


def planned(model: Any, plan: Plan, section: Compile | None, batch: Batch) -> Planned:
    """Compile a training step and read what XLA plans; takes as long as the first step of training.

    Raises SpecError where XLA cannot compile it.
    """
    import jax

    def work() -> Planned:
        program = training(model, section, batch, updates=True)
        try:
            found = program.traced.lower().compile().memory_analysis()
        except (RuntimeError, MemoryError) as error:
            raise SpecError(Problem("too-large", f"XLA cannot compile this: {brief(error)}", ("layers",))) from None
        results = found.output_size_in_bytes - found.alias_size_in_bytes
        platform = jax.default_backend()
        return Planned(found.argument_size_in_bytes, results, found.temp_size_in_bytes, platform)

    return deeply(work, len(plan.calls))
