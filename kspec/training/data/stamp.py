"""A file as it was when it was opened: one that changes while it is read would give rows of two data sets."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from kspec.diagnostics import FileError, Problem
from kspec.training.data.source import missing


@dataclass(frozen=True, slots=True)
class Stamp:
    """A regular file's path, its size in bytes and the time of its last change in nanoseconds."""

    path: str
    size: int
    changed: int

    def check(self, found: os.stat_result | None = None) -> None:
        """Raise `FileError` (``data-changed``) where the file is not what it was; `found` is its state if known."""
        try:
            found = found or os.stat(self.path)
        except OSError as error:
            raise FileError(changed(self.path, "is gone")) from error
        if (found.st_size, found.st_mtime_ns) != (self.size, self.changed):
            what = "was written after it was opened"
            if found.st_size != self.size:
                what = f"had {self.size:,} bytes when it was opened, and has {found.st_size:,}"
            raise FileError(changed(self.path, what))


def stamp(path: str) -> Stamp:
    """The state of a regular file.

    Raises `FileError`: ``file-missing``, and ``data-format`` for folders and devices.
    """
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileError(missing(path)) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise FileError(Problem("file-missing", f"`{path}` cannot be read: {reason}", file=path)) from error
    if not stat.S_ISREG(found.st_mode):
        what = "is a folder" if stat.S_ISDIR(found.st_mode) else "is no regular file"
        raise FileError(Problem("data-format", f"`{Path(path).name}` {what}", help="name a data file", file=path))
    return Stamp(path, found.st_size, found.st_mtime_ns)


def changed(path: str, what: str) -> Problem:
    """The problem (``data-changed``) with a file that `what` tells of."""
    message = f"`{Path(path).name}` changed while it was read: it {what}"
    return Problem("data-changed", message, help="write data to a new file, and train on that", file=path)
