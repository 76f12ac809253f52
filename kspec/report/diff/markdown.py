"""A Difference as a comment on a pull request: numbers in a table, steps as a coloured list, details folded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from kspec.comparison.difference import Difference
from kspec.report.cells import escaped
from kspec.report.diff.entries import Entry, entries, followers, section_entries
from kspec.report.diff.numbers import figures, headline, same, unrelated
from kspec.report.diff.weights import carried, left_behind

_MOST = 60
"""So many lines of a list are shown: a comment on GitHub has at most 65,536 characters."""
_LONGEST = 300
_SIGNS = {"+": "+", "-": "-", "~": "!"}
"""GitHub colours lines with these in a `diff` block."""


def markdown(difference: Difference) -> str:
    """The difference as GitHub's Markdown. Names of strangers stand in code only, where nothing is a link."""
    title = f"### {code(difference.a.label)} → {code(difference.b.label)}"
    if not difference:
        return f"{title}\n\n{_sentence(same(difference))}\n"
    if not difference.related:
        parts = [title, _sentence(unrelated(difference)), _table(difference)]
        return "\n\n".join(parts) + "\n"
    parts = [title, f"**{_sentence(headline(difference))}** {_sentence(carried(difference))}", _table(difference)]
    lists = [*entries(difference), *_prefixed("output", difference.outputs), *section_entries(difference.sections)]
    if lists:
        parts.append(_block([_line(entry) for entry in lists], "diff"))
    parts += _folded("Shapes that follow", followers(difference))
    for name, found in left_behind(difference.weights):
        parts += _folded(f"Weights: {name} ({len(found):,})", found)
    renamed = [f"{each.before} → {each.after}" for each in difference.weights.renamed]
    parts += _folded(f"Weights: under another name ({len(renamed):,})", renamed)
    return "\n\n".join(parts) + "\n"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def code(text: str) -> str:
    """Any text as a code span, in which nothing has a meaning."""
    text = escaped(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " if text.startswith("`") or text.endswith("`") or not text.strip() else ""
    return f"{fence}{space}{text}{space}{fence}"


def _table(difference: Difference) -> str:
    rows = [f"| {each.name} | {each.before} | {each.after} | {each.change} |" for each in figures(difference)]
    return "\n".join(["| | before | after | change |", "|:--|--:|--:|--:|", *rows])


def _prefixed(word: str, changes: Sequence[object]) -> Iterator[Entry]:
    for entry in section_entries(changes):  # type: ignore[arg-type]
        yield entry._replace(head=f"{word} {entry.head}")


def _line(entry: Entry) -> str:
    text = f"{entry.head}{': ' if entry.facts else ''}{'; '.join(entry.facts)}"
    return f"{_SIGNS[entry.sign]} {text if len(text) <= _LONGEST else text[: _LONGEST - 1] + '…'}"


def _block(lines: Sequence[str], language: str = "") -> str:
    """Lines as a block of code, behind a fence that none of them ends."""
    shown = [escaped(line) for line in lines[:_MOST]]
    if len(lines) > _MOST:
        shown.append(f"{'# ' if language else ''}… and {len(lines) - _MOST:,} more")
    fence = "`" * max(3, 1 + max((len(run) for line in shown for run in re.findall("`+", line)), default=0))
    return "\n".join([f"{fence}{language}", *shown, fence])


def _folded(title: str, lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    return [f"<details><summary>{title}</summary>\n\n{_block(lines)}\n\n</details>"]
