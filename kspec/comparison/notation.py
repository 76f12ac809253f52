"""Values in a spec's notation: which differ, and how they are written in short."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

from kspec import catalog
from kspec.catalog import Entry
from kspec.comparison.difference import ABSENT, Change


def same(before: Any, after: Any) -> bool:
    """Whether two values mean the same: 1 is 1.0 and not true; a lone number is a list of it, as in `strides: 2`."""
    if isinstance(before, bool) or isinstance(after, bool):
        return before is after
    if isinstance(before, dict) and isinstance(after, dict):
        return before.keys() == after.keys() and all(same(value, after[key]) for key, value in before.items())
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(same, before, after))
    if isinstance(before, list) or isinstance(after, list):
        items, lone = (before, after) if isinstance(before, list) else (after, before)
        return bool(items) and isinstance(lone, (int, float)) and all(same(item, lone) for item in items)
    return bool(before == after)


def changes(before: Any, after: Any, path: str = "") -> Iterator[Change]:
    """Every value that differs, by its path; what is no mapping on both sides differs as a whole."""
    before, after = _by_name(before, after)
    if isinstance(before, dict) and isinstance(after, dict) and not _other_object(before, after):
        for key in [*before, *(key for key in after if key not in before)]:
            inner = f"{path}.{key}" if path else str(key)
            if key not in before or key not in after:
                yield Change(inner, before.get(key, ABSENT), after.get(key, ABSENT))
            else:
                yield from changes(before[key], after[key], inner)
    elif not same(before, after):
        yield Change(path, before, after)


def _by_name(before: Any, after: Any) -> tuple[Any, Any]:
    """Two lists of objects (callbacks, metrics) by their names, where each has its own; else as they are."""
    if not (isinstance(before, list) and isinstance(after, list)):
        return _spelled_alike(before, after)
    named = [{_name(item): _arguments(item) for item in side} for side in (before, after)]
    whole = all(_name(item) for side in (before, after) for item in side)
    if not whole or len(named[0]) < len(before) or len(named[1]) < len(after):
        return before, after
    order = [name for name in named[0] if name in named[1]] == [name for name in named[1] if name in named[0]]
    return (
        (named[0], named[1]) if order and any(isinstance(item, dict) for item in (*before, *after)) else (before, after)
    )


def _spelled_alike(before: Any, after: Any) -> tuple[Any, Any]:
    """`Adam` beside `{Adam: {…}}` is `{Adam: {}}`."""
    for one, other in ((before, after), (after, before)):
        if isinstance(one, str) and isinstance(other, dict) and set(other) == {one}:
            return ({one: {}}, other) if one is before else (other, {one: {}})
    return before, after


def _name(item: Any) -> str:
    if isinstance(item, dict) and len(item) == 1:
        return str(next(iter(item)))
    return item if isinstance(item, str) else ""


def _arguments(item: Any) -> Any:
    return next(iter(item.values())) if isinstance(item, dict) else {}


def _other_object(before: dict[Any, Any], after: dict[Any, Any]) -> bool:
    """Whether both are Keras objects, of two classes: those are compared as a whole."""
    if len(before) != 1 or len(after) != 1:
        return False
    (one,), (other,) = before, after
    return one != other and all(isinstance(name, str) and bool(_entries(name)) for name in (one, other))


@functools.cache
def _entries(name: str) -> tuple[Entry, ...]:
    found = (catalog.find(kind, name) for kind in catalog.kinds_of(name))
    return tuple(entry for entry in found if entry is not None)


def brief(arguments: Mapping[str, Any], operation: str = "") -> dict[str, Any]:
    """Arguments without those that are Keras's defaults."""
    kind = "ops" if operation.startswith("ops.") else "layers"
    entry = catalog.find(kind, operation) if operation else None
    return _without_defaults(arguments, entry)


def short(value: Any) -> Any:
    """A value with every object in it as a spec would write it: `Zeros`, `{L2: {l2: 0.1}}`."""
    if isinstance(value, dict) and len(value) == 1:
        ((name, inner),) = value.items()
        entries = _entries(name) if isinstance(name, str) else ()
        if entries and isinstance(inner, dict):
            rest = _without_defaults(inner, entries[0])
            return {name: rest} if rest else name
    if isinstance(value, dict):
        return {key: short(item) for key, item in value.items()}
    return [short(item) for item in value] if isinstance(value, list) else value


def _without_defaults(arguments: Mapping[str, Any], entry: Entry | None) -> dict[str, Any]:
    kept = {}
    for key, value in arguments.items():
        written = short(value)
        parameter = entry.parameter(key) if entry is not None else None
        if parameter is None or parameter.required or not _is_default(written, parameter.default):
            kept[key] = written
    return kept


_UNSET = ("linear", "channels_last")
"""What Keras makes of no activation and no data format."""


def _is_default(value: Any, default: Any) -> bool:
    if same(value, default) or (default is None and value in _UNSET):
        return True
    if not isinstance(value, str) or not isinstance(default, str):
        return False
    return any(default in (entry.name, *entry.identifiers) for entry in _entries(value))


def written(value: Any, most: int = 60) -> str:
    """A value on one line, as YAML's flow style has it; a long one is cut."""
    text = _flow(short(value))
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _flow(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value[:40]))}{', …' if len(value) > 40 else ''}]"
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def freeze(value: Any) -> Any:
    """A value that can be a key in a mapping."""
    if isinstance(value, Mapping):
        return tuple(sorted((str(key), freeze(item)) for key, item in value.items()))
    if isinstance(value, (list, tuple)):
        return tuple(map(freeze, value))
    return (type(value).__name__, value) if isinstance(value, bool) else value
