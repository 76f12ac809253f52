"""Where every value of a spec stands: the data's places by route, in whatever file it was written.

Data carries no positions. Beside it stands a tree of marks of the same form, which is only walked when a problem needs
its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from kspec.diagnostics import Note, Problem, Route, Span, SpecError
from kspec.spec.traces import traced, value_at

if TYPE_CHECKING:
    from pathlib import Path


class Position(NamedTuple):
    """A place in a text, as libyaml's marks have it: both count from 0."""

    line: int = 0
    column: int = 0


ORIGIN = Position()


class Marks(NamedTuple):
    """Where a mapping or a list stands, and its members; a scalar is marked by its event alone."""

    start: Any
    end: Any
    keys: dict[Any, Any]
    """The event of each key; for a list empty."""
    members: Any
    """The marks of each member, by key or by index."""
    file: SourceFile


class Moved(NamedTuple):
    """A member that stands elsewhere than the collection around it: an alias, another file, a ``--set``."""

    marks: Any
    file: SourceFile
    at: Any = None
    """The event of the alias, which is the value's own place."""
    key: Any = None


class SourceFile(NamedTuple):
    """A text with a name."""

    name: str
    """As the user wrote it, for messages."""
    path: Path | None
    lines: list[str]

    def span(self, start: Any, end: Any) -> Span:
        line = min(start.line, len(self.lines) - 1)
        text = self.lines[line]
        column = min(start.column, len(text))
        end_line, end_column = end.line, end.column
        if end_line > line:  # only the first line is shown: leave trailing space and comments' lines out
            end_line, end_column = line, len(text.rstrip())
        return Span(self.name, line + 1, column + 1, end_line + 1, max(end_column, column + 1) + 1, text)


SECTIONS = (
    *(
        "kspec",
        "name",
        "seed",
        "dtype_policy",
        "lora",
        "quantize",
        "vars",
        "inputs",
        "blocks",
        "layers",
        "outputs",
        "compile",
        "fit",
    ),
    *("data", "expect", "weights", "class", "custom", "extends", "import"),
)
"""The words of a spec's top level."""


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed file: plain data, and marks of the same form for the places."""

    file: SourceFile
    data: Any
    marks: Any
    problems: tuple[Problem, ...] = ()
    """What is wrong with the text, or with a file that it includes; located."""
    gaps: frozenset[str] = frozenset()
    """Sections that therefore may lack something."""
    doubts: tuple[Route, ...] = ()
    """Where the text can be taken in several ways, or would hold more if it were mended."""

    def span(self, route: Route, at: str = "value") -> Span:
        """The place of the value (or of its key) at `route`; of the nearest thing around it where it has none."""
        node, file, key, place = self.marks, self.file, None, None
        for part in route:
            members = node.members if isinstance(node, Marks) else None
            if members is None or not (part in members if isinstance(members, dict) else _is_index(part, members)):
                at = "value"  # the key asked for does not exist: what stands around it is the place
                if key is not None and isinstance(node, Marks):
                    return file.span(*key)
                break
            key = (node.keys[part].start_mark, node.keys[part].end_mark) if part in node.keys else None
            node = members[part]
            place = None
            if isinstance(node, Moved):
                file = node.file
                if node.key is not None:
                    key = (node.key.start_mark, node.key.end_mark)
                place, node = node.at, node.marks
                if isinstance(node, Marks):
                    file = node.file if place is None else file
        if at == "key" and key is not None:
            return file.span(*key)
        if place is not None:
            return file.span(place.start_mark, place.end_mark)
        if isinstance(node, Marks):
            return node.file.span(node.start, node.end)
        return file.span(node.start_mark, node.end_mark) if node is not None else file.span(ORIGIN, ORIGIN)

    def file_of(self, route: Route) -> SourceFile:
        """The file in which the value at `route` was written."""
        node, file = self.marks, self.file
        for part in route:
            members = node.members if isinstance(node, Marks) else None
            if members is None or not (part in members if isinstance(members, dict) else _is_index(part, members)):
                break
            node = members[part]
            if isinstance(node, Moved):
                file, node = node.file, node.marks
            if isinstance(node, Marks):
                file = node.file
        return file

    def locate(self, problem: Problem) -> Problem:
        """The problem with its places filled in, and a note for each use that asked for it."""
        if problem.span is not None or problem.file:
            return problem
        problem = traced(problem, self.data)
        span = self.span(problem.route, problem.at)
        notes = [
            replace(note, span=self.span(note.route, "key")) if note.route is not None and note.span is None else note
            for note in problem.notes
        ]
        notes += [_use_note(self, use) for use in problem.uses if use != problem.route]
        if span.file not in (self.file.name, "--set") and not problem.uses:
            notes += self._asked(problem.route)
        return replace(problem, span=span, notes=tuple(notes), uses=())

    def _asked(self, route: Route) -> list[Note]:
        """Where this spec asks for the other file in which the value at `route` stands."""
        word = "import" if route[:1] == ("blocks",) and "import" in self.data else "extends"
        text = {"import": "imported here", "extends": "extended here"}[word]
        return [Note(text, span=self.span((word,), "key"))] if word in self.data else []


def _use_note(source: Source, use: Route) -> Note:
    """`use` is the route of the step that asked; a trailing number after its operation is the copy of a repeat."""
    *head, last = use
    if isinstance(last, int) and head and head[-1] == "repeat":
        route = tuple(head)
        return Note(f"in copy {last + 1} of this repeat", route, source.span(route, "key"))
    return Note(f"in this use of `{used(source, use)}`", use, source.span(use, "key"))


def used(source: Source, use: Route) -> Any:
    """The block of a use: a key, or a name alone (a bare step, behind `reuse`, behind a layer that is around it)."""
    is_key = not isinstance(use[-1], int) and use[-1] in (value_at(source.data, ("blocks",)) or ())
    return use[-1] if is_key else value_at(source.data, use)


def _is_index(part: Any, members: list[Any]) -> bool:
    return isinstance(part, int) and 0 <= part < len(members)


@contextmanager
def placing(source: Source) -> Iterator[None]:
    """Problems raised inside get their places in `source`."""
    try:
        yield
    except SpecError as error:
        raise SpecError(dict.fromkeys(located(source, error.problems))) from error.__cause__


def located(source: Source, problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Every problem with its place."""
    return tuple(source.locate(problem) for problem in problems)
