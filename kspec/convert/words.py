"""Names of steps: Keras's own, made such that a spec can have them, each once."""

from __future__ import annotations

import re

from kspec.spec.schema import NAME, RESERVED

_COUNTED = re.compile(r"(input_layer|functional|sequential)(_[0-9]+)?\Z")
_WRONG = re.compile(r"[\s/$:,\[\]{}]+")


class Words:
    """The names that are taken in one graph."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._counts: dict[str, int] = {}

    def fresh(self, name: str) -> str:
        """`name`, as far as a spec can have it and nothing else has it; else with a number behind."""
        base = name if NAME.match(name) else _WRONG.sub("_", name)[:180] or "step"
        base = f"{base}_1" if base in RESERVED else base
        found, count = base, self._counts.get(base, 0)
        while found in self._taken:
            count += 1
            found = f"{base}_{count}"
        self._counts[base] = count
        self._taken.add(found)
        return found


def uncounted(name: str) -> str:
    """A name without the number that Keras counts in a session, where it is one that Keras gives by itself."""
    found = _COUNTED.match(name)
    return found[1] if found is not None else name
