"""Anybody's texts, and numbers, as they may stand in Python code that kspec writes."""

from __future__ import annotations

import json


def quoted(text: str) -> str:
    """A string's literal, in double quotes wherever that needs no more escapes.

    Whatever the text holds, Python reads it back as that text.
    """
    plain = repr(text)
    if plain[0] == "'" and '"' not in text:
        return '"' + plain[1:-1].replace("\\'", "'") + '"'
    if plain[0] == "'" and "'" in text and text.count('"') <= text.count("'"):
        return '"' + plain[1:-1].replace("\\'", "'").replace('"', '\\"') + '"'
    return plain


def number(value: float) -> str:
    """A finite number's literal, as a person writes it: `1e-5`."""
    if isinstance(value, int):
        return repr(value)
    text = json.dumps(value)
    digits, e, exponent = text.partition("e")
    return text if not e else f"{digits}e{int(exponent)}"


def harmless(text: str) -> str:
    """A text as it may stand in a docstring: without what could end that."""
    return "".join(char for char in text if char.isprintable() and char not in '\\"')
