"""What one step does: training, testing or predicting, as a pure function on Keras's stateless methods.

A state is what a step changes; what it only reads stands apart, so that it need not be copied.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kspec.model.backend import load_keras
from kspec.model.private import steps_are_keras_own
from kspec.training.loop.packing import Packing, packing

State = Any
"""A tree of arrays that a step takes and gives, of the same shapes."""


@dataclass(frozen=True)
class Task:
    """A step, and what is told of it.

    `step(reads, state, batch)` gives the new state and what is kept of every single step; `result(state)`, where there
    is one, gives the logs after any number of steps. Without it the logs are what is kept of the last step.
    """

    name: str
    step: Callable[[Any, State, Any], tuple[State, Any]]
    result: Callable[[State], Any] | None = None
    packing: Packing | None = None
    """The same step on a state with fewer arrays, where there is one."""


def training(model: Any, *, every: bool, skip: bool = False) -> Task:
    """A training step; its state is (trainable, other, optimizer's, metrics') variables.

    Of every step the loss so far is kept; with `every`, and for a model with a ``train_step`` of its own, all logs.
    With `skip`, a step whose loss, weights or optimizer's variables would become no numbers changes nothing.
    """
    own = steps_are_keras_own(model)

    def step(reads: Any, state: State, batch: Any) -> tuple[State, Any]:
        logs, changed = model.train_step(tuple(state), batch)
        changed = _like(changed, state)
        if skip:
            changed = _chosen(_are_finite((logs.get("loss", 0.0), changed[0], changed[2])), changed, state)
        return changed, logs if every or not own else logs["loss"]

    name = "train, bad steps left out" if skip else "train"
    if not own or every:
        return Task(name, step)
    return Task(name, step, _results(model, 3), packing(model, step) if not skip else None)


def testing(model: Any, *, every: bool) -> Task:
    """A step of evaluating; it reads the trainable variables, and its state is (other, metrics') variables."""
    own = steps_are_keras_own(model)

    def step(reads: Any, state: State, batch: Any) -> tuple[State, Any]:
        logs, (_, *changed) = model.test_step((reads, *state), batch)
        return _like(changed, state), logs if every or not own else None

    return Task("test", step, _results(model, 1) if own and not every else None)


def predicting(model: Any) -> Task:
    """A step of predicting; it reads the trainable variables, its state is the others, and all outputs are kept."""

    def step(reads: Any, state: State, batch: Any) -> tuple[State, Any]:
        outputs, (_, *changed) = _predicted(model, (reads, *state), batch)
        return _like(changed, state), outputs

    return Task("predict", step)


def _are_finite(tree: Any) -> Any:
    import jax
    from jax import numpy as jnp

    real = [leaf for leaf in map(jnp.asarray, jax.tree.leaves(tree)) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    return jnp.stack([jnp.isfinite(leaf).all() for leaf in real]).all()


def _chosen(condition: Any, one: State, other: State) -> State:
    import jax
    from jax import numpy as jnp

    return tuple(jax.tree.map(lambda a, b: jnp.where(condition, a, b), list(one), list(other)))


def _like(changed: Any, state: State) -> State:
    """A new state with the dtypes of the one before, which are those of the variables: the next step takes it."""
    return tuple(
        [new.astype(old.dtype) for new, old in zip(part, before, strict=True)]
        for part, before in zip(changed, state, strict=True)
    )


def _predicted(model: Any, state: Any, batch: Any) -> tuple[Any, Any]:
    outputs, others = model.predict_step(state, batch)
    return outputs, (state[0], others)


def _results(model: Any, place: int) -> Callable[[State], Any]:
    """Losses and metrics by their variables, which are a part of the state."""
    keras = load_keras()

    def result(state: State) -> Any:
        known = list(zip(model.metrics_variables, state[place], strict=True))
        with keras.StatelessScope(state_mapping=known):
            return model.get_metrics_result()

    return result
