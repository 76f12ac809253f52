"""Where a training is in its passes over the data: an epoch is a pass, or `steps_per_epoch` steps of one."""

from __future__ import annotations

from collections.abc import Iterator

from kspec.training.loop.feed import Feed, Rows
from kspec.training.loop.running import steps_of


class Cursor:
    """Gives each epoch its rows.

    With `steps`, epochs take so many steps each from a pass, as in Keras, where the last of a pass may be left with
    fewer. Where an epoch begins follows from its number alone.
    """

    def __init__(self, feed: Feed, batch: int, steps: int | None) -> None:
        self._feed, self._batch = feed, batch
        self._pass = steps_of(feed.rows, batch)
        self._steps = min(steps or self._pass, self._pass)
        self._open: tuple[int, int, Iterator[tuple[Rows, int]]] | None = None
        """The pass that was begun, the steps that were taken of it, and the rows with the step each begins at."""

    def steps(self, epoch: int) -> int:
        """How many steps the epoch, counted from 0, has."""
        return min(self._steps, self._pass - self._begin(epoch)[1])

    def over(self, epoch: int, done: int = 0) -> Iterator[tuple[Rows, int, int]]:
        """Rows, the first step to take of them, and how many; the epoch's first `done` steps are left out."""
        number, begin = self._begin(epoch)
        first, left = begin + done, self.steps(epoch) - done
        if not left:
            return
        if self._open is None or self._open[:2] != (number, first):
            self._open = (number, first, self._from(number, first))
        parts = self._open[2]
        self._open = None
        while left:
            rows, place = next(parts)
            count = min(left, steps_of(rows.length, self._batch) - place)
            yield rows, place, count
            left -= count
            if not left and place + count < steps_of(rows.length, self._batch):
                parts = _before((rows, place + count), parts)
        end = begin + self.steps(epoch)
        if end < self._pass:
            self._open = (number, end, parts)

    def _begin(self, epoch: int) -> tuple[int, int]:
        """The pass that an epoch belongs to and its first step there."""
        each = -(-self._pass // self._steps)
        return epoch // each, epoch % each * self._steps

    def _from(self, number: int, first: int) -> Iterator[tuple[Rows, int]]:
        for rows in self._feed.over(number):
            steps = steps_of(rows.length, self._batch)
            if first < steps:
                yield rows, first
            first = max(0, first - steps)


def _before(item: tuple[Rows, int], others: Iterator[tuple[Rows, int]]) -> Iterator[tuple[Rows, int]]:
    yield item
    yield from others
