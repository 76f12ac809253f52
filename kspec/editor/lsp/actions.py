"""Quick fixes: misspelt words put right where only one word can be meant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from kspec.diagnostics import Problem
from kspec.editor.lsp.document import Document
from kspec.editor.lsp.positions import Range
from kspec.spec import mend


class Edit(NamedTuple):
    """A piece of the text and what is to stand there."""

    range: Range
    new: str


class Action(NamedTuple):
    """One thing that an editor offers to do."""

    title: str
    edits: tuple[Edit, ...]
    problem: Problem | None
    """The problem that it mends; None where it mends all."""


def actions(document: Document, problems: Iterable[Problem], place: Range) -> list[Action]:
    """The fixes for problems that touch a piece of the text, and one for all there are in the file."""
    known = [(each, edit) for each in dict.fromkeys(problems) if (edit := _edit(document, each)) is not None]
    found = [
        Action(f"Change to `{edit.new}`", (edit,), problem)
        for problem, edit in known
        if edit.range.start <= place.end and place.start <= edit.range.end
    ]
    everything = tuple(dict.fromkeys(edit for _, edit in known))
    if everything:
        count = f"{len(everything)} misspelt words" if len(everything) > 1 else "the misspelt word"
        found.append(Action(f"Correct {count} of this file", everything, None))
    return found


def _edit(document: Document, problem: Problem) -> Edit | None:
    """The correction of a problem, if its word still stands there."""
    fix = mend.fix(problem)
    if fix is None or not document.is_own(fix.file):
        return None
    start = document.text.place(fix.line, fix.column)
    place = Range(start, start + len(fix.old))
    return Edit(place, fix.new) if document.text.text[place.start : place.end] == fix.old else None
