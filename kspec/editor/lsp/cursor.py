"""What is being typed: the text is read with a mark at the cursor, which says by its route what is expected there."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from kspec.diagnostics import Route
from kspec.editor.lsp.document import Document, composed, spots
from kspec.editor.lsp.positions import Range
from kspec.editor.lsp.tolerant import TRIES, tolerant

_MARK = "KSPECxCURSOR"
_WORD = re.compile(r"[\w.]*\Z")
_FILE_WORD = re.compile(r"[^\s\"'{}\[\],]*\Z")
_VARIABLE = re.compile(r"\$(\w*|\([^)]*)\Z")


class Cursor(NamedTuple):
    """Where something is being typed."""

    data: Any
    """The spec with the mark in it taken out where it is a value, as far as it can be read."""
    route: Route
    at: str
    typed: Range
    """What was typed of the word so far."""
    colon: bool
    """Whether a colon follows already."""
    alone: bool
    """Whether the text stands where a key could: nothing but it is in its place yet."""
    variable: bool
    """Whether a variable is being typed."""
    flow: bool


def cursor(document: Document, offset: int) -> Cursor | None:
    """What is being typed at an offset; None in a comment, or where nothing can be told."""
    text = document.text.text
    line = document.text.line(offset)
    before, after = text[line.start : offset], text[offset : line.end]
    word = _WORD.search(before)
    typed = Range(offset - len(word[0] if word else ""), offset)
    rest = re.match(r"[\w.]*", after)
    tail = after[len(rest[0]) if rest else 0 :]
    colon = re.match(r"\s*:(\s|$)", tail) is not None
    variants = [_MARK] if colon else [_MARK, f"{_MARK}: "]
    for cut, tries in ((len(text), 0), (line.end, 0), (len(text), TRIES), (line.end, TRIES), (offset, TRIES)):
        for mark in variants:
            marked = text[:offset] + mark + text[offset:cut]
            found = _marked(document, marked, offset, tries)
            if found is not None:
                data, route, at, scalar = found
                variable = at == "value" and _VARIABLE.search(scalar.partition(_MARK)[0]) is not None
                alone = at == "value" and not colon and _is_alone(before, typed.end - typed.start)
                return Cursor(data, route, at, typed, colon, alone, variable, _in_flow(document, offset))
    return None


def _marked(document: Document, text: str, offset: int, tries: int) -> tuple[Any, Route, str, str] | None:
    """The spec with a mark in it, and the mark's route."""
    reading = tolerant(text, document.name, document.path, keep=offset, tries=tries)
    if reading is None:
        return None
    for spot in spots(reading.source):
        if isinstance(spot.value, str) and _MARK in spot.value:
            return composed(reading.source).data, spot.route, spot.at, spot.value
    return None


def _is_alone(before: str, length: int) -> bool:
    """Whether what is typed begins its line, or a member of a flow mapping."""
    start = before[: len(before) - length].rstrip()
    return start in ("", "-") or start.endswith(("{", ",", "- "))


def _in_flow(document: Document, offset: int) -> bool:
    """Whether brackets are open at a place of its line."""
    line = document.text.line(offset)
    before = document.text.text[line.start : offset]
    return before.count("{") + before.count("[") > before.count("}") + before.count("]")


def path_typed(document: Document, offset: int) -> Range:
    """What was typed of a file's name so far."""
    line = document.text.line(offset)
    found = _FILE_WORD.search(document.text.text[line.start : offset])
    return Range(offset - len(found[0] if found else ""), offset)
