"""A file of a stranger, what is done with it, and what kspec says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Outside:
    """A folder that is none of the project's."""

    folder: Path

    @property
    def pipe(self) -> str:
        """A file that nobody can open unnoticed, by whatever library: who reads it waits for ever."""
        return str(self.folder / "pipe.h5")

    @property
    def mark(self) -> str:
        """A file that is there once a stranger's code has run."""
        return str(self.folder / "ran")


Make = Callable[[Outside], None]
"""Writes a case's files into the current folder."""


@dataclass(frozen=True)
class Case:
    """One row."""

    name: str
    make: Make
    said: str
    """Each of the commands says it."""
    commands: tuple[str, ...]
    status: int = 3
    """Of each command but `check`, for which a file in a spec is the spec's mistake: 1."""


def good_keras() -> Path:
    """The good model that is changed, two folders up from every case's own."""
    return Path("../good.keras")
