"""The differences of several specs from one revision."""

from __future__ import annotations

import json as plain
from collections.abc import Sequence

from kspec.comparison.difference import Reviewed
from kspec.report.ansi import paint
from kspec.report.cells import escaped
from kspec.report.diff import json as one_json
from kspec.report.diff import markdown as one_markdown
from kspec.report.diff import text as one_text

LONGEST = 60_000
"""Characters of a Markdown text: a comment on GitHub has at most 65,536."""


def text(revision: str, found: Sequence[Reviewed], colour: bool, width: int) -> str:
    """For a terminal."""
    parts = [
        one_text.text(each.difference, colour, width)
        if each.difference is not None
        else f"{paint(escaped(each.path), 'bold', colour)}: {escaped(each.note)}\n"
        for each in found
    ]
    return "\n".join([*parts, f"{_sum(revision, found)}\n"])


def markdown(revision: str, found: Sequence[Reviewed], colour: bool, width: int) -> str:
    """For a pull request: what does not fit in a comment is counted."""
    kept: list[str] = []
    room = LONGEST
    for place, each in enumerate(found):
        text = _part(each)
        room -= len(text) + 1
        if room < 0:
            kept.append(f"… and {len(found) - place:,} more: this comment has no room for them.\n")
            break
        kept.append(text)
    return "\n".join([*kept, f"{_sum(one_markdown.code(revision), found)}\n"])


def _part(each: Reviewed) -> str:
    if each.difference is not None:
        return one_markdown.markdown(each.difference)
    note = one_markdown.code(each.note) if ":" in each.note else each.note  # a file's name stands in it
    return f"### {one_markdown.code(each.path)}: {note}\n"


def json(revision: str, found: Sequence[Reviewed], colour: bool, width: int) -> str:
    """A list of the objects that a single difference is."""
    data = [plain.loads(one_json.json(each.difference)) for each in found if each.difference is not None]
    return plain.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _sum(revision: str, found: Sequence[Reviewed]) -> str:
    """`2 specs differ from main, 1 is new`."""
    differ = sum(each.difference is not None for each in found)
    parts = [f"{differ} spec{'s differ' if differ != 1 else ' differs'} from {revision}"] if differ else []
    for note in ("new", "deleted"):
        count = sum(each.note == note for each in found)
        parts += [f"{count} {'is' if count == 1 else 'are'} {note}"] if count else []
    wrong = sum(bool(each.problems) for each in found)
    parts += [f"{wrong} cannot be compared"] if wrong else []
    return ", ".join(parts) or f"no spec differs from {revision}"
