"""A training that the memory was too small for: which part of it is large, and what batch would fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kspec.diagnostics import KspecError, Problem, TrainingError
from kspec.model.device import training_bound
from kspec.model.memory import size_text
from kspec.model.plan import Plan

if TYPE_CHECKING:
    from kspec.spec.schema import Compile

_NAMES = ("weights", "gradients", "the optimizer's state", "activations", "copies of weights", "the batch")


@contextmanager
def explaining(abstract: Callable[..., tuple[Any, Plan]], section: Compile | None, batch: int) -> Iterator[None]:
    """A training in here that runs out of memory says what of it is large, and which batch would fit.

    `abstract` is a loaded spec's: the model without weights and its plan.
    """
    try:
        yield
    except TrainingError as error:
        built, plan = abstract(expectations=False)
        raise explained(error, built.model, plan, section, batch) from error.__cause__


def explained(error: TrainingError, model: Any, plan: Plan, section: Compile | None, batch: int) -> TrainingError:
    """The error with the estimate of a training step of `batch` examples; `model` has no weights.

    As it is where nothing can be estimated, or where it is not about memory.
    """
    (problem, *_) = error.problems
    if problem.code != "training-memory":
        return error
    from kspec.model.cost.fitting import largest_batch
    from kspec.model.cost.measure import measure
    from kspec.model.cost.value import Batch

    try:
        memory = measure(model, plan, section, Batch(batch)).memory
    except KspecError:  # axes that are open, say
        return error
    parts = sorted(zip(memory, _NAMES, strict=True), reverse=True)
    told = ", ".join(f"{size_text(size)} of {name}" for size, name in parts[:2] if size)
    limit = training_bound()
    message = f"out of memory: a step of {batch:,} examples takes about {size_text(memory.total)}, {told}"
    message += f"; there are {size_text(limit)}"
    try:
        # half of an estimate is left for what kernels need beside
        fits = largest_batch(model, plan, section, limit // 2)
        help = f"`--set fit.batch_size={fits}` would fit" if fits < batch else "make the model smaller"
    except KspecError:
        help = "make the model smaller: not even one example fits"
    return TrainingError(Problem("training-memory", message, help=help))
