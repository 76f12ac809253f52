"""Misspelt words put right in a file's own text: comments and layout stay as they are."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import NamedTuple

from kspec.diagnostics import Problem, proposed
from kspec.spec.source import LINE_BREAK

_CODES = frozenset(
    {
        *("unknown-argument", "unknown-key", "unknown-name", "unknown-object", "unknown-operation", "unknown-output"),
        *("unknown-variable", "unknown-monitor", "wrong-value"),
    }
)
_WORD = re.compile(r"(?P<before>['\"$]?)(?P<word>[A-Za-z_][\w.]*)(?P<after>['\"]?)\Z")
_ALIKE = 0.75
"""How alike two words must be for one to be the other, misspelt; `Linear` is no misspelt `Dense`."""


class Fix(NamedTuple):
    """A word of a file's text and the one that is meant; lines and columns count from 1, in characters."""

    file: str
    line: int
    column: int
    old: str
    new: str


def fix(problem: Problem) -> Fix | None:
    """The correction of a problem that is a misspelt word, and nothing else is possible; None for any other."""
    span, word = problem.span, proposed(problem.help)
    if span is None or not word or problem.code not in _CODES or span.end_line != span.line:
        return None
    old = span.text[span.column - 1 : span.end_column - 1]
    found = _WORD.match(old)
    if found is None or not _is_misspelt(found["word"], word):
        return None
    return Fix(span.file, span.line, span.column, old, f"{found['before']}{word}{found['after']}")


def _is_misspelt(word: str, meant: str) -> bool:
    """Whether a word is another misspelt: much alike, and not by its number alone, as `dense_1` and `dense_2` are."""
    one, other = (text.casefold().replace("_", "") for text in (word, meant))
    if re.sub(r"[0-9]+", "", one) == re.sub(r"[0-9]+", "", other) and one != other:
        return False
    return difflib.SequenceMatcher(None, one, other).ratio() >= _ALIKE


def mended(text: str, fixes: Iterable[Fix]) -> str:
    """A file's text with its corrections; those whose word is not there any more are passed over."""
    starts = [0, *(found.end() for found in LINE_BREAK.finditer(text))]
    for each in sorted(set(fixes), key=lambda each: (each.line, each.column), reverse=True):
        if each.line > len(starts):
            continue
        start = starts[each.line - 1] + each.column - 1
        if text[start : start + len(each.old)] == each.old:
            text = text[:start] + each.new + text[start + len(each.old) :]
    return text
