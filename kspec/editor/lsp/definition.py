"""Where a name, block, variable or file of a spec is given, and everywhere it is used."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from kspec.diagnostics import KspecError, Route, Span
from kspec.editor.lsp.document import Document
from kspec.editor.lsp.known import Known
from kspec.editor.lsp.places import Meaning, Reader
from kspec.editor.lsp.positions import Range
from kspec.spec.project import find_project, resolve


class Target(NamedTuple):
    """A place in a file; without a span its beginning."""

    path: Path
    span: Span | None


def definition(document: Document, known: Known, offset: int) -> Target | None:
    """Where what stands at an offset is given."""
    reader = Reader(document, known)
    meaning = reader.at(offset)
    if meaning is None or document.all is None:
        return None
    if meaning.what == "file":
        path = _file(document, meaning.name, meaning.spot.route)
        return Target(path, None) if path is not None else None
    if meaning.given is None:
        return None
    source = document.all
    given = meaning.given
    if given.what == "automatic" and known.compiled is not None:
        source = known.compiled.source  # its routes are of the text that was read then
    span = source.span(given.route, "key" if given.at == "key" else "value")
    file = source.file_of(given.route).path
    if span.file == document.name:
        return Target(document.path, span)
    return Target(file if file is not None else Path(span.file), span)


def _file(document: Document, text: str, route: Route) -> Path | None:
    if document.all is None or "$" in text:
        return None
    file = document.all.file_of(route).path
    folder = (file if file is not None else document.path).parent
    try:
        return resolve(find_project(folder), folder, text, route)
    except (KspecError, OSError, RuntimeError, ValueError):
        return None


def references(document: Document, known: Known, offset: int) -> list[Range]:
    """Every place of the document where what stands at an offset is given or used."""
    reader = Reader(document, known)
    meaning = reader.at(offset)
    return [] if meaning is None else [each.range for each in occurrences(reader, meaning)]


def occurrences(reader: Reader, meaning: Meaning) -> list[Meaning]:
    """Every word of the document with that meaning."""
    if meaning.given is None:
        return []
    found = []
    for spot in reader.document.spots:
        if meaning.name in str(spot.value):
            found += [each for each in reader.meanings(spot) if same(each, meaning)]
    return found


def same(one: Meaning, other: Meaning) -> bool:
    """Whether two words mean the same thing."""
    return one.given is not None and (one.what, one.name, one.given) == (other.what, other.name, other.given)
