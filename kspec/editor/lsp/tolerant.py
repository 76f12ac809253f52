"""A text that is being typed, read all the same: what is open is closed, a line that cannot be read is left out.

Every character that stays keeps its line and column, so that places are told as in the text itself.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from pathlib import Path
from typing import NamedTuple

from kspec.diagnostics import SpecError
from kspec.spec.places import Source
from kspec.spec.source import LINE_BREAK, read

TRIES = 10
_ENTRY = re.compile(r"\s*(-\s|[\w.$-]+\s*:(\s|$))")
_PAIRS = {"{": "}", "[": "]"}


class Insertions(NamedTuple):
    """What was put into a text to close what is open: offsets in the text itself, and how many characters."""

    at: tuple[int, ...] = ()
    after: tuple[int, ...] = ()
    """For each insertion, the offset in the new text behind it."""
    total: tuple[int, ...] = ()
    """How many characters were put in up to there."""

    def original(self, offset: int) -> int:
        """The offset in the text as it was."""
        index = bisect_right(self.after, offset) - 1
        found = offset - self.total[index] if index >= 0 else offset
        return min(found, self.at[index + 1]) if index + 1 < len(self.at) else found


class Reading(NamedTuple):
    """A text as far as it can be read."""

    source: Source
    insertions: Insertions
    whole: bool
    """Whether nothing had to be mended."""


def tolerant(
    text: str, name: str, path: Path | None = None, keep: int | None = None, tries: int = TRIES
) -> Reading | None:
    """Read a text, mended where it is broken; None where that does not help.

    At most `tries` lines are left out, and never that of the offset `keep`.
    """
    try:
        return Reading(read(text, name, path, around=False), Insertions(), True)
    except SpecError as error:
        line = _line(error)
        if line is None:
            return None
    closed, insertions = close(text)
    kept = text[:keep].count("\n") + 1 if keep is not None else None
    for left in range(tries, -1, -1):
        try:
            return Reading(read(closed, name, path, around=False), insertions, False)
        except SpecError as error:
            line = _line(error)
        if line is None:
            return None
        mended = _without(closed, line, kept) if left else None
        if mended is None:
            return None
        closed = mended
    return None


def _line(error: SpecError) -> int | None:
    """The line of a syntax error; None for another problem, which leaving out a line does not mend."""
    problem = error.problems[-1] if error.problems else None
    if problem is None or problem.span is None or problem.code != "yaml-syntax":
        return None
    return problem.span.line


def _without(text: str, line: int, keep: int | None) -> str | None:
    """The text with a line blanked: that one, else the last before it that is not blank."""
    starts = [0, *(found.end() for found in LINE_BREAK.finditer(text)), len(text) + 1]
    for number in range(min(line, len(starts) - 1), 0, -1):
        start, end = starts[number - 1], min(starts[number], len(text))
        content = text[start:end]
        bare = content.rstrip("\r\n\x85\u2028\u2029")
        if bare.strip() and number != keep:
            return text[:start] + " " * len(bare) + content[len(bare) :] + text[end:]
    return None


def close(text: str) -> tuple[str, Insertions]:
    """The text with brackets and quotes closed that are open where a line can only begin something new."""
    scan = _Scan()
    start = 0
    for found in [*LINE_BREAK.finditer(text), None]:
        end = found.start() if found is not None else len(text)
        scan.line(text[start:end], start)
        start = found.end() if found is not None else end
    scan.finish()
    parts, last = [], 0
    at, after, total, count = [], [], [], 0
    for place, closing in scan.closings:
        parts += [text[last:place], closing]
        last = place
        count += len(closing)
        at.append(place)
        after.append(place + count)
        total.append(count)
    parts.append(text[last:])
    return "".join(parts), Insertions(tuple(at), tuple(after), tuple(total))


class _Scan:
    """Brackets that are open, and where they are closed if nothing in the text does."""

    def __init__(self) -> None:
        self.open: list[str] = []
        self.indent = 0
        """Of the line in which the outermost one stands."""
        self.last = 0
        """Where the last word or sign ends."""
        self.closings: list[tuple[int, str]] = []

    def finish(self) -> None:
        if self.open:
            self.closings.append((self.last, "".join(_PAIRS[char] for char in reversed(self.open))))
            self.open = []

    def line(self, line: str, start: int) -> None:
        indent = len(line) - len(line.lstrip())
        if self.open and indent <= self.indent and _ENTRY.match(line):
            self.finish()
        index, begins = 0, True  # whether a new token may begin here
        while index < len(line):
            char = line[index]
            if char == "#" and (index == 0 or line[index - 1].isspace()):
                break
            if char in "'\"" and begins:
                index = self._quoted(line, index, start)
                begins = False
                continue
            if char in _PAIRS and (begins or self.open):
                if not self.open:
                    self.indent = indent
                self.open.append(char)
                begins = True
            elif char in "}]" and self.open:
                self.open.pop()
                begins = False
            elif char == "," and self.open:
                begins = True
            elif not char.isspace():
                begins = char in ":-" and line[index + 1 : index + 2] in ("", " ")
            if not char.isspace():
                self.last = start + index + 1
            index += 1

    def _quoted(self, line: str, index: int, start: int) -> int:
        """Over a quoted text, which ends in its line."""
        quote = line[index]
        end = index + 1
        while end < len(line):
            if quote == '"' and line[end] == "\\":
                end += 1
            elif line[end] == quote:
                self.last = start + end + 1
                return end + 1
            end += 1
        end = min(end, len(line))
        self.closings.append((start + end, quote))
        self.last = start + end
        return end
