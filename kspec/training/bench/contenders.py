"""What is measured: ways to train one model on the same rows, an epoch at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from kspec.model.interface import Interface
from kspec.model.jit import keras_compiles
from kspec.model.private import prepare_training
from kspec.training.data.match import Matched
from kspec.training.interrupts import Interrupts
from kspec.training.loop import Choice
from kspec.training.loop.epochs import Training
from kspec.training.loop.feed import example, feed, order, structured
from kspec.training.loop.tasks import State
from kspec.training.loop.testing import Data
from kspec.training.watch import Progress, Silent, Watch


@dataclass(frozen=True)
class Setting:
    """What all contenders train on: the rows, how many of them a step has, and how many there are of each."""

    data: Matched
    interface: Interface
    batch: int
    seed: int = 0
    epochs: int = 1
    """Of a training as the spec asks for it: the way to run its steps is chosen for so many."""

    def structured(self) -> Any:
        """(x, y, sample weights) on the host, as Keras feeds them."""
        return structured(self.data, self.interface, {})


class Contender(Protocol):
    """A way to train."""

    def run(self, epochs: int) -> None:
        """Train so many epochs, and come back when the device has done them."""


class ByKeras:
    """`keras.Model.fit`."""

    def __init__(self, model: Any, setting: Setting) -> None:
        self._model, self._batch = model, setting.batch
        if not keras_compiles(model):
            model.jit_compile = False
        self._x, self._y, self._weights = setting.structured()

    def run(self, epochs: int) -> None:
        """Train so many epochs."""
        x, y, weights, batch = self._x, self._y, self._weights, self._batch
        self._model.fit(x, y, sample_weight=weights, batch_size=batch, epochs=epochs, verbose=0)


class ByKspec:
    """The loop of `kspec fit`; the way to run steps is chosen for `planned` epochs, and `progress` is told of them."""

    def __init__(self, model: Any, setting: Setting, planned: int, progress: Progress) -> None:
        data, interface, batch = setting.data, setting.interface, setting.batch
        prepare_training(model, example(data, interface, batch))
        fed = feed(data, interface, batch, setting.seed)
        watch = Watch(progress, lambda row: None, time.monotonic, Interrupts())
        self.training = Training(model, Data(fed, batch), (), watch, 1)
        self.training.planned = planned
        self._epochs = 0

    @property
    def choice(self) -> Choice | None:
        """How steps are run; not known before the first epoch."""
        return self.training.choice

    def run(self, epochs: int) -> None:
        self.training.first, self.training.epochs = self._epochs, self._epochs + epochs
        self.training.run()
        self._epochs += epochs


class ByHand:
    """What one would write with JAX for this model: gradients, the optimizer, and the sum of the losses; no metrics, no
    callbacks. A last batch that is smaller is left out.

    With `scan`, a whole epoch is one program, over rows on the device that are put in order first; else each step is
    one, on a batch that is cut on the host.
    """

    def __init__(self, model: Any, setting: Setting, *, scan: bool) -> None:
        import jax
        from jax import numpy as jnp

        self._setting, self._scan = setting, scan
        data = setting.structured()
        prepare_training(model, example(setting.data, setting.interface, setting.batch))
        parts = (model.trainable_variables, model.non_trainable_variables, model.optimizer.variables)
        self._state: State = tuple([jnp.copy(variable.value) for variable in part] for part in parts)
        self._metrics = [variable.value for variable in model.metrics_variables]
        self._step = partial(_by_hand, model)
        self._steps = setting.data.rows // setting.batch
        self._data = jax.device_put(data) if scan else data
        self._program = jax.jit(self._epoch if scan else self._step, donate_argnums=0)
        self._number = 0

    def _epoch(self, state: State, metrics: Any, data: Any, places: Any) -> Any:
        import jax

        batches = jax.tree.map(lambda leaf: leaf[places], data)
        return jax.lax.scan(lambda state, batch: self._step(state, metrics, batch), state, batches)

    def run(self, epochs: int) -> None:
        import jax

        size, losses = self._setting.batch, None
        for _ in range(epochs):
            places = order(self._setting.seed, self._number, self._setting.data.rows)[: self._steps * size]
            self._number += 1
            if self._scan:
                places = places.reshape(self._steps, size)
                self._state, losses = self._program(self._state, self._metrics, self._data, places)
                continue
            for step in range(self._steps):
                rows = places[step * size : (step + 1) * size]
                batch = jax.tree.map(lambda leaf, rows=rows: leaf[rows], self._data)
                self._state, losses = self._program(self._state, self._metrics, batch)
        jax.block_until_ready((self._state, losses))


def _by_hand(model: Any, state: State, metrics: Any, batch: Any) -> tuple[State, Any]:
    """A step without anything that one could leave out."""
    import jax

    trainable, others, slots = state
    compute = jax.value_and_grad(model.compute_loss_and_updates, has_aux=True)
    (_, (loss, _, others, _)), gradients = compute(
        trainable, others, metrics, *batch, training=True, optimizer_variables=slots
    )
    trainable, slots = model.optimizer.stateless_apply(slots, gradients, trainable)
    return (list(trainable), list(others), list(slots)), loss


def contenders(build: Callable[[], Any], setting: Setting) -> Mapping[str, Callable[[], Contender]]:
    """Contenders by name, each made when it is asked for, with a model of its own."""
    return {
        "keras": lambda: ByKeras(build(), setting),
        # for so many epochs that every way to run steps is tried
        "kspec": lambda: ByKspec(build(), setting, 1_000_000, Silent()),
        "hand_scan": lambda: ByHand(build(), setting, scan=True),
        "hand_single": lambda: ByHand(build(), setting, scan=False),
    }
