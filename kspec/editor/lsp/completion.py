"""What can be typed at a place."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from kspec import catalog
from kspec.editor.lsp import describe
from kspec.editor.lsp.cursor import cursor, path_typed
from kspec.editor.lsp.document import Document
from kspec.editor.lsp.known import Known
from kspec.editor.lsp.offers import Item, Offers
from kspec.editor.lsp.positions import Range

_LISTED = 500
"""So many files of a folder are offered."""


class Completion(NamedTuple):
    """What can be typed, and what of the text it replaces."""

    items: tuple[Item, ...]
    range: Range


def complete(document: Document, known: Known, offset: int) -> Completion:
    """The words that are expected at an offset."""
    if not document.text.text.strip():
        first = Item("kspec", "section", insert="kspec: 1\n", doc=describe.TOP["kspec"])
        return Completion((first,), Range(offset, offset))
    found = cursor(document, offset)
    if found is None:
        return Completion((), Range(offset, offset))
    offers = Offers(document, known, found)
    typed = found.typed
    if offers.slot.role == "file" or (offers.slot.name == "datafile" and found.at == "value"):
        typed = path_typed(document, offset)
        items = tuple(_files(document, document.text.text[typed.start : typed.end]))
        return Completion(items, Range(typed.end - len(_last(document, typed)), typed.end))
    unique = {(item.label, item.kind): item for item in offers.all()}
    return Completion(tuple(unique.values()), typed)


def documented(label: str, kind: str) -> str:
    """What is known of an item that was chosen, as Markdown; looked up when an editor shows it."""
    for each in catalog.kinds_of(label) if kind in ("layer", "function", "object") else ():
        found = catalog.find(each, label)
        if found is not None:
            return describe.entry(found)
    return describe.word(label) if kind == "word" else ""


def _files(document: Document, typed: str) -> Iterator[Item]:
    """Folders and files beside the document that a spec can name."""
    folder = document.path.parent / os.path.dirname(typed)
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)[:_LISTED]
    except (OSError, ValueError):
        return
    for entry in entries:
        if entry.name.startswith(".") or Path(entry.path) == document.path:
            continue
        if entry.is_dir():
            yield Item(f"{entry.name}/", "file", rank=6)
        elif entry.name.endswith((".yaml", ".yml", ".keras", ".npz", ".h5")):
            yield Item(entry.name, "file")


def _last(document: Document, typed: Range) -> str:
    return document.text.text[typed.start : typed.end].rpartition("/")[2]


def warm() -> None:
    """Read what every list of operations needs, so that the first one does not wait for it."""
    for kind in ("layers", "ops"):
        tuple(catalog.entries(kind).values())


def ordered(items: Iterable[Item]) -> list[Item]:
    """The items as they are shown."""
    return sorted(items, key=lambda item: item.rank)
