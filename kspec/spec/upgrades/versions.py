"""The versions of the spec format, each with what brings a spec of it to the next: an explicit registry.

Today there is version 1 alone, and before it the files in which the version is missing. A later format adds a row here,
and the text of every older spec is brought through all rows from its own version on.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from kspec.spec.places import SECTIONS, Marks
from kspec.spec.upgrades.edits import Edit, Page


class Version(NamedTuple):
    """A version of the format, what changes with the next one, and the edits that do it, its number apart."""

    number: int
    what: str
    edits: Callable[[Page], list[Edit]]


def _nothing(page: Page) -> list[Edit]:
    return []


VERSIONS = (Version(0, "the first line says the format's version", _nothing),)
"""By number, oldest first; what stands behind the last one is today's format."""


def newest() -> int:
    return VERSIONS[-1].number + 1


def version_of(data: Any) -> int | None:
    """The version of a spec's data: 0 where it is missing, None where the data are no spec or say something else."""
    if not isinstance(data, dict):
        return None
    if "kspec" not in data:
        known = [key for key in data if key in SECTIONS]
        return 0 if {"layers", "blocks", "extends"} & set(known) and 2 * len(known) >= len(data) else None
    given = data["kspec"]
    if isinstance(given, str):
        found = re.fullmatch(r"v?([0-9]{1,4})(\.0)?", given.strip())
        return int(found[1]) if found is not None else None
    return int(given) if type(given) in (int, float) and given == int(given) and given > 0 else None


def numbered(page: Page, number: int) -> Edit | None:
    """The edit by which a text says that it is of a version; None where it does so already, or cannot."""
    data = page.source.data
    if "kspec" in data:
        same = type(data["kspec"]) is int and data["kspec"] == number
        return None if same else _replaced(page, number)
    marks = page.source.marks
    if not isinstance(marks, Marks):
        return None
    start = page.at(marks.start)
    if page.text[start] == "{":
        return Edit(start + 1, start + 1, f"kspec: {number}, ")
    indent = page.text[page.line_start(start) : start]
    return Edit(start, start, f"kspec: {number}{page.line_break()}{indent}")


def _replaced(page: Page, number: int) -> Edit | None:
    node = page.marks(("kspec",))
    if node is None or isinstance(node, Marks):
        return None
    return Edit(page.at(node.start_mark), page.at(node.end_mark), str(number))
