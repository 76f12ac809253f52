"""Evaluating a model on a feed: what `keras.Model.evaluate` does around its steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

from kspec.training.loop import tasks
from kspec.training.loop.cursor import Cursor
from kspec.training.loop.feed import Feed, Resident
from kspec.training.loop.hooks import want_batches
from kspec.training.loop.logs import end_of, logs_of, told
from kspec.training.loop.programs import Done, Way
from kspec.training.loop.running import Running


class Data(NamedTuple):
    """A feed, its rows for a step, and the steps of an epoch (None: all)."""

    feed: Feed
    batch: int
    steps: int | None = None


def is_compiled(model: Any) -> bool:
    """Whether a model's steps are compiled, and not run operation by operation."""
    return not model.run_eagerly and bool(model.jit_compile)


@dataclass
class Testing:
    """Evaluating a compiled model on a feed, in training or by itself; `callbacks` are those of `list`."""

    model: Any
    data: Data
    compiled: bool
    between: Callable[[], AbstractContextManager[Any]] = nullcontext
    callbacks: Sequence[Any] = ()
    list: Any = None

    def __post_init__(self) -> None:
        self._every = want_batches(self.callbacks, "test")
        task = tasks.testing(self.model, every=self._every)
        self.running = Running(task, self.data.batch, compiled=self.compiled)
        self._cursor = Cursor(self.data.feed, self.data.batch, self.data.steps)

    def ahead(self, way: Way, reads: Any, state: Any) -> None:
        """Have the programs compiled by another thread, where the rows are at hand."""
        if isinstance(self.data.feed, Resident) and not self._every:
            rows = next(self.data.feed.over(0))
            rest = rows.length % self.data.batch
            if rows.length > rest:
                self.running.programs(self.data.batch).ahead(way, reads, state, rows)
            if rest:
                self.running.programs(rest).ahead("single", reads, state, rows)

    def run(self, reads: Any, state: Any, put: Callable[[Any, int], None]) -> dict[str, Any]:
        """Loss and metrics, from the trainable variables and the state of testing, which is given away; `put` gets the
        state after each start. Whatever ends it, nothing is read on."""
        try:
            return self._run(reads, state, put)
        finally:
            self.data.feed.close()

    def _run(self, reads: Any, state: Any, put: Callable[[Any, int], None]) -> dict[str, Any]:
        if not self._every:
            *_, done = self.running.all(reads, state, self._cursor.over(0), put, self.between)
            return told(done)
        last: Done | None = None
        step, total, each = 0, self._cursor.steps(0), self.model.steps_per_execution
        for rows, first, steps in self._cursor.over(0):
            for place in range(first, first + steps):
                if step % each == 0:
                    self.list.on_test_batch_begin(step)
                with self.between():
                    state, last = self.running.start(reads, state, rows, place, 1, one=True)
                    put(state, 1)
                step += 1
                if step % each == 0 or step == total:
                    self.list.on_test_batch_end(end_of(step, each), logs_of(last))
        assert last is not None  # there is a row at least
        return told(last)
