"""Plain values: whether one fits a type of the catalogue, how a message shows it, and what to write in its place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from kspec.diagnostics import listing
from kspec.spec import python

MAX_SIZE = 2**31 - 1
"""The largest whole number that a layer may be given: beyond it no tensor's axis can be indexed."""

_PHRASES = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a text",
    "list": "a list",
    "dict": "a mapping",
}
_SINGULAR = {
    "losses": "loss",
    "dtype_policies": "dtype policy",
    "ops": "keras.ops function",
    "schedules": "learning-rate schedule",
}
_FEW = 4
"""So many choices are named in a message; more of them in the help."""

_PLAIN = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?\Z")
"""What YAML reads as a number where it is not quoted."""
_BASED = re.compile(r"[-+]?0[bBoOxX][0-9a-fA-F_]+\Z")
_GROUPED = re.compile(r"[-+]?[0-9]{1,3}([_,'][0-9]{3})+(\.[0-9]+)?\Z|[-+]?[0-9][0-9_]*(\.[0-9_]*)?\Z")
_DECIMAL_COMMA = re.compile(r"[-+]?[0-9]+,[0-9]+\Z")
_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*%\Z")
_ARITHMETIC = re.compile(r"[-+]?[0-9.]+(?:e-?[0-9]+)?(\s*(\*\*?|//?)\s*[-+]?[0-9.]+(?:e-?[0-9]+)?)+\Z")
_OPERATOR = re.compile(r"\s*(\*\*|//|[*/])\s*")
_UNSPACED = re.compile(r"([A-Za-z_][A-Za-z_0-9]*):([^\s:/].*)\Z")
_NO_GROUPS = str.maketrans("", "", "_,'")
_DASHES = str.maketrans("‐‑‒–—−", "------")
_TRUE, _FALSE = ("yes", "on", "true", "y", "t"), ("no", "off", "false", "n", "f")


def fits(value: Any, type: str) -> bool:
    """Whether a value is of one of the types joined by ``|``; a whole number is a number, nothing else is coerced."""
    words = type.split("|")
    name = "null" if value is None else value.__class__.__name__
    return name in words or (name == "int" and "float" in words)


def items_fit(value: list[Any], type: str) -> tuple[tuple[int, ...], Any] | None:
    """Where in a (nested) list of numbers the first item stands that is none, and the item; None where all are.

    Only where the type says what the list holds: numbers, or a number in its place, as in ``int|list``. null passes,
    for in some lists it is an axis of any size.
    """
    words = type.split("|")
    wanted = "float" if "float" in words else "int" if "int" in words else ""
    if not wanted or "str" in words or "list" not in words:
        return None
    for place, item in _leaves(value, ()):
        name = item.__class__.__name__
        if item is not None and name not in ("int", wanted):
            return place, item
    return None


def _leaves(value: list[Any], place: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Any]]:
    for index, item in enumerate(value):
        if item.__class__ is list:
            yield from _leaves(item, (*place, index))
        else:
            yield (*place, index), item


def spaced(text: object) -> str:
    """``units: 64`` for ``units:64``, which YAML reads as one word; an empty text for anything else."""
    found = _UNSPACED.match(text) if isinstance(text, str) and len(text) <= 100 else None
    return f"{found[1]}: {found[2]}" if found else ""


def oversized(value: Any) -> bool:
    """Whether a whole number, or one in a list, is beyond any tensor's size."""
    if isinstance(value, list):
        return any(oversized(item) for item in value)
    return isinstance(value, int) and abs(value) > MAX_SIZE


def shown(value: Any) -> str:
    """A value as a person would point at it."""
    if isinstance(value, str):
        return f"the text `{value if len(value) <= 40 else value[:40] + '…'}`"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    text = f"{value:,}" if isinstance(value, int) else repr(value)
    return text if len(text) <= 40 else text[:40] + "…"


def one(kind: str) -> str:
    """``a loss``, ``an initializer``: one object of a kind of the catalogue."""
    name = singular(kind)
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def singular(kind: str) -> str:
    return _SINGULAR.get(kind, kind.rstrip("s"))


def expected(type: str | None, kind: str | None, choices: Sequence[str] | None) -> str:
    """What a parameter accepts, in words: its object, its choices or its types; that null will do need not be said."""
    words = [word for word in (type or "").split("|") if word and word != "null"]
    phrases = [one(kind)] if kind is not None else []
    if choices is not None and "str" in words:
        words.remove("str")
        phrases += [f"`{choice}`" for choice in choices] if len(choices) <= _FEW else ["one of Keras's words for it"]
    phrases += [_PHRASES.get(word, word) for word in words] or ([] if phrases else ["null"])
    return f"{', '.join(phrases[:-1])} or {phrases[-1]}" if len(phrases) > 1 else phrases[0]


def instead(value: Any, type: str, choices: Sequence[str] | None = None) -> str:
    """Help for a value of a wrong type: the text to write where one can tell what is meant, else nothing."""
    words = type.split("|")
    if isinstance(value, str):
        found = _for_text(value.strip(), words)
        if found:
            return found
    if isinstance(value, float) and value.is_integer() and "int" in words:
        return f"write `{int(value)}`"
    if value is None and choices is None:
        return ""
    return f"one of {listing(choices, 20)}" if choices is not None and len(choices) > _FEW else ""


def _for_text(text: str, words: list[str]) -> str:
    if text in ("None", "none", "nil") and "null" in words:
        return "write `null`"
    if "list" in words and (items := python.listed(text)):
        return f"remove the quotes: {text}" if text.startswith("[") else f"write `{items}`"
    if "int" in words or "float" in words:
        return _number(text, whole="float" not in words)
    if "bool" in words and text.casefold() in (*_TRUE, *_FALSE):
        return "write `true`" if text.casefold() in _TRUE else "write `false`"
    return ""


def _number(text: str, *, whole: bool) -> str:
    """A number that a person meant: quoted, grouped, in another base, a fraction, a percentage, a long dash."""
    plain = text.translate(_DASHES)
    if plain != text and _PLAIN.match(plain) and not (whole and not plain.lstrip("+-").isdigit()):
        return f"write `{plain}`"
    if _PLAIN.match(text):  # YAML would have read a number: it is in quotes
        if not whole or text.lstrip("+-").isdigit():
            return f"remove the quotes: {text}"
        return ""
    if _GROUPED.match(text):
        digits = text.translate(_NO_GROUPS)
        return f"write `{digits}`" if not whole or "." not in digits else ""
    if _BASED.match(text):
        try:
            return f"write `{int(text, 0)}`"
        except ValueError:
            return ""
    if _ARITHMETIC.match(text) and len(text) <= 40:
        spaced = _OPERATOR.sub(r" \1 ", text)
        return f"write `$({spaced})`"
    if not whole and _DECIMAL_COMMA.match(text):
        return f"write `{text.replace(',', '.')}`"
    if not whole and (found := _PERCENT.match(text)) is not None:
        return f"write `{float(found[1]) / 100:g}`"
    return ""
