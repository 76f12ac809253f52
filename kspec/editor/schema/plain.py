"""Plain values: types, and the texts that stand for a value, `$name` and `$(…)` above all."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from kspec.editor.schema.definitions import Schema, reference

DOLLAR = r"\$"
"""A text with a variable or an expression in it: what it gives is not known, so it may stand anywhere."""
EXPONENT = r"^[-+]?[0-9.]+[eE][-+]?[0-9]+$"
"""A number that a parser of YAML 1.1 reads as a text: `1e-3`."""

_TYPES = {
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "str": "string",
    "list": "array",
    "dict": "object",
    "null": "null",
}


def value(words: Iterable[str]) -> Schema:
    """A value of one of the catalogue's types (`int`, `float`, `bool`, `str`, `list`, `dict`, `null`)."""
    words = tuple(words)
    schema: Schema = {"type": _listed([_TYPES[word] for word in words])}
    if "str" not in words:
        schema["pattern"] = either(EXPONENT, DOLLAR) if "float" in words else DOLLAR
    if "list" in words and "str" not in words and (items := "float" if "float" in words else "int") in words:
        schema["items"] = reference("numbers" if items == "float" else "whole numbers")
    return schema


def choice(choices: Iterable[str], words: Iterable[str], upper: bool = False) -> Schema:
    """One of the words, else a value of further types. `upper`: in capitals too.

    The one union there is: its branches never share a type, and an `enum` is what editors complete.
    """
    choices = tuple(choices)
    other = {**value([word for word in words if word != "str"]), "pattern": DOLLAR}
    if upper:
        other["pattern"] = either(exactly([*map(str.upper, choices), *map(str.capitalize, choices)]), DOLLAR)
    return {"anyOf": [{"enum": list(choices)}, other]}


def exactly(words: Iterable[str]) -> str:
    """A pattern of these words and nothing else."""
    return f"^({'|'.join(map(_quoted, words))})$"


def none_of(words: Iterable[str]) -> str:
    """A pattern of everything but these words."""
    return f"^(?!({'|'.join(map(_quoted, words))})$)"


def either(*patterns: str) -> str:
    """A pattern of what one of the patterns finds."""
    return "|".join(pattern for pattern in patterns if pattern)


def definitions() -> dict[str, Schema]:
    """Lists of numbers, of any depth; null is an axis of any size."""
    return {"numbers": _items("float", "numbers"), "whole numbers": _items("int", "whole numbers")}


def _items(word: str, name: str) -> Schema:
    types = value([word, "null"])
    types["type"].append("array")
    return {**types, "errorMessage": f"the list is of {name}", **items(reference(name))}


def items(schema: Schema) -> Schema:
    """A list's items, said so that an editor does not begin a list wherever one may stand.

    Where a definition comes back to itself, yaml-language-server also follows bare `items` without end.
    """
    return {"if": {"type": "array"}, "then": {"items": schema}}


def _listed(types: list[str]) -> list[str]:
    return types if "string" in types else [*types, "string"]


def _quoted(word: Any) -> str:
    """For ECMA's regular expressions with the flag `u`, which refuse an escape that escapes nothing."""
    return re.sub(r"([.^$*+?()\[\]{}|\\/])", r"\\\1", str(word))
