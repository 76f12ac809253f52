"""YAML text -> plain data, and the span of every key and value by its route.

One pass over libyaml's *events*, never its recursive composer: nesting of any depth is met with a bound instead of
a segmentation fault, aliases are counted before they are expanded, and every fault is a problem with a position.
Scalars follow YAML 1.2's core schema (https://yaml.org/spec/1.2.2/#103-core-schema) whatever PyYAML's default:
``1e-3`` is a float, ``on`` and ``no`` are strings, ``010`` is ten.

Beside the data stands a tree of marks of the same form; it is only walked when a problem needs its place.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from kspec.diagnostics import Note, Problem, Route, Span, SpecError, listing

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 16 * 2**20
MAX_DEPTH = 100
MAX_NODES = 2_000_000
MAX_DIGITS = 100

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
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


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed file: plain data, and marks of the same form for the places."""

    file: SourceFile
    data: Any
    marks: Any

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
        return file.span(node.start_mark, node.end_mark) if node is not None else file.span(_ORIGIN, _ORIGIN)

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
        notes = tuple(
            replace(note, span=self.span(note.route, "key")) if note.route is not None and note.span is None else note
            for note in problem.notes
        )
        uses = tuple(_use_note(self, use) for use in problem.uses)
        return replace(problem, span=self.span(problem.route, problem.at), notes=notes + uses, uses=())


def _use_note(source: Source, use: Route) -> Note:
    """`use` is the route of the step that asked; a trailing number after its operation is the copy of a repeat."""
    *head, last = use
    if isinstance(last, int) and head and head[-1] == "repeat":
        route = tuple(head)
        return Note(f"in copy {last + 1} of this repeat", route, source.span(route, "key"))
    name = value_at(source.data, use) if isinstance(last, int) else last  # a bare step stands at its index
    return Note(f"in this use of `{name}`", use, source.span(use, "key"))


def value_at(data: Any, route: Route) -> Any:
    """The value at a route, or the last one on the way where the route goes on into a short form."""
    part: Any
    for part in route:
        if not ((isinstance(data, dict) and part in data) or (isinstance(data, list) and isinstance(part, int))):
            break
        data = data[part]
    return data


def _is_index(part: Any, members: list[Any]) -> bool:
    return isinstance(part, int) and 0 <= part < len(members)


class _Origin(NamedTuple):
    line: int = 0
    column: int = 0


_ORIGIN = _Origin()


class _Reader:
    """State of one pass: what is open, what is anchored, what was wrong."""

    def __init__(self, file: SourceFile) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.anchors: dict[str, tuple[Any, Any, int] | None] = {}
        self.nodes = 0

    def wrong(self, code: str, message: str, event: Any, help: str = "", notes: tuple[Note, ...] = ()) -> None:
        span = self.file.span(event.start_mark, event.end_mark)
        self.problems.append(Problem(code, message, help=help, notes=notes, span=span))

    def tagged(self, event: Any) -> None:
        tag = event.tag.replace("tag:yaml.org,2002:", "!!")
        self.wrong("yaml-tag", f"a tag (`{tag}`) is not allowed", event, "a spec is plain data: remove the tag")

    def scalar(self, event: Any) -> Any:
        """The value of a scalar by the core schema."""
        value = event.value
        if event.tag is not None and event.tag != "!":
            self.tagged(event)
            return value
        if not event.implicit[0]:
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
                return 0
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
        return 0.0

    def alias(self, event: Any) -> tuple[Any, Any, int]:
        name = event.anchor
        if name not in self.anchors:
            help = f"anchors so far: {listing('&' + a for a in self.anchors)}" if self.anchors else ""
            self.wrong("yaml-alias", f"`*{name}` has no anchor `&{name}` before it", event, help)
            return None, event, 1
        found = self.anchors[name]
        if found is None:
            self.wrong("yaml-alias", f"`*{name}` stands inside what it names: a value cannot contain itself", event)
            return None, event, 1
        data, marks, size = found
        return data, Moved(marks, self.file, event), size


class _Open:
    """A collection whose end has not come yet."""

    __slots__ = ("anchor", "before", "data", "event", "key", "key_event", "keys", "members", "merges")

    def __init__(self, event: Any, data: Any, before: int) -> None:
        self.event, self.data, self.before, self.anchor = event, data, before, event.anchor
        self.keys: dict[Any, Any] = {}
        self.members: Any = {} if isinstance(data, dict) else []
        self.key: Any = None
        self.key_event: Any = None
        self.merges: list[tuple[Any, Any, Any]] = []


def read(text: str, name: str, path: Path | None = None) -> Source:
    """Parse a spec's text.

    Raises SpecError with every problem found up to the first syntax error.
    """
    file = SourceFile(name, path, _LINE_BREAK.split(text) or [""])
    reader = _Reader(file)
    if (bad := _UNPRINTABLE.search(text)) is not None:
        mark = _position(text, bad.start())
        span = file.span(mark, mark)
        problem = Problem("yaml-encoding", f"the character U+{ord(bad[0]):04X} is not allowed in YAML", span=span)
        raise SpecError(problem)
    try:
        data, marks = _read_events(reader, yaml.CSafeLoader(text))
    except yaml.YAMLError as error:
        reader.problems.append(_syntax_problem(file, error))
    except _Bound:
        pass
    if reader.problems:
        raise SpecError(reader.problems)
    return Source(file, data, marks)


class _Bound(Exception):
    """Reading was stopped by a bound; the problem is already noted."""


def _read_events(reader: _Reader, loader: Any) -> tuple[Any, Any]:
    """The event pass; a stack of open collections instead of recursion."""
    stack: list[_Open] = []
    root: tuple[Any, Any] | None = None
    get_event = loader.get_event
    while True:
        event = get_event()
        kind = event.__class__
        if kind is yaml.ScalarEvent:
            data: Any = reader.scalar(event)
            marks: Any = event
            reader.nodes += 1
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
            _key(reader, top, data, event if marks.__class__ is not Moved else marks.at)
        else:
            _member(top, data, marks)


def _open(reader: _Reader, stack: list[_Open], event: Any, data: Any) -> None:
    if event.tag is not None and event.tag != "!":
        reader.tagged(event)
    if len(stack) >= MAX_DEPTH:
        reader.wrong("yaml-depth", f"nested deeper than {MAX_DEPTH} levels", event)
        raise _Bound
    if event.anchor is not None:
        reader.anchors[event.anchor] = None
    stack.append(_Open(event, data, reader.nodes))
    reader.nodes += 1


def _close(reader: _Reader, top: _Open, event: Any) -> tuple[Any, Any]:
    for data, marks, place in top.merges:
        _merge(reader, top, data, marks, place)
    marks = Marks(top.event.start_mark, event.end_mark, top.keys, top.members, reader.file)
    if top.anchor is not None:
        reader.anchors[top.anchor] = (top.data, marks, reader.nodes - top.before)
    return top.data, marks


def _key(reader: _Reader, top: _Open, key: Any, event: Any) -> None:
    top.key_event = event
    if key.__class__ is not str and (key.__class__ is not int):
        shown = "a list or a mapping" if isinstance(key, (list, dict)) else f"`{event.value or 'nothing'}`"
        reader.wrong("wrong-type", f"{shown} cannot be a key", event, "a key is a word or a whole number: quote it")
        key = str(key)
    if key == "<<" and event.implicit[0]:
        top.key = None
        return
    if key in top.keys:
        first = top.keys[key]
        note = Note(f"`{key}` stands here already", span=reader.file.span(first.start_mark, first.end_mark))
        reader.wrong("duplicate-key", f"`{key}` appears twice in one mapping", event, "keep one of them", (note,))
    top.key = key


def _member(top: _Open, data: Any, marks: Any) -> None:
    if top.key is None:
        top.merges.append((data, marks, top.key_event))
    else:
        top.data[top.key] = data
        top.members[top.key] = marks
        top.keys[top.key] = top.key_event
    top.key_event = None


def _merge(reader: _Reader, top: _Open, data: Any, marks: Any, place: Any) -> None:
    """A merge key ``<<``: members that the mapping does not have itself (https://yaml.org/type/merge.html)."""
    inner = marks.marks if isinstance(marks, Moved) else marks
    if isinstance(data, list):
        for value, mark in zip(data, inner.members, strict=True):
            _merge(reader, top, value, mark, place)
        return
    if not isinstance(data, dict):
        reader.wrong("yaml-alias", "`<<` merges a mapping (or a list of them)", place, "write `<<: *name`")
        return
    for key, value in data.items():
        if key not in top.data:
            top.data[key] = value
            top.members[key] = inner.members[key]
            top.keys[key] = inner.keys[key]


def _position(text: str, index: int) -> _Origin:
    before = _LINE_BREAK.split(text[:index])
    return _Origin(len(before) - 1, len(before[-1]))


_SYNTAX = (  # what libyaml says -> what it means, what to do; from the particular to the general
    ("found character '\\t'", "a tab cannot indent YAML", "indent with spaces"),
    ("cannot start any token", "this character cannot begin a value", "quote the value"),
    ("mapping values are not allowed", "a second `:` on one line", "quote the value, or put the mapping in `{…}`"),
    ("did not find expected ',' or", "this list or mapping in brackets is not closed properly", ""),
    (
        "did not find expected key",
        "a key was expected here",
        "check the indentation of this line against its neighbours",
    ),
    ("did not find expected '-' indicator", "a `- ` was expected here", "check this line's indentation"),
    ("could not find expected ':'", "a `:` was expected", "a key needs a colon and a space after it"),
    ("found unexpected end of stream", "a quoted text does not end", "close the quote"),
    ("found unknown escape character", "unknown escape in a text in double quotes", "use single quotes"),
    ("did not find expected node content", "a value was expected here", "check the brackets and quotes of this line"),
    ("found duplicate anchor", "this anchor's name is taken", "give it another name"),
)


def _syntax_problem(file: SourceFile, error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None) or _ORIGIN
    context = getattr(error, "context_mark", None)
    said = str(getattr(error, "problem", None) or error)
    message, help = next(((m, h) for needle, m, h in _SYNTAX if needle in said), (said, ""))
    mark, message, help = _slip(file, said, mark, context) or (mark, message, help)
    span = file.span(mark, mark)
    notes: tuple[Note, ...] = ()
    if context is not None and context.line < mark.line:
        notes = (Note("it began here", span=file.span(context, context)),)
    return Problem("yaml-syntax", message, help=help, span=span, notes=notes)


def _slip(file: SourceFile, said: str, mark: Any, context: Any) -> tuple[Any, str, str] | None:
    """A slip that YAML invites, recognised by what stands around libyaml's mark: the place, what is wrong, what to do."""
    text = file.lines[min(mark.line, len(file.lines) - 1)]
    indent = text[: len(text) - len(text.lstrip())]
    if "\t" in indent:
        return _Origin(mark.line, indent.index("\t")), "a tab cannot indent YAML", "indent with spaces"
    if "${" in text or "$(" in text:
        return mark, "this list or mapping in brackets is not closed properly", _expression_slip(text)
    for line in (mark.line, mark.line - 1, context.line if context is not None else mark.line):
        if 0 <= line < len(file.lines) and (found := _NO_SPACE.match(file.lines[line])) is not None:
            help = f"write `{found[2]}: {found[3]}`"
            return _Origin(line, found.end(2)), "a space is missing after the colon", help
    if "mapping values are not allowed" in said and _KEY.match(text[: mark.column + 1]) is not None:
        help = "indent it like the line it belongs to"
        return _Origin(mark.line, len(indent)), "this line is indented deeper than the one it belongs to", help
    if "'-' indicator" in said and _KEY.match(text) is not None:
        help = "kspec's words stand under the operation, two columns in from the dash"
        return _Origin(mark.line, len(indent)), "a `- ` was expected here", help
    return None


_NO_SPACE = re.compile(r"(\s*(?:- )?)([A-Za-z_][A-Za-z_0-9.]*):([^\s:/\\][^:]*)$")
_KEY = re.compile(r"\s*[A-Za-z_][A-Za-z_0-9.]*:")


def _expression_slip(text: str) -> str:
    if "${" in text:
        return "a variable is written `$name`, an expression `$(…)`"
    return "an expression with commas or brackets inside `{…}` or `[…]` needs quotes: `{m: '$(min(a, b))'}`"


def decode(data: bytes, name: str) -> str:
    """The text of a file: UTF-8, at most MAX_BYTES; anything else is a problem with its place."""
    file = SourceFile(name, None, [""])
    if len(data) > MAX_BYTES:
        message = f"the file has {len(data):,} bytes; a spec has at most {MAX_BYTES:,}"
        raise SpecError(Problem("yaml-size", message, span=file.span(_ORIGIN, _ORIGIN)))
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        message = "the file is UTF-16; a spec is UTF-8"
        raise SpecError(Problem("yaml-encoding", message, help="save it as UTF-8", span=file.span(_ORIGIN, _ORIGIN)))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        mark = _position(before, len(before))
        file = SourceFile(name, None, _LINE_BREAK.split(before))
        message = f"the byte 0x{data[error.start]:02x} is not UTF-8"
        problem = Problem("yaml-encoding", message, help="save the file as UTF-8", span=file.span(mark, mark))
        raise SpecError(problem) from None


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
