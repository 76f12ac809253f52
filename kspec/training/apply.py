"""A model applied to data: its scores, or its predictions."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

from kspec.diagnostics import Problem, UsageError
from kspec.model.interface import interface_of
from kspec.model.jit import compile_what_can_be
from kspec.model.private import prepare_testing
from kspec.model.quiet import without_keras_warnings
from kspec.training.data.match import Matched, Streamed
from kspec.training.fit import failing
from kspec.training.interrupts import Interrupts
from kspec.training.loop import LoopName, tasks
from kspec.training.loop.choice import choose, key_of
from kspec.training.loop.feed import Feed, example, feed
from kspec.training.loop.running import Running, steps_of
from kspec.training.loop.testing import Data, Testing, is_compiled
from kspec.training.watch import plainly

if TYPE_CHECKING:
    import numpy as np

_BATCH = 32


def evaluate(
    model: Any, data: Matched | Streamed, *, batch_size: int | None = None, loop: LoopName = "auto"
) -> dict[str, Any]:
    """The loss and the metrics on all rows, by Keras's own names (``return_dict=True``); a metric may be a list, of a
    number for each class.

    Raises `UsageError` (``compile-missing``) for a model without loss and metrics, `TrainingError` where Keras fails.
    """
    if not model.compiled:
        message = "the model has no loss and no metrics to evaluate: it was saved without `compile`"
        raise UsageError(
            Problem("compile-missing", message, help="evaluate its spec with its weights, or its run's folder")
        )
    interface, batch = interface_of(model), batch_size or _BATCH
    with Interrupts() as interrupts, failing("evaluation"), without_keras_warnings(), ExitStack() as stack:
        prepare_testing(model, example(data, interface, batch))
        model.reset_metrics()
        fed = stack.enter_context(closing(feed(data, interface, batch)))
        testing = Testing(model, Data(fed, batch), is_compiled(model), interrupts.between)
        reads, others, metrics = _values(model)
        _choose(testing.running, model, reads, (others, metrics), fed, loop)
        found = testing.run(reads, (others, metrics), lambda state, steps: None)
        return {name: plainly(value) for name, value in found.items()}


def predict(
    model: Any, data: Matched | Streamed, *, batch_size: int | None = None, loop: LoopName = "auto"
) -> dict[str, np.ndarray]:
    """What the model gives for all rows, by output name; rows first.

    Raises `TrainingError` where Keras fails.
    """
    interface, batch = interface_of(model), batch_size or _BATCH
    with Interrupts() as interrupts, failing("prediction"), without_keras_warnings(), ExitStack() as stack:
        fed = stack.enter_context(closing(feed(data, interface, batch)))
        if not model.compiled:
            compile_what_can_be(model)
        running = Running(tasks.predicting(model), batch, compiled=is_compiled(model))
        reads, others, _ = _values(model)
        _choose(running, model, reads, (others,), fed, loop)
        found: list[Any] = []
        parts = ((rows, 0, steps_of(rows.length, batch)) for rows in fed.over(0))
        for done in running.all(reads, (others,), parts, lambda state, steps: None, interrupts.between):
            found += _rows(done)
        return interface.unpack_outputs(_joined(found))


def _choose(running: Running, model: Any, reads: Any, state: Any, fed: Feed, loop: LoopName) -> None:
    rows = next(fed.over(0))
    planned = steps_of(fed.rows, running.batch)
    choose(running, reads, state, rows, planned, loop, key_of(model, running.task.name, running.batch, rows.data))


def _values(model: Any) -> tuple[Any, Any, Any]:
    """Trainable variables, which are read, and copies of the others and of the metrics', which are given away."""
    from jax import numpy as jnp

    reads = [variable.value for variable in model.trainable_variables]
    others = [jnp.copy(variable.value) for variable in model.non_trainable_variables]
    return reads, others, [jnp.copy(variable.value) for variable in model.metrics_variables]


def _rows(done: Any) -> list[Any]:
    """What some steps gave, as trees of arrays on the host with the rows first."""
    import jax
    import numpy as np

    if not done.stacked:
        return [jax.tree.map(np.asarray, part) for part in done.kept]
    return [jax.tree.map(lambda leaf: np.asarray(leaf[: done.steps]).reshape(-1, *leaf.shape[2:]), done.kept)]


def _joined(parts: list[Any]) -> Any:
    import jax
    import numpy as np

    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)
