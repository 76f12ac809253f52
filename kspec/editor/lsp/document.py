"""A spec that is open in an editor: its text, its data as far as it can be read, and what stands at each place."""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from kspec.diagnostics import KspecError, Route
from kspec.editor.lsp.positions import Range, Text
from kspec.editor.lsp.tolerant import Insertions, tolerant
from kspec.spec.merge import compose
from kspec.spec.places import Marks, Moved, Source
from kspec.spec.project import find_project

_KEY = re.compile(r"(?m)^\ufeff?[\"']?kspec[\"']?[ \t]*:")


class Spot(NamedTuple):
    """A key or a scalar of the text: its route, and the piece where it is written."""

    route: Route
    at: Literal["key", "value"]
    start: int
    end: int
    value: Any


class Document:
    """One version of one file."""

    def __init__(self, text: str, path: Path, last: Document | None = None) -> None:
        self.text = Text(text)
        self.path = path
        self.name = str(path)
        reading = tolerant(text, self.name, path)
        self.whole = reading is not None and reading.whole
        """Whether the text can be read as it is."""
        self.own: Source | None = reading.source if reading is not None else None
        """This file alone."""
        self.spots: list[Spot] = []
        self.all: Source | None = None
        """With what it extends and imports."""
        if reading is not None:
            self.spots = sorted(spots(reading.source, reading.insertions), key=lambda spot: (spot.start, spot.end))
            self.all = composed(reading.source)
        elif last is not None:  # nothing can be read: what could be read before is better than nothing
            self.own, self.all = last.own, last.all
            self.spots = [spot for spot in last.spots if last.text.text[: spot.end] == text[: spot.end]]
        self._starts = [spot.start for spot in self.spots]

    @property
    def is_spec(self) -> bool:
        """Whether this is a spec at all: other YAML files are none of ours."""
        return _KEY.search(self.text.text) is not None

    @property
    def data(self) -> Any:
        """The file's own data."""
        return self.own.data if self.own is not None else None

    @property
    def everything(self) -> Any:
        """The data with that of the files that it is made of."""
        return self.all.data if self.all is not None else None

    def spot(self, offset: int) -> Spot | None:
        """What stands at an offset, or ends there."""
        index = bisect_right(self._starts, offset) - 1
        for each in self.spots[max(index - 1, 0) : index + 1][::-1]:
            if each.start <= offset <= each.end:
                return each
        return None

    def range_of(self, route: Route, at: str) -> Range | None:
        """Where the key or the scalar at a route is written in this file."""
        for spot in self.spots:
            if spot.route == route and spot.at == at:
                return Range(spot.start, spot.end)
        return None

    def raw(self, spot: Spot) -> str:
        """A spot as it is written."""
        return self.text.text[spot.start : spot.end]

    def is_own(self, file: str) -> bool:
        """Whether a span's file is this one."""
        return file == self.name or os.path.normpath(file) == self.name


def composed(source: Source) -> Source:
    """The source with what it extends and imports, as far as that can be read."""
    folder = source.file.path.parent if source.file.path is not None else Path.cwd()
    try:
        stack = (source.file.path,) if source.file.path is not None else ()
        return compose(source, find_project(folder), stack)
    except (KspecError, OSError, RuntimeError, ValueError):
        return source


def spots(source: Source, insertions: Insertions = Insertions()) -> Iterator[Spot]:  # noqa: B008 it is a value
    """Every key and scalar of a source's own file; what aliases and merges repeat stands once, where it is written."""
    waiting: list[tuple[Route, Any, Any]] = [((), source.data, source.marks)]
    back = insertions.original
    while waiting:
        route, data, marks = waiting.pop()
        if marks is None or isinstance(marks, Moved):
            continue
        if not isinstance(marks, Marks):
            start = back(marks.start_mark.index)
            yield Spot(route, "value", start, max(start, back(marks.end_mark.index)), data)
            continue
        if isinstance(marks.members, list):
            for index, each in enumerate(marks.members):
                if isinstance(data, list) and index < len(data):
                    waiting.append(((*route, index), data[index], each))
            continue
        inside = marks.start.index, marks.end.index
        for key, each in marks.members.items():
            event = marks.keys.get(key)
            if event is None or not inside[0] <= event.start_mark.index <= inside[1]:
                continue  # it came by a merge
            start = back(event.start_mark.index)
            yield Spot((*route, key), "key", start, max(start, back(event.end_mark.index)), key)
            waiting.append(((*route, key), data.get(key) if isinstance(data, dict) else None, each))
