"""How fast a model trains, as it was measured."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field


@dataclass
class Measured:
    """What one contender took: seconds until its first epoch was over, and seconds of an epoch in each turn."""

    name: str
    first: float
    epochs: list[float] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Of an epoch, the median."""
        return statistics.median(self.epochs)


@dataclass(frozen=True)
class Outcome:
    """All that was measured of one model; times in seconds, memory in bytes."""

    rows: int
    batch: int
    contenders: tuple[Measured, ...]
    way: str
    why: str
    cold: float
    """From a built model to the end of the first step, nothing compiled before."""
    warm: float
    """The same with programs that were compiled before, read from a folder."""
    compiling: float
    memory: int | None
    """Of the program that trains: what it is given, gives and needs beside."""

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return -(-self.rows // self.batch)

    def of(self, name: str) -> Measured:
        """A contender's measurements."""
        return next(each for each in self.contenders if each.name == name)

    def ratio(self, name: str, to: str) -> float:
        """How many times as fast `name` is as `to`: the median over the turns, each of which measured both."""
        pairs = zip(self.of(name).epochs, self.of(to).epochs, strict=True)
        return statistics.median(other / own for own, other in pairs)

    @property
    def limit(self) -> str:
        """The faster of the loops by hand."""
        return min(("hand_scan", "hand_single"), key=lambda name: self.of(name).seconds)
