"""`kspec upgrade`: specs of older formats, and with Keras's older names, in today's words."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kspec.diagnostics import Problem, Span, SpecError

if TYPE_CHECKING:
    Pathlike = str | os.PathLike[str]

_MARK = b"\xef\xbb\xbf"


class Upgrade(NamedTuple):
    """What an upgrade of a file is: the text before and after, what changes, a line each, what is still wrong, and
    where a function that keeps its name computes otherwise than it did."""

    name: str
    before: str
    after: str
    changes: tuple[str, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()

    @property
    def diff(self) -> str:
        """The difference as `diff -u` and `git apply` have it; empty where nothing changes."""
        before, after = (text.splitlines(keepends=True) for text in (self.before, self.after))
        lines = difflib.unified_diff(before, after, f"a/{self.name}", f"b/{self.name}")
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def upgrade(
    path: Pathlike, *, write: bool = False, shapes: bool = True, trust: Sequence[str] = (), text: bytes | None = None
) -> Upgrade:
    """A spec's file in today's format and with Keras's names of today; comments and layout stay.

    What was upgraded is checked as `kspec check` does, with `shapes` by Keras. With `write` the file is written, whole
    or not at all. `text` stands for the file's content, and `path` then is what it is called.
    Raises SpecError where it is no YAML, UsageError where there is no such file, FileError.
    """
    from kspec.files import check_target, write_atomically
    from kspec.spec.textfile import decode
    from kspec.spec.upgrades.upgrade import upgraded

    name, file = str(path), Path(path)
    if write:
        check_target(file)
    data = text if text is not None else _contents(file)
    before = decode(data, name)
    folder = file.resolve().parent if text is None else Path.cwd()
    found = upgraded(before, name, folder, trust)
    problems = found.problems
    changed = found.text != before
    if changed and shapes and not any(each.severity == "error" for each in problems):
        problems = _checked(found.text, name, folder, trust)
    if write and changed:
        write_atomically(file, (_MARK if data.startswith(_MARK) else b"") + found.text.encode())
    if not write:  # the file is as it was: what is wrong stands where it stood
        problems = tuple(_in_original(each, name, found.lines) for each in problems)
    changes, notes = (tuple(map(str, each)) for each in (found.changes, found.remarks))
    return Upgrade(name, before, found.text, changes, problems, notes)


def _contents(path: Path) -> bytes:
    from kspec.spec.compiled import unreadable
    from kspec.spec.textfile import contents

    try:
        return contents(path)
    except (OSError, ValueError) as error:
        raise unreadable(str(path), error) from None


def _checked(text: str, name: str, folder: Path, trust: Sequence[str]) -> tuple[Problem, ...]:
    """What is wrong with a spec, shapes included; its warnings where nothing is."""
    from kspec.loaded import loads

    try:
        loaded = loads(text, name=name, folder=folder, trust=trust)
        if not loaded.compiled.spec.is_part:
            loaded.plan()
        return loaded.warnings
    except SpecError as error:
        return error.problems


def _in_original(problem: Problem, name: str, lines: Sequence[int]) -> Problem:
    """A problem, and its notes, at the lines that they come from."""

    def moved(span: Span | None) -> Span | None:
        if span is None or span.file != name or not span.line <= span.end_line <= len(lines):
            return span
        return span._replace(line=lines[span.line - 1], end_line=lines[span.end_line - 1])

    notes = tuple(replace(each, span=moved(each.span)) for each in problem.notes)
    return replace(problem, span=moved(problem.span), notes=notes)
