"""Steps in their uniform form -> as people write them: short forms, `residual`, `input`."""

from __future__ import annotations

from typing import Any

from kspec import catalog
from kspec.convert.chains import FIXED, Step
from kspec.convert.shapes import operation_of, words_of
from kspec.spec.blocks import TAKE_MODELS

Firsts = dict[str, tuple[str, ...]]
"""Blocks with their variables."""


def polished(steps: list[Step], blocks: Firsts, *, inside: bool) -> list[Any]:
    """The steps as they are written; `inside` tells that the chain's input has the name `input`."""
    result: list[Any] = []
    for place, step in enumerate(steps):
        result += _step(step, blocks, inside and place == 0)
    return result


def _step(step: Step, blocks: Firsts, at_start: bool) -> list[Any]:
    key = operation_of(step)
    words = {word: value for word, value in words_of(step).items() if word not in ("name", "from")}
    beside = {word: step[word] for word in ("name", "from") if word in step}
    if key == "parallel":
        return _parallel(step, blocks, at_start and not beside)
    if key == "repeat":
        return [{"repeat": step[key], **beside, "layers": polished(step["layers"], blocks, inside=True)}]
    short = _short(key, step[key], blocks)
    if not beside and not words:
        return [key if short is None else {key: short}]
    return [{key: {} if short is None else short, **beside, **words}]


def _parallel(step: Step, blocks: Firsts, at_start: bool) -> list[Any]:
    chains, merge = step["parallel"], step["merge"]
    name = operation_of(merge)
    beside = {word: step[word] for word in ("name", "from") if word in step}
    short = _short(name, merge[name], blocks)
    joined = name if short is None else {name: short}
    if len(chains) == 2 and not chains[0] and at_start:
        inner = polished(chains[1], blocks, inside=True)
        return [*inner, {name: {} if short is None else short, "from": ["input", "previous"]}]
    if len(chains) == 2 and not chains[1]:
        merged = {} if joined == "Add" else {"merge": joined}
        return [{"residual": polished(chains[0], blocks, inside=True), **beside, **merged}]
    written = [polished(chain, blocks, inside=True) for chain in chains]
    return [{"parallel": written, **beside, "merge": joined}]


def _short(key: str, value: Any, blocks: Firsts) -> Any:
    """Arguments as they are written behind the colon: the first alone by its value; None for none."""
    if not isinstance(value, dict):
        return value  # of `reuse`
    if not value:
        return None
    if len(value) > 1:
        return value
    ((only, item),) = value.items()
    if key in TAKE_MODELS and next(iter(item)) in blocks:
        ((block, given),) = item.items()
        return {block: given} if given else block
    first = blocks[key][0] if blocks.get(key) else _first(key, only)
    plain = isinstance(item, (int, float, bool)) or (isinstance(item, str) and item != "")
    return item if only == first and (plain or _is_numbers(item)) else value


_PLAIN_ENOUGH = ("padding", "pool_size", "size")


def _first(key: str, only: str) -> str:
    """The parameter whose value may stand alone and tell what it is: `BatchNormalization: 3` would not."""
    entry = catalog.find("ops" if key.startswith("ops.") else "layers", key)
    if entry is None or not entry.parameters:
        return ""
    first = entry.parameters[0]
    return first.name if first.required or only in _PLAIN_ENOUGH else ""


def _is_numbers(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, int) for item in value)


def without_marks(steps: list[Step]) -> None:
    """Take away what only `fold` needs."""
    for step in steps:
        step.pop(FIXED, None)
        for chain in step.get("parallel", ()):
            without_marks(chain)
        if "merge" in step:
            without_marks([step["merge"]])
        if "repeat" in step:
            without_marks(step["layers"])
