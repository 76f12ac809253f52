"""A spec's text -> the same in today's words: the format's versions first, then Keras's names, round by round."""

from __future__ import annotations

from bisect import bisect, insort
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from kspec.diagnostics import Problem, SpecError
from kspec.spec.compiled import compile_text
from kspec.spec.source import read
from kspec.spec.upgrades.changes import Change, changes, remarks
from kspec.spec.upgrades.edits import Draft, Edit, Page
from kspec.spec.upgrades.versions import VERSIONS, newest, numbered, version_of

_ROUNDS = 100
"""A change may bring further ones to light, and those that touch the same words take turns."""
_TRIES = 50
"""So often a text is read to find which changes of a round break it."""


class Upgraded(NamedTuple):
    """A text, the line of the original for each of its lines, what was changed, and what is wrong now, located.

    `remarks` are functions that compute otherwise since. A text in which nothing changes is one of today: it means what
    they compute today.
    """

    text: str
    lines: tuple[int, ...]
    changes: tuple[Change, ...]
    problems: tuple[Problem, ...]
    remarks: tuple[Change, ...] = ()


def upgraded(text: str, name: str, folder: Path, trust: Sequence[str] = ()) -> Upgraded:
    """A spec's text as it is written today; `name` is the file's, and paths in the text are relative to `folder`.

    Raises SpecError where the text is no YAML that can be read whole.
    """
    draft, found = _of_the_format(Draft.of(text), name)
    left: set[Change] = set()
    for _ in range(_ROUNDS):
        problems = _problems(draft.text, name, folder, trust)
        here = changes(Page(draft.text, read(draft.text, name)), problems)
        known = {each: each._replace(line=draft.lines[each.line - 1], edits=()) for each in here}
        taken = _apart(each for each in here if known[each] not in left)
        if not taken:
            break
        kept = _readable(draft, taken, name)
        left.update(known[each] for each in taken if each not in kept)
        found += [known[each] for each in kept]
        draft = _edited(draft, kept)
    found.sort(key=lambda each: each.line)
    told = remarks(Page(draft.text, read(draft.text, name))) if found else []
    placed = tuple(each._replace(line=draft.lines[each.line - 1]) for each in told)
    return Upgraded(draft.text, draft.lines, tuple(found), problems, placed)


def _of_the_format(draft: Draft, name: str) -> tuple[Draft, list[Change]]:
    """A text in today's version of the format; as it was where an edit would leave what cannot be read."""
    given, source = draft, read(draft.text, name)
    if source.problems:  # what cannot be read whole is not edited
        raise SpecError(source.problems)
    version = version_of(source.data)
    if version is None or version > newest():
        return draft, []
    found: list[Change] = []
    for step in VERSIONS:
        if step.number >= version:
            draft = draft.edited(step.edits(Page(draft.text, read(draft.text, name))))
            found.append(Change(1, f"format {step.number + 1}: {step.what}", ()))
    edit = numbered(Page(draft.text, read(draft.text, name)), newest())
    if edit is not None:
        draft = draft.edited([edit])
        found = found or [Change(1, f"the version is written `kspec: {newest()}`", ())]
    return (draft, found) if draft is given or _reads(draft.text, name) else (given, [])


def _reads(text: str, name: str) -> bool:
    """Whether a text can be read whole."""
    try:
        return not read(text, name).problems
    except SpecError:
        return False


def _readable(draft: Draft, taken: list[Change], name: str) -> list[Change]:
    """Those of the changes after which the text reads: one by which an anchor goes, say, is left out.

    They are looked for by halves, for a text may be large and what breaks it is rare; after some tries the rest is
    left.
    """
    kept: list[Change] = []
    waiting = [taken]
    for _ in range(_TRIES):
        if not waiting:
            break
        some = waiting.pop()
        if _reads(_edited(draft, [*kept, *some]).text, name):
            kept += some
        elif len(some) > 1:
            waiting += [some[len(some) // 2 :], some[: len(some) // 2]]
    return kept


def _edited(draft: Draft, changes: Iterable[Change]) -> Draft:
    return draft.edited(edit for each in changes for edit in each.edits)


def _problems(text: str, name: str, folder: Path, trust: Sequence[str]) -> tuple[Problem, ...]:
    try:
        return compile_text(text, name=name, folder=folder, trust=trust).warnings
    except SpecError as error:
        return error.problems


def _apart(changes: Iterable[Change]) -> list[Change]:
    """A change is done whole or not at all: one whose words another one touches waits for the next round."""
    taken: list[Change] = []
    edits: list[Edit] = []
    for change in changes:
        places = [(bisect(edits, each), each) for each in change.edits]
        # Of edits in their order the ones around a place are the nearest.
        if not any(_touch(each, other) for at, each in places for other in edits[max(at - 1, 0) : at + 1]):
            taken.append(change)
            for each in change.edits:
                insort(edits, each)
    return taken


def _touch(one: Edit, other: Edit) -> bool:
    return one.start <= other.end and other.start <= one.end
