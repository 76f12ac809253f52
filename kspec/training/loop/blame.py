"""Where a step goes wrong: the first number in it that is none, found by running it operation by operation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from kspec.model.private import scoped
from kspec.training.loop.tasks import State


class _Found(BaseException):
    """What the search was for. No `Exception`: to those Keras adds what the layers around were called with."""


def blame(model: Any, state: State, batch: Any) -> str:
    """The first thing in a training step that has a number which is none, in the order in which a step computes:
    ``the input of the model, row 3 of the batch``, ``the output of `dense_1` ``, ``the gradient of `dense/kernel` ``.

    `state` is (trainable, other, optimizer's, metrics') arrays before the step, `batch` is (x, y, sample weights).
    Empty where everything is finite when computed in this way.
    """
    try:
        return next(_looked(model, state, batch), "")
    except _Found as found:
        return str(found)


def _looked(model: Any, state: State, batch: Any) -> Iterator[str]:
    import jax

    trainable, others, slots, metrics = state
    for part, name in zip(batch, ("the input", "the targets", "the sample weights"), strict=True):
        for leaf in jax.tree.leaves(part):
            if (row := _row(leaf)) is not None:
                yield f"{name}, row {row + 1} of the batch"
    variables = (model.trainable_variables, model.non_trainable_variables, model.optimizer.variables)
    for known, values in zip(variables, state[:3], strict=True):
        yield from (f"`{name}` before the step" for name in _bad(known, values))
    _forward(model, (trainable, others), batch[0])
    compute = jax.value_and_grad(model.compute_loss_and_updates, has_aux=True)
    (scaled, (loss, *_)), gradients = compute(
        trainable, others, metrics, *batch, training=True, optimizer_variables=slots
    )
    if _row(loss) is not None or _row(scaled) is not None:
        yield "the loss, every output of the model being finite"
    # backwards, as gradients are computed: the last layer's first
    yield from (f"the gradient of `{name}`" for name in reversed(_bad(model.trainable_variables, gradients)))
    changed, _ = model.optimizer.stateless_apply(slots, gradients, trainable)
    yield from (f"`{name}` after the update" for name in _bad(model.trainable_variables, changed))


def _forward(model: Any, state: tuple[Any, Any], x: Any) -> None:
    """Run the model forward; raises `_Found` at the first call whose output has a number that is none."""
    import jax

    def after(place: tuple[str, str, int], made: Any) -> None:
        if any(_row(leaf) is not None for leaf in jax.tree.leaves(made)):
            raise _Found(f"the output of `{place[1]}`")

    def around(*place: Any) -> AbstractContextManager[None]:
        return nullcontext()

    with scoped(model, around, after=after):
        model.stateless_call(*state, x, training=True)


def _bad(variables: Sequence[Any], values: Sequence[Any]) -> list[str]:
    return [variable.path for variable, value in zip(variables, values, strict=True) if _row(value) is not None]


def _row(array: Any) -> int | None:
    """The first row with a number that is none; None where all are finite."""
    import jax
    import numpy as np
    from jax import numpy as jnp

    if isinstance(array, jax.core.Tracer) or not jnp.issubdtype(jnp.asarray(array).dtype, jnp.floating):
        return None  # a step in time is computed with all others
    bad = ~np.asarray(jnp.isfinite(array))
    return int(np.argwhere(np.atleast_1d(bad))[0][0]) if bad.any() else None
