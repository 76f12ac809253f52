"""Places in a text: offsets in characters here, lines and code units in the protocol, lines and columns in kspec.

The protocol counts columns in UTF-16 code units unless editor and server agree on others, and knows fewer line breaks
than YAML (https://microsoft.github.io/language-server-protocol/specifications/lsp/3.18/specification/#position).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NamedTuple

from kspec.diagnostics import Span
from kspec.spec.source import LINE_BREAK

UTF8, UTF16, UTF32 = "utf-8", "utf-16", "utf-32"
_LINES = re.compile("\r\n|[\n\r]")


class Range(NamedTuple):
    """A piece of a text by offsets; the end is exclusive."""

    start: int
    end: int


class Text:
    """A text whose places can be told in every way of counting."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._lines = [0, *(found.end() for found in _LINES.finditer(text))]
        self._yaml = [0, *(found.end() for found in LINE_BREAK.finditer(text))]

    def position(self, offset: int, encoding: str = UTF16) -> tuple[int, int]:
        """Line and column of an offset as the protocol counts them, from 0."""
        offset = min(max(offset, 0), len(self.text))
        line = bisect_right(self._lines, offset) - 1
        return line, units(self.text[self._lines[line] : offset], encoding)

    def offset(self, line: int, column: int, encoding: str = UTF16) -> int:
        """The offset of a place of the protocol; of the line's end where the line is shorter."""
        if line >= len(self._lines):
            return len(self.text)
        start = self._lines[max(line, 0)]
        end = self._lines[line + 1] if line + 1 < len(self._lines) else len(self.text)
        content = self.text[start:end].rstrip("\r\n")
        taken = 0
        for index, char in enumerate(content):
            if taken >= column:
                return start + index
            taken += units(char, encoding)
        return start + len(content)

    def place(self, line: int, column: int) -> int:
        """The offset of kspec's line and column, which count from 1."""
        if line > len(self._yaml):
            return len(self.text)
        return min(self._yaml[max(line, 1) - 1] + max(column, 1) - 1, len(self.text))

    def range(self, span: Span) -> Range:
        """The piece of this text that a span names."""
        start = self.place(span.line, span.column)
        end = max(start, self.place(span.end_line, span.end_column))
        return Range(start, min(end, start + len(self.text[start:end].split("\n")[0].rstrip("\r")) or start))

    def line(self, offset: int) -> Range:
        """The line in which an offset stands, without its end."""
        index = bisect_right(self._lines, offset) - 1
        start = self._lines[index]
        end = self._lines[index + 1] if index + 1 < len(self._lines) else len(self.text)
        return Range(start, start + len(self.text[start:end].rstrip("\r\n")))


def units(text: str, encoding: str) -> int:
    """How many code units a text has."""
    if encoding == UTF32:
        return len(text)
    if encoding == UTF8:
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text) + sum(char > "\uffff" for char in text)
