"""A spec's file -> its text: regular files of UTF-8, of a bounded size."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from kspec import reads
from kspec.diagnostics import Problem, SpecError
from kspec.spec.places import ORIGIN, SourceFile
from kspec.spec.source import LINE_BREAK, position

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 16 * 2**20

_NOT_TEXT = (
    (b"PK\x03\x04", "an archive (a `.keras` or `.npz` file?)"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x80\x04", "a pickle"),
)


def contents(path: Path, most: int = MAX_BYTES + 1) -> bytes:
    """The first bytes of a spec's file: by default as many as `decode` needs to refuse a larger one.

    Raises OSError, also for what is no regular file: a pipe would be waited for, a device has no end.
    """
    reads.note(path)
    with open(path, "rb", opener=_without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "this is not a regular file")
        return file.read(most)


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def decode(data: bytes, name: str) -> str:
    """The text of a file: UTF-8, at most MAX_BYTES; anything else is a problem with its place."""
    file = SourceFile(name, None, [""])
    if len(data) > MAX_BYTES:
        message = f"the file has {len(data):,} bytes; a spec has at most {MAX_BYTES:,}"
        raise SpecError(Problem("yaml-size", message, span=file.span(ORIGIN, ORIGIN)))
    what = next((what for start, what in _NOT_TEXT if data.startswith(start)), "")
    if what:
        problem = Problem("yaml-encoding", f"this is {what}, not a spec", span=file.span(ORIGIN, ORIGIN))
        raise SpecError(problem)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0\0" in (data[0:4:2], data[1:4:2]):
        message = "the file is UTF-16 or UTF-32; a spec is UTF-8"
        raise SpecError(Problem("yaml-encoding", message, help="save it as UTF-8", span=file.span(ORIGIN, ORIGIN)))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        mark = position(before, len(before))
        file = SourceFile(name, None, LINE_BREAK.split(before))
        message = f"the byte 0x{data[error.start]:02x} is not UTF-8"
        problem = Problem("yaml-encoding", message, help="save the file as UTF-8", span=file.span(mark, mark))
        raise SpecError(problem) from None
