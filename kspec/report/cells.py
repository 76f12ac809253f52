"""Characters as a terminal shows them: how many columns each takes, and what must not reach it raw.

Rich measures too, but importing it costs more than the whole rest of ``kspec check --fast`` may.
"""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

__all__ = ["Cell", "cells", "escaped", "wide"]

TAB = 4
"""Columns between tab stops in an excerpt."""

_JOINER = "\u200d"
_KEPT_FORMATS = frozenset("\u200c\u200d")  # Persian, Indic scripts and emoji are not readable without them
_EMOJI_STYLE = "\ufe0f"
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_HANGUL_VOWELS_AND_FINALS = range(0x1160, 0x1200)


class Cell(NamedTuple):
    """One character of the source as shown: the text to print and the columns it takes (0 for a combining mark)."""

    text: str
    width: int


def cells(text: str) -> list[Cell]:
    """One cell for each character of `text`: tabs become spaces, control characters visible escapes.

    Widths follow Unicode's East Asian Width (UAX 11); a sequence of emoji joined by U+200D counts as one, as in
    current terminals.
    """
    if text.isascii() and text.isprintable():
        return [Cell(character, 1) for character in text]
    out: list[Cell] = []
    column = 0
    before = ""
    for character in text:
        cell = Cell(" " * (TAB - column % TAB), TAB - column % TAB) if character == "\t" else _cell(character, before)
        out.append(cell)
        column += cell.width
        before = character
    return out


def wide(text: str) -> int:
    """The columns that `text` takes when printed; its escapes and tabs are counted as `cells` shows them."""
    if text.isascii() and text.isprintable():
        return len(text)
    return sum(cell.width for cell in cells(text))


def escaped(text: str) -> str:
    r"""`text` with every control, formatting and surrogate character as a visible escape (``\x1b``, ``\u202e``)."""
    if text.isprintable():
        return text
    return "".join(_escape(character) if _hidden(character) else character for character in text)


def _cell(character: str, before: str) -> Cell:
    if _hidden(character):
        shown = _escape(character)
        return Cell(shown, len(shown))
    if character == _EMOJI_STYLE:
        # It asks for the two-column picture of a character that takes one column otherwise.
        return Cell(character, int(bool(before) and _single(before)))
    if before == _JOINER or (ord(character) in _SKIN_TONES and before and not _single(before)):
        return Cell(character, 0)
    return Cell(character, _columns(character))


def _columns(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me"} or character in _KEPT_FORMATS:
        return 0
    if ord(character) in _HANGUL_VOWELS_AND_FINALS:
        return 0
    return 1 if _single(character) else 2


def _single(character: str) -> bool:
    return unicodedata.east_asian_width(character) not in {"W", "F"}


def _hidden(character: str) -> bool:
    """Whether a terminal would obey the character, or hide it, instead of showing it."""
    return unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and character not in _KEPT_FORMATS


def _escape(character: str) -> str:
    code = ord(character)
    if character in "\n\r\t":
        return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}[character]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
