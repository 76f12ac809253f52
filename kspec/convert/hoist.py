"""Long arguments that stand in many places (initializers, say) -> variables of the spec."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from kspec.convert.notation import frozen_text

_LONG = 30
_OFTEN = 3
_SHORT = {"initializer": "init", "regularizer": "regularizer", "constraint": "constraint"}
MARK = "\1"
"""Stands before a spec's variable where blocks are looked for, whose own variables are something else."""


def hoist(steps: list[Any]) -> dict[str, Any]:
    """Put a marked variable in the place of each long object that stands there often; the variables, by name."""
    counts: Counter[str] = Counter()
    values: dict[str, tuple[str, Any]] = {}
    for around, key in _objects(steps):
        text = frozen_text(around[key])
        counts[text] += 1
        values.setdefault(text, (key, around[key]))
    variables: dict[str, Any] = {}
    names: dict[str, str] = {}
    for text, count in counts.items():
        if count >= _OFTEN and len(text) >= _LONG:
            key, value = values[text]
            base = _SHORT[key.rpartition("_")[2]]
            names[text] = name = base if base not in variables else f"{base}_{len(variables) + 1}"
            variables[name] = value
    for around, key in list(_objects(steps)):
        known = names.get(frozen_text(around[key]))
        if known is not None:
            around[key] = MARK + known
    return variables


def unmarked(value: Any) -> Any:
    """Steps with the spec's variables as they are written."""
    if isinstance(value, dict):
        return {key: unmarked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [unmarked(item) for item in value]
    return f"${value[1:]}" if isinstance(value, str) and value.startswith(MARK) else value


def _objects(value: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Every Keras object among arguments: the mapping that it is in, and its key there."""
    if isinstance(value, dict):
        for key, item in value.items():
            if _is_object(key, item):
                yield value, key
            else:
                yield from _objects(item)
    elif isinstance(value, list):
        for item in value:
            yield from _objects(item)


def _is_object(key: Any, value: Any) -> bool:
    """Whether an argument is an object with arguments of its own, such as an initializer."""
    if not isinstance(key, str) or key.rpartition("_")[2] not in _SHORT:
        return False
    return isinstance(value, dict) and len(value) == 1
