"""The line of a problem and where its carets go, in terminal columns."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate
from typing import NamedTuple

from kspec.diagnostics import Span
from kspec.report.cells import Cell, cells

__all__ = ["Excerpt", "excerpt"]

_CUT = Cell("…", 1)


class Excerpt(NamedTuple):
    """A line as shown, at most as wide as asked, and its carets: `length` of them after `indent` columns."""

    text: str
    indent: int
    length: int


def excerpt(span: Span, room: int) -> Excerpt:
    """The first line of `span` in at most `room` columns (at least 20), cut around the piece that is meant.

    A piece of several lines is marked to the end of its first line; an empty piece gets one caret.
    """
    room = max(room, 20)
    line = span.text.rstrip()
    start = min(max(span.column - 1, 0), len(line))
    end = len(line) if span.end_line > span.line else min(max(span.end_column - 1, start), len(line))
    # A line may be megabytes long: no more of it is measured than can be shown.
    first = max(0, start - 2 * room)
    row = cells(line[first : start + 3 * room])
    start, end = start - first, min(end - first, len(row))
    edges = [0, *accumulate(cell.width for cell in row)]
    left, right = _window(edges, start, end, room, cut_left=first > 0, cut_right=first + len(row) < len(line))
    shown = row[left:right]
    indent = edges[start] - edges[left]
    if left > 0 or first > 0:
        shown = [_CUT, *shown]
        indent += 1
    length = edges[min(end, right)] - edges[start]
    if right < len(row) or first + len(row) < len(line):
        shown.append(_CUT)
    return Excerpt("".join(cell.text for cell in shown), indent, max(length, 1))


def _window(edges: list[int], start: int, end: int, room: int, *, cut_left: bool, cut_right: bool) -> tuple[int, int]:
    """The cells to show, as indices: all that fit, else from the line's start, else from a third before the piece."""
    last = len(edges) - 1
    left = 0
    if cut_left or (edges[end] > room - 1 and (cut_right or edges[last] > room)):
        wanted = edges[start] - room // 3
        if not cut_right:
            wanted = min(wanted, edges[last] - room + 1)
        # The last of the cells that start there: one before it would be a mark on a character that is cut off.
        left = bisect_right(edges, edges[bisect_left(edges, max(wanted, 0))]) - 1
    room -= int(left > 0 or cut_left)
    right = last
    while edges[right] - edges[left] > room - int(right < last or cut_right):
        right -= 1
    return left, right
