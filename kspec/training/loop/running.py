"""Programs one after the other: the device always has the next one waiting, and what was done is told one behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from kspec.training.loop.feed import Rows
from kspec.training.loop.programs import FEW, LOOPS, Done, Programs, Way
from kspec.training.loop.tasks import State, Task

WAIT = 0.04
"""Seconds that the steps started together should take: bars stay live and Ctrl-C answers, and starting them costs
little beside."""


Part = tuple[Rows, int, int]
"""Rows, the first step to take of them, and how many."""


@dataclass
class Pace:
    """How many steps to start together, by how long steps took lately."""

    seconds: float = 0.0
    """Of a step; 0: not known."""

    def steps(self, most: int) -> int:
        """At most `most`; without knowledge a few. A little more at once is better than that little by itself."""
        count = int(WAIT / self.seconds) if self.seconds else 8
        return max(1, most if most <= 1.5 * count else count)

    def note(self, steps: int, seconds: float) -> None:
        """So many steps took so long; what was short says little, being mostly the start of it."""
        latest, weight = seconds / steps, min(0.5, seconds / WAIT)
        self.seconds = latest if not self.seconds else (1 - weight) * self.seconds + weight * latest


@dataclass
class Running:
    """Runs a task's steps on the rows of a pass in one of the ways: `batch` rows a step, and the rest in a last one."""

    task: Task
    batch: int
    way: Way = "single"
    compiled: bool = True
    pace: Pace = field(default_factory=Pace)
    _programs: dict[int, Programs] = field(default_factory=dict)

    def programs(self, batch: int) -> Programs:
        """The programs for batches of so many rows."""
        if batch not in self._programs:
            self._programs[batch] = Programs(self.task, batch, self.compiled)
        return self._programs[batch]

    def settle(self) -> None:
        """Wait for what is still compiled by other threads."""
        for programs in self._programs.values():
            programs.settle()

    @property
    def seconds(self) -> float:
        """Time that compiling took."""
        return sum(programs.seconds for programs in self._programs.values())

    def start(
        self, reads: Any, state: State, rows: Rows, first: int, steps: int, one: bool = False
    ) -> tuple[State, Done]:
        """Start at most `steps` steps, from the step `first` of these rows on; with `one`, a single one."""
        begun = first * self.batch
        whole = min(steps, (rows.length - begun) // self.batch)
        if whole == 0:
            state, done = self.programs(rows.length - begun).run("single", reads, state, rows, begun, 1)
            return state, done._replace(rest=True)
        programs, way = self.programs(self.batch), self.way
        if one:
            return programs.run("single", reads, state, rows, begun, 1)
        most = programs.most(way, reads, state, rows) if way in LOOPS else whole
        count = min(whole, self.pace.steps(most))
        if way == "unrolled" and whole > count:
            # in whole programs from the first step on: how steps are grouped must not hang on how fast the machine is
            count = max(FEW, count - count % FEW)
        return programs.run(way, reads, state, rows, begun, min(count, whole))

    def all(
        self,
        reads: Any,
        state: State,
        parts: Iterable[Part],
        put: Callable[[State, int], None],
        between: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> Iterator[Done]:
        """Run the steps of some parts; each start is told when its steps are done and the next ones are started.

        `put` is given the state after each start, at once, since the one before is gone, and how many steps were
        started. What `between` gives surrounds both.
        """
        before: Done | None = None
        clock = time.monotonic()
        for rows, first, steps in parts:
            done = 0
            while done < steps:
                with between():
                    state, now = self.start(reads, state, rows, first + done, steps - done)
                    put(state, now.steps)
                done += now.steps
                if before is not None:
                    clock = self._waited(before, clock)
                    yield before
                before = now
        if before is not None:
            self._waited(before, clock)
            yield before

    def _waited(self, done: Done, clock: float) -> float:
        """Wait until steps are done, and note how long they took since `clock`; the time now."""
        import jax

        jax.block_until_ready((done.logs, done.kept))
        now = time.monotonic()
        if not done.rest:
            self.pace.note(done.steps, now - clock)
        return now


def steps_of(rows: int, batch: int) -> int:
    """Batches of a pass, the last of which may be smaller."""
    return -(-rows // batch)
