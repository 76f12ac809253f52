"""YAML text -> plain data, and the span of every key and value by its route.

One pass over libyaml's *events*, never its recursive composer: nesting of any depth is met with a bound instead of
a segmentation fault, aliases are counted before they are expanded, and every fault is a problem with a position.
Scalars follow YAML 1.2's core schema (https://yaml.org/spec/1.2.2/#103-core-schema) whatever PyYAML's default:
``1e-3`` is a float, ``on`` and ``no`` are strings, ``010`` is ten.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import yaml

from kspec.diagnostics import MAX_PROBLEMS, Note, Problem, Route, SpecError, last_told, listing
from kspec.spec import slips
from kspec.spec.expressions import UNREAD
from kspec.spec.places import SECTIONS, Marks, Moved, Position, Source, SourceFile
from kspec.spec.salvage import Salvaged, salvage

if TYPE_CHECKING:
    from pathlib import Path

MAX_DEPTH = 100
MAX_NODES = 2_000_000
MAX_DIGITS = 100

Taking = Literal["", "first", "last"]
"""What is read where a collection has a tag, or a key that cannot be one, or stands under a key written twice: nothing,
or what would be there if that were mended, the first or the last of two being kept."""

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_NUMBER_START = frozenset("+-.0123456789")
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT = re.compile(r"[-+]?[0-9]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_OCTAL_HEX = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)\Z|\.(nan|NaN|NAN)\Z")


class _Reader:
    """State of one pass: what is open, what is anchored, what was wrong."""

    def __init__(self, file: SourceFile, taking: Taking, salvaged: Salvaged | None = None) -> None:
        self.file, self.taking = file, taking
        self.cuts = salvaged.cuts if salvaged is not None else frozenset[int]()
        self.others = salvaged is not None and salvaged.anchored
        """Whether there may be anchors that could not be read."""
        self.problems: list[Problem] = []
        self.anchors: dict[str, tuple[Any, Any, int] | None] = {}
        self.nodes = 0
        self.stack: list[_Open] = []
        """Collections whose end has not come yet, outermost first."""
        self.gaps: set[Any] = set()
        """Sections that could be read in part only."""
        self.doubts: list[Route] = []
        """Where another reading would give a collection."""

    def wrong(self, code: str, message: str, event: Any, help: str = "", notes: tuple[Note, ...] = ()) -> None:
        span = self.file.span(event.start_mark, event.end_mark)
        self.problems.append(Problem(code, message, self.route(), help, notes=notes, span=span))
        if len(self.problems) >= MAX_PROBLEMS:
            self.problems[-1] = last_told(self.problems[-1])
            raise _Bound

    def route(self) -> Route:
        """The way to the value that is being read; to what is around it, for a key."""
        route: list[Any] = []
        for around in self.stack:
            if isinstance(around.data, list):
                route.append(len(around.data))
            elif around.key_event is not None and around.key is not None:
                route.append(around.key)
        return tuple(route)

    def count(self, event: Any) -> None:
        """One value more."""
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self.wrong("yaml-size", f"more than {MAX_NODES:,} values", event, "split the spec, or use `repeat`")
            raise _Bound

    def tagged(self, event: Any) -> None:
        tag = event.tag.replace("tag:yaml.org,2002:", "!!")
        self.wrong("yaml-tag", f"a tag (`{tag}`) is not allowed", event, "a spec is plain data: remove the tag")

    def scalar(self, event: Any) -> Any:
        """The value of a scalar by the core schema."""
        value = event.value
        if event.tag is not None:
            self.tagged(event)
            return UNREAD
        if not event.implicit[0]:
            if value == UNREAD and event.start_mark.line not in self.cuts:
                self.wrong("yaml-encoding", "the character U+0000 is not allowed in a spec", event)
            return value
        if value in _WORDS:
            return _WORDS[value]
        if value[0] not in _NUMBER_START:
            return value
        return self.number(value, event)

    def number(self, value: str, event: Any) -> Any:
        if _INT.match(value):
            if len(value) > MAX_DIGITS:
                self.wrong("bad-number", f"a number of {len(value):,} digits", event, f"at most {MAX_DIGITS} digits")
                return UNREAD
            return int(value)
        if _FLOAT.match(value):
            number = float(value)
            if math.isfinite(number):
                return number
        elif _OCTAL_HEX.match(value):
            if len(value) <= MAX_DIGITS:
                return int(value, 0)
        elif not _NOT_FINITE.match(value):
            return value
        shown = value if len(value) <= 20 else value[:20] + "…"
        self.wrong("bad-number", f"`{shown}` is not a finite number", event, "every number of a spec is finite")
        return UNREAD

    def alias(self, event: Any) -> tuple[Any, Any, int]:
        name = event.anchor
        if name not in self.anchors:
            if self.others:
                return UNREAD, event, 1
            help = f"anchors so far: {listing('&' + a for a in self.anchors)}" if self.anchors else ""
            self.wrong("yaml-alias", f"`*{name}` has no anchor `&{name}` before it", event, help)
            return UNREAD, event, 1
        found = self.anchors[name]
        if found is None:
            self.wrong("yaml-alias", f"`*{name}` stands inside what it names: a value cannot contain itself", event)
            return UNREAD, event, 1
        data, marks, size = found
        return data, Moved(marks, self.file, event), size


class _Open:
    """A collection whose end has not come yet."""

    __slots__ = (
        "anchor",
        "before",
        "data",
        "event",
        "key",
        "key_event",
        "keys",
        "lost",
        "members",
        "merges",
        "twice",
    )

    def __init__(self, event: Any, data: Any, before: int) -> None:
        self.event, self.data, self.before, self.anchor = event, data, before, event.anchor
        self.keys: dict[Any, Any] = {}
        self.members: Any = {} if isinstance(data, dict) else []
        self.key: Any = None
        self.key_event: Any = None
        self.merges: list[tuple[Any, Any, Any]] = []
        self.lost = False
        """Whether it has a key that cannot be one."""
        self.twice: tuple[Any, ...] = ()
        """Keys that stand in it twice."""


def read(text: str, name: str, path: Path | None = None, taking: Taking = "", *, around: bool = True) -> Source:
    """Parse a spec's text; where a value cannot be read, for which there is a problem, stands UNREAD.

    Raises SpecError with every problem found up to a bound, or up to a syntax error that cannot be read `around`.
    """
    file = SourceFile(name, path, LINE_BREAK.split(text) or [""])
    reader = _Reader(file, taking)
    if (bad := _UNPRINTABLE.search(text)) is not None:
        mark = position(text, bad.start())
        span = file.span(mark, mark)
        problem = Problem("yaml-encoding", f"the character U+{ord(bad[0]):04X} is not allowed in YAML", span=span)
        raise SpecError(problem)
    try:
        data, marks = _read_events(reader, yaml.CSafeLoader(text))
    except yaml.YAMLError as error:
        salvaged = salvage(file.lines, f'"{UNREAD[0]}\\0"') if around else None
        if salvaged is None:
            syntax = _syntax_problem(file, error)
            lines = {span.line for span in (syntax.span, *(note.span for note in syntax.notes)) if span is not None}
            before = [each for each in reader.problems if each.span is not None and each.span.line not in lines]
            raise SpecError([*before, syntax]) from None
        reader = _Reader(file, taking, salvaged)
        reader.problems = [_syntax_problem(file, error) for error in salvaged.errors]
        try:
            data, marks = _read_events(reader, yaml.CSafeLoader(salvaged.text))
        except _Bound:
            raise SpecError(reader.problems) from None
        reader.gaps.update(salvaged.sections)
    except _Bound:
        raise SpecError(reader.problems) from None
    gaps = frozenset(map(str, reader.gaps))
    return Source(file, data, marks, tuple(reader.problems), gaps, tuple(reader.doubts))


class _Bound(Exception):
    """Reading was stopped by a bound; the problem is already noted."""


def _read_events(reader: _Reader, loader: Any) -> tuple[Any, Any]:
    """The event pass; a stack of open collections instead of recursion."""
    stack = reader.stack
    root: tuple[Any, Any] | None = None
    get_event = loader.get_event
    while True:
        event = get_event()
        kind = event.__class__
        if kind is yaml.ScalarEvent:
            data: Any = reader.scalar(event)
            marks: Any = event
            reader.count(event)
            if event.anchor is not None:
                reader.anchors[event.anchor] = (data, marks, 1)
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            _open(reader, stack, event, {} if kind is yaml.MappingStartEvent else [])
            continue
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            data, marks = _close(reader, stack.pop(), event)
        elif kind is yaml.AliasEvent:
            data, marks, size = reader.alias(event)
            reader.nodes += size
            if reader.nodes > MAX_NODES:
                reader.wrong("yaml-alias", f"aliases expand to more than {MAX_NODES:,} values", event)
                raise _Bound
        elif kind is yaml.DocumentStartEvent and root is not None:
            reader.wrong("yaml-documents", "a second document begins here", event, "one file holds one spec")
            raise _Bound
        elif kind is yaml.StreamEndEvent:
            return root if root is not None else (None, None)
        else:
            continue
        if not stack:
            root = (data, marks)
        elif (top := stack[-1]).__class__ is _Open and top.data.__class__ is list:
            top.data.append(data)
            top.members.append(marks)
        elif top.key_event is None:
            _key(reader, top, data, marks)
        else:
            _member(reader, top, data, marks)


def _open(reader: _Reader, stack: list[_Open], event: Any, data: Any) -> None:
    if event.tag is not None:
        reader.tagged(event)
    if len(stack) >= MAX_DEPTH:
        reader.wrong("yaml-depth", f"nested deeper than {MAX_DEPTH} levels", event)
        raise _Bound
    if event.anchor is not None:
        reader.anchors[event.anchor] = None
    stack.append(_Open(event, data, reader.nodes))
    reader.count(event)


def _close(reader: _Reader, top: _Open, event: Any) -> tuple[Any, Any]:
    for data, marks, place in top.merges:
        _merge(reader, top, data, marks, place)
    marks = Marks(top.event.start_mark, event.end_mark, top.keys, top.members, reader.file)
    if top.lost or top.twice or top.event.tag is not None:
        _in_part(reader, top)
    if top.anchor is not None:
        reader.anchors[top.anchor] = (top.data, marks, reader.nodes - top.before)
    return top.data, marks


_NAMED = ((), ("inputs",), ("vars",), ("blocks",))
"""What others refer to by name, and what is read with gaps."""


def _in_part(reader: _Reader, top: _Open) -> None:
    """A collection that cannot be read whole: what of it is taken. Of what has names that is all that can be."""
    route = reader.route()
    if top.lost:
        top.data.pop(UNREAD, None)
        if route in _NAMED:
            reader.gaps.update(route or SECTIONS)
        elif not reader.taking:
            if "layers" not in top.data:  # what was lost may be variables or inputs of theirs
                reader.doubts += [(*route, key) for key in top.data]
            top.data = UNREAD
            return
    if top.event.tag is not None and not reader.taking:
        reader.doubts.append(route)
        if route:
            top.data = UNREAD
            return
        reader.gaps.update(SECTIONS)
    if top.twice and not reader.taking:
        if route:
            top.data.update(dict.fromkeys(top.twice, UNREAD))
        else:  # of a section the last one is read
            reader.gaps.update(top.twice)


def _key(reader: _Reader, top: _Open, key: Any, marks: Any) -> None:
    moved = marks.__class__ is Moved
    place = marks.at if moved else marks
    if marks.__class__ is Marks:
        place = _Place(marks.start, marks.end)
    if key == UNREAD:
        top.lost = True
    elif key.__class__ is not str and key.__class__ is not int:
        if isinstance(key, dict) and len(key) == 1 and next(iter(key.values())) is None:
            help = f"a variable is written `${next(iter(key))}`"
        else:
            help = "a key is a word or a whole number: quote it"
        shown = "a list or a mapping" if isinstance(key, (list, dict)) else f"`{_printed(key)}`"
        reader.wrong("wrong-type", f"{shown} cannot be a key", place, help)
        top.lost = True
        key = UNREAD
    if key == "<<" and not moved and marks.implicit[0]:
        top.key, top.key_event = None, place
        if top.merges:
            note = Note(
                "`<<` stands here already",
                span=reader.file.span(top.merges[0][2].start_mark, top.merges[0][2].end_mark),
            )
            reader.wrong("duplicate-key", "`<<` appears twice in one mapping", place, "write `<<: [*a, *b]`", (note,))
            top.lost = True
        return
    if key in top.keys and key != UNREAD:
        first = top.keys[key]
        note = Note(f"`{key}` stands here already", span=reader.file.span(first.start_mark, first.end_mark))
        top.key, top.key_event = key, place
        reader.wrong("duplicate-key", f"`{key}` appears twice in one mapping", place, "keep one of them", (note,))
        top.twice += (key,)
    top.key, top.key_event = key, place


class _Place(NamedTuple):
    """The place of a key that is a list or a mapping."""

    start_mark: Any
    end_mark: Any


def _printed(key: Any) -> str:
    if key is None:
        return "null"
    return str(key).lower() if isinstance(key, bool) else str(key)


def _member(reader: _Reader, top: _Open, data: Any, marks: Any) -> None:
    if top.key is None:
        top.merges.append((data, marks, top.key_event))
    elif top.twice and top.key in top.data and _doubtful(reader, top.data[top.key], data) == "first":
        pass
    else:
        top.data[top.key] = data
        top.members[top.key] = marks
        top.keys[top.key] = top.key_event
    top.key_event = None


def _doubtful(reader: _Reader, first: Any, last: Any) -> Taking:
    """Which of two values under one key is taken."""
    if isinstance(first, (dict, list)) or isinstance(last, (dict, list)):
        reader.doubts.append(reader.route())
    return reader.taking


def _merge(reader: _Reader, top: _Open, data: Any, marks: Any, place: Any) -> None:
    """A merge key ``<<``: members that the mapping does not have itself (https://yaml.org/type/merge.html)."""
    inner = marks.marks if isinstance(marks, Moved) else marks
    if data == UNREAD:  # and is reported
        top.lost = True
        return
    if isinstance(data, list):
        for value, mark in zip(data, inner.members, strict=True):
            _merge(reader, top, value, mark, place)
        return
    if not isinstance(data, dict):
        reader.wrong("yaml-alias", "`<<` merges a mapping (or a list of them)", place, "write `<<: *name`")
        top.lost = True
        return
    for key, value in data.items():
        if key not in top.data:
            top.data[key] = value
            top.members[key] = inner.members[key]
            top.keys[key] = inner.keys[key]


def position(text: str, index: int) -> Position:
    before = LINE_BREAK.split(text[:index])
    return Position(len(before) - 1, len(before[-1]))


def _syntax_problem(file: SourceFile, error: yaml.YAMLError) -> Problem:
    slip = slips.find(file.lines, error)
    place = Position(slip.line, slip.column)
    notes: tuple[Note, ...] = ()
    if slip.note is not None:
        text, *began = slip.note
        notes = (Note(text, span=file.span(Position(*began), Position(*began))),)
    return Problem("yaml-syntax", slip.message, help=slip.help, span=file.span(place, place), notes=notes)
