"""What can be read of a text with YAML syntax errors: the sections and steps in which there are none.

A syntax error ends YAML's reading, and so would hide every problem after it. Sections begin in the first column, and
what is in one is indented: each can be tried alone, and in one that cannot be read each of its lines that is indented
least begins a member to be tried alone.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import yaml

from kspec.spec.places import SECTIONS

_SECTION = re.compile(rf"""(["']?)({"|".join(SECTIONS)})\1\s*:(\s|$)""")
_HEADER = re.compile(r"\s*[\w.\"'-]+\s*:\s*(#.*)?$")
_BEGIN = re.compile(r"(\s*)(- |[\w.\"'-]+\s*:(?=\s|$))")
_BLANK = re.compile(r"\s*(#.*)?$")
_JOINED = re.compile(r"\S\s\s+\w+\s*:\s")
MAX_PIECES = 20_000
MAX_DEPTH = 200


class Salvaged(NamedTuple):
    """A text of as many lines, in which a `placeholder` stands for each piece that cannot be read."""

    text: str
    cuts: frozenset[int]
    """The lines of the placeholders, from 0."""
    errors: tuple[yaml.YAMLError, ...]
    """One for each of them, with the places in the whole text."""
    sections: frozenset[str]
    """Those that may stand in what was cut."""
    anchored: bool
    """Whether there are anchors in what was cut."""


def salvage(lines: list[str], placeholder: str) -> Salvaged | None:
    """What can be read of `lines`; None where the errors cannot be told apart."""
    starts = [number for number, line in enumerate(lines) if _SECTION.match(line) is not None]
    if not starts or not all(_BLANK.match(line) or line.startswith("---") for line in lines[: starts[0]]):
        return None
    left = list(lines)
    found: list[tuple[int, yaml.YAMLError]] = []
    pieces = list(zip(starts, [*starts[1:], len(lines)], strict=True))
    while pieces:
        start, end = pieces.pop()
        error = _error(lines, start, end)
        if error is None:
            continue
        members = _members(lines, start, end)
        broken = [piece for piece in members if _error(lines, *piece) is not None]
        if broken and len(starts) + len(members) <= MAX_PIECES and all(_by_itself(lines, *piece) for piece in broken):
            pieces += broken
            continue
        begin = _BEGIN.match(lines[start])
        if begin is None:
            return None
        found.append((start, error))
        left[start:end] = [f"{begin[0]} {placeholder}", *[""] * (end - start - 1)]
    if not found or _error(left, 0, len(left)) is not None:
        return None
    found.sort(key=lambda each: each[0])
    cut = "\n".join(old for old, new in zip(lines, left, strict=True) if old is not new)
    return Salvaged(
        "\n".join(left),
        frozenset(line for line, _ in found),
        tuple(error for _, error in found),
        _sections(cut),
        "&" in cut,
    )


def _members(lines: list[str], start: int, end: int) -> list[tuple[int, int]]:
    """The pieces of what stands under a key that has nothing beside it."""
    if _HEADER.match(lines[start]) is None:
        return []
    body = [number for number in range(start + 1, end) if _BLANK.match(lines[number]) is None]
    if not body:
        return []
    least = min(_indent(lines[number]) for number in body)
    starts = [number for number in body if _indent(lines[number]) == least]
    listed = lines[starts[0]].lstrip().startswith("- ")
    if least < _indent(lines[start]) + (not listed) or starts[0] != body[0]:
        return []
    if not all(_BEGIN.match(lines[number]) and lines[number].lstrip().startswith("- ") == listed for number in starts):
        return []
    return list(zip(starts, [*starts[1:], end], strict=True))


def _sections(cut: str) -> frozenset[str]:
    """The sections whose words stand in the first column, about, of what was cut."""
    found = {word for word in SECTIONS if re.search(rf"^(\s?\W?|\S.*){word}\b", cut, re.MULTILINE)}
    return frozenset(SECTIONS if "extends" in found else found | {"blocks"} if "import" in found else found)


def _by_itself(lines: list[str], start: int, end: int) -> bool:
    """Whether a piece is one member, which has swallowed none of its neighbours: a step, a line, or a key alone."""
    if lines[start].lstrip().startswith("- "):
        return True
    body = [_indent(line) for line in lines[start + 1 : end] if _BLANK.match(line) is None]
    if _HEADER.match(lines[start]) is not None:
        return not body or min(body) == body[0]
    return not body and _JOINED.search(lines[start]) is None


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _error(lines: list[str], start: int, end: int) -> yaml.YAMLError | None:
    """What is wrong with the syntax of some lines by themselves."""
    depth = 0
    try:
        for event in yaml.parse("\n" * start + "\n".join(lines[start:end]), Loader=yaml.CSafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise yaml.YAMLError(f"nested deeper than {MAX_DEPTH} levels")
    except yaml.YAMLError as error:
        return error
    return None
