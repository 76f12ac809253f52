"""Names of steps: Keras's own, made such that a spec can have them, each once."""

from __future__ import annotations

import re
from collections.abc import Container

from kspec.spec.schema import NAME, RESERVED

_COUNTED = re.compile(r"(input_layer|functional|sequential)(_[0-9]+)?\Z")
_WRONG = re.compile(r"[\s/$:,\[\]{}]+")


class Numbers:
    """The numbers behind words that are taken: each search for one goes on where the last one stopped."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}

    def free(self, word: str, taken: Container[str], between: str = "_", first: int = 1) -> str:
        """The word, or with the next number behind it where it is taken."""
        stem = f"{word}{between}"
        found, number = word, self._next.get(stem, first)
        while found in taken:
            found = f"{stem}{number}"
            number += 1
        self._next[stem] = number
        return found

    def release(self, word: str) -> None:
        """The word is taken no more: numbers like its own are counted anew."""
        self._next.pop(word.rstrip("0123456789"), None)


class Words:
    """The names that are taken in one graph."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._numbers = Numbers()

    def fresh(self, name: str) -> str:
        """`name`, as far as a spec can have it and nothing else has it; else with a number behind."""
        base = name if NAME.match(name) else _WRONG.sub("_", name)[:180] or "step"
        base = f"{base}_1" if base in RESERVED else base
        found = self._numbers.free(base, self._taken)
        self._taken.add(found)
        return found


def uncounted(name: str) -> str:
    """A name without the number that Keras counts in a session, where it is one that Keras gives by itself."""
    found = _COUNTED.match(name)
    return found[1] if found is not None else name
