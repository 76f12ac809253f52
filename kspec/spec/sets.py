"""``--set path=value``: one value of a spec set on the command line, remembering that it came from there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from kspec import catalog
from kspec.diagnostics import Problem, Span, SpecError, UsageError, listing, suggestion
from kspec.spec.merge import bare, other_object
from kspec.spec.places import SECTIONS, Marks, Moved, Source, SourceFile
from kspec.spec.source import read
from kspec.spec.stepform import WORDS

_NUMBER = re.compile(r"-?[0-9]{1,9}\Z")


class _Mark(NamedTuple):
    line: int
    column: int


class _Key(NamedTuple):
    """A key that stands on the command line: the whole path."""

    start_mark: _Mark
    end_mark: _Mark


class _Placed(NamedTuple):
    """A value with its marks."""

    data: Any
    marks: Any


class _Set(NamedTuple):
    """One argument taken apart."""

    path: str
    value: _Placed
    file: SourceFile
    key: _Key

    def wrong(self, message: str, help: str) -> UsageError:
        text = self.file.lines[0]
        span = Span("--set", 1, 1, 1, len(self.path) + 1, text)
        return UsageError(Problem("set-path", message, help=help, span=span))


def with_sets(source: Source, sets: Sequence[str]) -> Source:
    """The spec with every ``path=value`` applied in order.

    A path leads through mappings by key and through lists by number or by a step's name; a lone word is a variable.
    After a step comes a word of it, its operation (`layers.code.Dense.units`), or an argument at once
    (`layers.code.units`).
    Raises UsageError for a path that leads nowhere or a value that is no YAML.
    """
    for text in sets:
        given = _parse(text)
        if isinstance(source.data, dict):
            parts = _parts(source.data, given)
            data, marks = _put(_Placed(source.data, source.marks), parts, given)
            source = replace(source, data=data, marks=marks)
    return source


def _parse(text: str) -> _Set:
    path, equals, value = text.partition("=")
    file = SourceFile("--set", None, [text.replace("\n", " ")])
    key = _Key(_Mark(0, 0), _Mark(0, len(path)))
    given = _Set(path.strip(), _Placed(None, None), file, key)
    if not equals or not path.strip() or "\n" in text:
        raise given.wrong(f"`{text}` is not `path=value`", "for example `--set width=128`")
    try:
        padded = read(" " * (len(path) + 1) + value, "--set")
        if padded.problems:
            raise SpecError(padded.problems)
    except SpecError as error:
        first = error.problems[0]
        raise given.wrong(f"the value cannot be read: {first.message}", first.help) from None
    padded.file.lines[:] = file.lines
    return given._replace(value=_Placed(padded.data, padded.marks))


def _parts(data: dict[Any, Any], given: _Set) -> list[str]:
    """The path's parts from the top: a variable's stand under `vars`."""
    parts = given.path.split(".")
    variables = data.get("vars")
    names = list(variables) if isinstance(variables, dict) else []
    if parts[0] in names:
        return ["vars", *parts]
    if parts[0] in SECTIONS:
        return parts
    otherwise = f"variables: {listing(names)}" if names else "this spec has no `vars`"
    help = suggestion(parts[0], [*names, *SECTIONS], otherwise)
    raise given.wrong(f"there is no variable or section `{parts[0]}`", help)


def _put(node: _Placed, parts: list[str], given: _Set) -> _Placed:
    """`node` with the value at the end of `parts` replaced; containers on the way are copied."""
    if not parts:
        return given.value
    return (_put_item if isinstance(node.data, list) else _put_member)(node, parts, given)


def _put_item(node: _Placed, parts: list[str], given: _Set) -> _Placed:
    marks = bare(node.marks)
    index = _index(node.data, parts[0], given)
    rest = _through_operation(node.data[index], parts[1:])
    item, inner = _put(_Placed(node.data[index], marks.members[index]), rest, given)
    members = [*marks.members[:index], inner, *marks.members[index + 1 :]]
    return _Placed([*node.data[:index], item, *node.data[index + 1 :]], marks._replace(members=members))


def _through_operation(step: Any, parts: list[str]) -> list[str]:
    """The path inside a step, with its operation where an argument is named without it."""
    if not isinstance(step, dict) or len(parts) != 1 or parts[0] in (*step, *WORDS):
        return parts
    operation = next((key for key in step if isinstance(key, str) and key not in WORDS), None)
    known = catalog.find("layers", operation) if operation is not None else None
    return parts if known is None or known.parameter(parts[0]) is None else [known.name, *parts]


def _put_member(node: _Placed, parts: list[str], given: _Set) -> _Placed:
    mapping, marks = node.data, bare(node.marks)
    if not isinstance(mapping, dict):  # a bare object (`optimizer: adam`) is given its first argument
        mapping, marks = ({mapping: None} if isinstance(mapping, str) else {}), None
    key, rest = _key(mapping, parts)
    old = marks.members.get(key) if isinstance(marks, Marks) else None
    child = _put(_Placed(mapping.get(key), old), rest, given)
    if other_object(mapping, {key: None}):
        mapping, marks = {}, None
    if not isinstance(marks, Marks):
        marks = Marks(given.key.start_mark, given.key.end_mark, {}, {}, given.file)
    member: Any = child.marks
    if not rest or old is None:
        member = Moved(child.marks, given.file, None, given.key)
    elif isinstance(old, Moved):
        member = old._replace(marks=child.marks, at=None)
    keys = {**marks.keys, key: marks.keys.get(key, given.key)}
    members = {**marks.members, key: member}
    return _Placed({**mapping, key: child.data}, marks._replace(keys=keys, members=members))


def _key(mapping: dict[Any, Any], parts: list[str]) -> tuple[Any, list[str]]:
    """The key that the path goes on with, which may have dots of its own (`ops.matmul`), and the rest of the path."""
    length = next((n for n in range(len(parts), 0, -1) if ".".join(parts[:n]) in mapping), 1)
    key = ".".join(parts[:length])
    numbered = key not in mapping and _NUMBER.match(key) is not None
    return (int(key) if numbered else key), parts[length:]


def _index(data: list[Any], part: str, given: _Set) -> int:
    """A list's item by its number, or a step by its name."""
    if _NUMBER.match(part) is not None and -len(data) <= int(part) < len(data):
        return int(part) % len(data)
    for index, item in enumerate(data):
        if isinstance(item, dict) and item.get("name") == part:
            return index
    names = [str(item["name"]) for item in data if isinstance(item, dict) and "name" in item]
    count = "one item" if len(data) == 1 else f"{len(data)} items"
    counted = f"it has {count}, by number from 0" + (f" or by name: {listing(names)}" if names else "")
    raise given.wrong(f"there is no item `{part}` in the list", suggestion(part, names, counted))
