"""Writes checkpoints of a training: when they are due, on a thread of its own, one at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from kspec.diagnostics import FileError
from kspec.spec.intervals import Every
from kspec.training.checkpoints.snapshot import Snapshot
from kspec.training.checkpoints.store import Store
from kspec.training.later import Later

_SMALL = 2**26
"""Bytes of a model's state that are kept in memory beside it."""


class Keeper:
    """Keeps a run's checkpoints as `every` says (None: only when it is told to); without a run, none.

    One that is due by time is written at the end of an epoch, or within one that takes longer than that time. One
    that cannot be written is told of, and the training goes on: those that are there stay.
    """

    def __init__(
        self,
        run: Path | None = None,
        every: Every | None = None,
        resumed: Snapshot | None = None,
        tell: Callable[[str], None] = lambda text: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.resumed = resumed
        self._store = Store(run) if run is not None else None
        self._every, self._tell, self._clock = every if run is not None else None, tell, clock
        self._writing: Later[object] | None = None
        self._first: Snapshot | None = None
        self._saved = self._begun = clock()

    @property
    def keeps(self) -> bool:
        """Whether there is a place for checkpoints."""
        return self._store is not None

    def begin_epoch(self) -> None:
        """An epoch begins."""
        self._begun = self._clock()

    def until(self, steps: int) -> int | None:
        """After how many further steps one is due, when `steps` were done in all; None: not by steps."""
        if self._every is None or self._every.unit != "steps":
            return None
        count = int(self._every.number)
        return count - steps % count

    def is_due(self, steps: int) -> bool:
        """Whether one is due in the midst of an epoch, when `steps` steps were done in all."""
        if self._every is None or not steps:
            return False
        if self._every.unit == "steps":
            return steps % int(self._every.number) == 0
        waited = self._clock() - max(self._saved, self._begun)
        return self._every.unit == "seconds" and waited >= self._every.number

    def is_due_at_end(self, epoch: int, steps: int) -> bool:
        """Whether one is due at the end of an epoch, when `epoch` epochs and `steps` steps were done in all."""
        if self._every is None:
            return False
        if self._every.unit == "epochs":
            return epoch % int(self._every.number) == 0
        if self._every.unit == "steps":
            return steps % int(self._every.number) == 0
        return self._clock() - self._saved >= self._every.number

    def save(self, now: Callable[[], Snapshot]) -> None:
        """Begin to write a checkpoint of what `now` gives; with a number in it that is none, the last one stays the
        last."""
        store = self._store
        if store is None:
            return
        self.wait()
        snapshot = now()
        if snapshot.is_finite:
            self._saved = self._clock()
            self._writing = Later(lambda: store.write(snapshot))

    def begin(self, now: Callable[[], Snapshot], size: int) -> None:
        """A training of `size` bytes begins: what it begins with is kept, in memory where it is small."""
        if size <= _SMALL or not self.keeps:
            self._first = now()
        else:
            self.save(now)

    def last(self) -> Snapshot | None:
        """The last checkpoint, or what the training began with."""
        self.wait()
        found = self._store.latest(self._tell) if self._store is not None and self._store.all() else None
        return found or self._first or self.resumed

    def wait(self) -> bool:
        """Wait until what was begun is written; whether it was."""
        writing, self._writing = self._writing, None
        if writing is None:
            return True
        try:
            writing.result()
        except FileError as error:
            self._tell(f"no checkpoint: {error.problems[0].message}; those before it stay")
            return False
        return True
