"""What a piece of work read: every file that it looked for, and what was in it. A leaf.

A result can be kept for as long as all of that is as it was.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

LARGE = 4 * 2**20
"""Bytes beyond which a file is known by its size and its time, as it takes long to read."""


class Reads:
    """Files by path, each with its `state` when it was looked for first."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.whole = True
        """Whether these are all: not where something was read that nobody can follow, such as imported code."""


_current: ContextVar[Reads | None] = ContextVar("_current", default=None)


@contextmanager
def recording() -> Iterator[Reads]:
    """Collect what is read inside."""
    reads = Reads()
    token = _current.set(reads)
    try:
        yield reads
    finally:
        _current.reset(token)


def note(path: str | os.PathLike[str]) -> None:
    """A file is about to be read, or was looked for."""
    reads = _current.get()
    if reads is not None:
        name = os.path.abspath(path)
        if name not in reads.files:
            reads.files[name] = state(name)


def note_more() -> None:
    """Something is read that cannot be followed."""
    reads = _current.get()
    if reads is not None:
        reads.whole = False


def state(path: str) -> str:
    """What a file is now: a digest of its content, or what else stands there."""
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            return f"mode {stat.S_IFMT(found.st_mode):o}"
        if found.st_size > LARGE:
            return f"size {found.st_size} time {found.st_mtime_ns}"
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except (OSError, ValueError) as error:
        return type(error).__name__
