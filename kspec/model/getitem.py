"""Python's indices as texts, for `ops.get_item`: a spec has no slices, and `":, 0"` is what a Keras user would type."""

from __future__ import annotations

import re
from typing import Any

_SLICE = re.compile(r"(-?\d{1,9})?\s*:\s*(-?\d{1,9})?\s*(?::\s*(-?\d{1,9})?)?\Z")
_WORDS: dict[str, Any] = {"...": Ellipsis, "None": None, "null": None}


def key_of(value: Any) -> Any:
    """The index that a spec's `key` means: a text as between Python's brackets, a list as one index an axis.

    Raises ValueError.
    """
    if isinstance(value, str):
        items = [_item(part.strip()) for part in value.split(",")]
        # Keras refuses a symbolic `x[1:]` and `x[...]`, and takes `x[1:,]` and `x[...,]`.
        return items[0] if len(items) == 1 and isinstance(items[0], int) else tuple(items)
    return value


def _item(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if re.fullmatch(r"-?\d{1,9}", text):
        return int(text)
    found = _SLICE.match(text)
    if found is None:
        raise ValueError(f'`{text}` is no index: write it as in Python, such as `":, 0"` or `"..., 1:"`')
    return slice(*(int(part) if part is not None else None for part in found.groups()))


def key_text(key: Any) -> Any:
    """An index as a spec writes it. Raises ValueError for one that is neither numbers nor slices."""
    if isinstance(key, (tuple, list)):  # a tuple, once it has been in a file, is a list
        return [int(key[0])] if len(key) == 1 and isinstance(key[0], int) else ", ".join(_text(item) for item in key)
    return key if isinstance(key, int) and not isinstance(key, bool) else _text(key)


def _text(item: Any) -> str:
    if item is Ellipsis:
        return "..."
    if item is None:
        return "None"
    if isinstance(item, slice):
        start, stop, step = ("" if part is None else str(int(part)) for part in (item.start, item.stop, item.step))
        return f"{start}:{stop}" + (f":{step}" if step else "")
    return str(int(item))
