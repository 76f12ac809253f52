"""A part of a training again, up to a step that is to be looked at."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from typing import Any

from kspec.training.checkpoints.keeper import Keeper
from kspec.training.checkpoints.snapshot import Snapshot


class _Reached(Exception):
    """The training is where it was to come."""


class _Until(Keeper):
    """Ends a training when so many steps are done in all, with what it has then."""

    def __init__(self, steps: int, resumed: Snapshot | None) -> None:
        super().__init__(resumed=resumed)
        self._steps, self.found = steps, resumed

    def until(self, steps: int) -> int | None:
        return self._steps - steps if steps < self._steps else None

    def is_due(self, steps: int) -> bool:
        return steps == self._steps

    def is_due_at_end(self, epoch: int, steps: int) -> bool:
        return steps == self._steps

    def save(self, now: Callable[[], Snapshot]) -> None:
        self.found = now()
        raise _Reached


def state_before(training: Any, steps: int, snapshot: Snapshot) -> tuple[Any, ...]:
    """The model's state when `steps` steps were done in all, from a snapshot that was taken before; the model,
    callbacks and compiled programs are those of the training, a `kspec.training.loop.epochs.Training`."""
    keeper = _Until(steps, snapshot)
    again = dataclasses.replace(training, watch=training.watch.silent(snapshot.facts["rows"]), keeper=keeper)
    again._running = training._running
    if training.steps_before(snapshot.place.epoch) + snapshot.place.step != steps:
        with contextlib.suppress(_Reached):
            again.run()
    assert keeper.found is not None
    state: tuple[Any, ...] = keeper.found.state(training.model)
    return state
