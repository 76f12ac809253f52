"""Edits of a spec's text, by the routes of its values: a word written anew, an entry left out, an entry added."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from typing import Any, NamedTuple

from kspec.diagnostics import Route
from kspec.spec.places import Marks, Moved, Source
from kspec.spec.source import LINE_BREAK

_IN_BRACES = frozenset(",[]{}#:")
"""What a word without quotes may hold in a block, and what means something else in braces."""


class Edit(NamedTuple):
    """A piece of a text, from `start` up to `end` in characters, and what stands there afterwards."""

    start: int
    end: int
    new: str


class Entry(NamedTuple):
    """A key and its value, as a mapping's text has them."""

    key: str
    start: int
    end: int
    """Where the value's text ends; a block's with its last word."""


class Draft(NamedTuple):
    """A text that is being edited, and for each of its lines the line of the original that it comes from."""

    text: str
    lines: tuple[int, ...]

    @classmethod
    def of(cls, text: str) -> Draft:
        return cls(text, tuple(range(1, len(_starts(text)) + 1)))

    def edited(self, edits: Iterable[Edit]) -> Draft:
        """With edits done; of two that overlap the first one is."""
        starts, at, line = _starts(self.text), 0, 0
        pieces: list[str] = []
        lines: list[int] = []
        for each in sorted(edits):
            if each.start < at:
                continue
            first = bisect_right(starts, each.start) - 1
            pieces += [self.text[at : each.start], each.new]
            lines += [*self.lines[line:first], *[self.lines[first]] * (len(_starts(each.new)) - 1)]
            at, line = each.end, bisect_right(starts, each.end) - 1
        return Draft("".join([*pieces, self.text[at:]]), (*lines, *self.lines[line:]))


def _starts(text: str) -> list[int]:
    """Where the lines of a text begin."""
    return [0, *(found.end() for found in LINE_BREAK.finditer(text))]


class Page:
    """A spec's text with the places of its values.

    What comes from elsewhere (an alias, a merge, another file, a base) has no place in it that may be edited: every
    method gives None there.
    """

    def __init__(self, text: str, source: Source) -> None:
        self.text, self.source = text, source
        self.starts = _starts(text)

    def at(self, mark: Any) -> int:
        """The index of a mark of libyaml's, which ends a last line that has no end with a line of its own."""
        line, column = int(mark.line), int(mark.column)
        return min(self.starts[line] + column, len(self.text)) if line < len(self.starts) else len(self.text)

    def marks(self, route: Route) -> Any:
        """The marks at a route, where the value stands in this text itself."""
        node: Any = self.source.marks
        for part in route:
            if not isinstance(node, Marks) or node.file.name != self.source.file.name:
                return None
            try:
                node = node.members[part]
            except (KeyError, IndexError, TypeError):
                return None
            if isinstance(node, Moved):
                return None
        return node

    def entry(self, route: Route) -> Entry | None:
        """The entry of a mapping whose key is the route's last word."""
        *around, key = route
        mapping, value = self.marks(tuple(around)), self.marks(route)
        if not isinstance(mapping, Marks) or value is None or key not in mapping.keys:
            return None
        place = mapping.keys[key]
        start, end = self.at(place.start_mark), self.at(place.end_mark)
        if not self.at(mapping.start) <= start < self.at(mapping.end):
            return None  # a key that a merge brings stands elsewhere
        last = self._end(value)
        return Entry(self.text[start:end], start, max(end, last))

    def word(self, route: Route, new: str, at: str = "key") -> Edit | None:
        """A key, or a scalar, written as another word; quotes stay as they were, save around more than a word."""
        if at == "key":
            found = self.entry(route)
            start, end = (found.start, found.start + len(found.key)) if found is not None else (0, 0)
        else:
            node = self.marks(route)
            if node is None or isinstance(node, Marks):
                return None
            start, end = self.at(node.start_mark), self.at(node.end_mark)
        if end <= start:
            return None
        old = self.text[start:end]
        is_quoted = old[0] in "'\"" and old[-1] == old[0] and len(old) > 1
        quote = old[0] if is_quoted and ":" not in new else ""
        return Edit(start, end, f"{quote}{new}{quote}")

    def value(self, route: Route) -> str | None:
        """The text of a value that stands in one line and may stand in braces; empty where there is none."""
        node = self.marks(route)
        if node is None:
            return None
        if isinstance(node, Marks):
            start, end = self.at(node.start), self.at(node.end)
            text = self.text[start:end]
            return text if text[:1] in ("{", "[") and LINE_BREAK.search(text) is None else None
        text = self.text[self.at(node.start_mark) : self.at(node.end_mark)]
        if text[:1] not in ("'", '"') and not _IN_BRACES.isdisjoint(text):
            return None
        return text if LINE_BREAK.search(text) is None else None

    def rewritten(self, route: Route, key: str, value: str) -> Edit | None:
        """An entry with another key and value; its value stands in one line."""
        found = self.entry(route)
        if found is None or self.value(route) is None:
            return None
        return Edit(found.start, found.end, f"{key}: {value}")

    def without(self, route: Route) -> Edit | None:
        """An entry left out. A comment in its line stays, in a line of its own."""
        found = self.entry(route)
        if found is None:
            return None
        if self.is_flow(route[:-1]):
            return self._without_in_braces(found)
        line = self.line_start(found.start)
        indent = self.text[line : found.start]
        ending = re.compile(r"[ \t]*(#[^\n\r]*)?(\r\n|[\n\r]|\Z)").match(self.text, found.end)
        if indent.strip() or ending is None:
            return self._first_of_an_item(found, ending)
        if ending[1]:
            return Edit(line, ending.end(1), indent + ending[1])
        return Edit(line, ending.end(), "")

    def added(self, route: Route, entry: str) -> Edit | None:
        """The entry of an operation that stands at `route` with one argument more, whatever its value is by now."""
        found, node = self.entry(route), self.marks(route)
        if found is None:
            return None
        if not isinstance(node, Marks):
            empty = node.start_mark.index == node.end_mark.index
            return Edit(found.start + len(found.key), found.end, f": {{{entry}}}") if empty else None
        start, end = self.at(node.start), self.at(node.end)
        if self.text[start] == "{":
            inner = self.text[start + 1 : end - 1]
            return Edit(end - 1, end - 1, f", {entry}" if inner.strip() else entry)
        last = self._end(node)
        indent = self.text[self.line_start(start) : start]
        return Edit(last, last, f"{self.line_break()}{indent}{entry}") if not indent.strip() else None

    def _end(self, node: Any) -> int:
        """Where a value ends: a block's mark stands behind what follows it."""
        if not isinstance(node, Marks):
            return self.at(node.end_mark) if not isinstance(node, Moved) else self.at(node.at.end_mark)
        start, end = self.at(node.start), self.at(node.end)
        if self.text[start : start + 1] in ("{", "["):
            return end
        members = list(node.members.values() if isinstance(node.members, dict) else node.members)
        keys = [self.at(place.end_mark) + 1 for place in node.keys.values()]
        inner = [self._end(each) for each in members]
        return max((each for each in (*inner, *keys) if start <= each <= end), default=start)

    def is_flow(self, route: Route) -> bool:
        """Whether a mapping stands in braces."""
        node = self.marks(route)
        return isinstance(node, Marks) and self.text[self.at(node.start) : self.at(node.start) + 1] == "{"

    def _without_in_braces(self, found: Entry) -> Edit:
        """With the comma before it: so two that stand side by side do not overlap."""
        line = self.line_start(found.start)
        before = self.text[line : found.start].rstrip(" \t")
        if before.endswith(","):
            return Edit(line + len(before) - 1, found.end, "")
        after = re.compile(r"[ \t]*,[ \t]*").match(self.text, found.end)
        return Edit(found.start, after.end() if after is not None else found.end, "")

    def _first_of_an_item(self, found: Entry, ending: re.Match[str] | None) -> Edit | None:
        """The first entry behind a dash: the next one comes in its place."""
        following = re.compile(r"[ \t]*(?:\r\n|[\n\r])([ \t]*)(?=[^\s#])").match(self.text, found.end)
        column = found.start - self.line_start(found.start)
        if following is None or len(following[1]) != column or ending is None:
            return None
        return Edit(found.start, following.end(), "")

    def line_start(self, index: int) -> int:
        return self.starts[bisect_right(self.starts, index) - 1]

    def line_break(self) -> str:
        found = LINE_BREAK.search(self.text)
        return found[0] if found is not None else "\n"
