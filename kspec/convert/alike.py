"""Nested blocks that differ in numbers alone, their names' among them -> one block with variables."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from typing import Any

from kspec.convert.chains import Step
from kspec.convert.notation import frozen_text
from kspec.convert.shapes import chains_in, shape
from kspec.convert.unify import unify
from kspec.spec.blocks import TAKE_MODELS
from kspec.spec.canonical import is_word
from kspec.spec.schema import RESERVED

Nested = dict[str, dict[str, Any]]

_COUNTED = re.compile(r"(_block)?[_.]?[0-9]+|_block\Z|.*\.(?![0-9])")
"""What of a name is no word of its own: numbers, what the speller adds to a name that is taken, models around it."""


def merge_alike(nested: Nested, top: list[Step]) -> None:
    """Make one block of those that differ in numbers alone, in place; their uses, in `top` and in `nested`, give what
    differs. `block_0` and `block_1` may be one; an `encoder` and a `decoder` remain what they are called."""
    groups: dict[Any, list[str]] = defaultdict(list)
    for name, body in nested.items():
        rest = frozen_text({key: value for key, value in body.items() if key != "layers"})
        groups[_COUNTED.sub("", name), rest, tuple(shape(step, ()) for step in body["layers"])].append(name)
    uses: dict[str, Step] = {}
    for names in groups.values():
        unified = unify([nested[name]["layers"] for name in names], ()) if len(names) > 1 else None
        if unified is None or not unified.variables:
            continue
        heads = {key: value for key, value in nested[names[0]].items() if key not in ("layers", "outputs")}
        ends = {key: value for key, value in nested[names[0]].items() if key == "outputs"}
        body = {**heads, "vars": dict.fromkeys(unified.variables), "layers": unified.steps, **ends}
        merged = _common(names, nested)
        renamed = {merged if name == names[0] else name: each for name, each in nested.items() if name not in names[1:]}
        nested.clear()
        nested.update(renamed | {merged: body})
        uses |= {name: {merged: values} for name, values in zip(names, unified.values, strict=True)}
    _use(uses, [top, *(body["layers"] for body in nested.values())])


def _common(names: list[str], taken: Nested) -> str:
    """What the names have in common, as `block` of `block_0` and `block_1`; the first where that is no name."""
    same = itertools.takewhile(lambda each: len(set(each)) == 1, zip(*names, strict=False))
    whole = "".join(each[0] for each in same)
    if whole in names:
        return whole
    found = re.sub(r"[_.]?[0-9]*\Z", "", whole)
    is_stem = all(re.fullmatch(r"[_.]?[0-9].*", name[len(found) :]) for name in names)
    is_free = found not in taken and not is_word(found) and found not in RESERVED
    return found if found and is_stem and is_free else names[0]


def _use(uses: dict[str, Step], chains: list[list[Step]]) -> None:
    """Put the block that there is now into steps that use one that is gone."""
    for chain in chains:
        for place, step in enumerate(chain):
            key = next(iter(step))
            if key in uses:
                chain[place] = {**uses[key], **{word: value for word, value in step.items() if word != key}}
            elif key in TAKE_MODELS:
                chain[place] = {**step, key: {**step[key], "layer": _held(step[key]["layer"], uses)}}
            _use(uses, chains_in(step))


def _held(value: Any, uses: dict[str, Step]) -> Any:
    """What a layer is around, where that is a block that is gone with the one that there is now."""
    block = next(iter(value)) if isinstance(value, dict) and len(value) == 1 else None
    if block not in uses:
        return value
    ((merged, values),) = uses[block].items()
    return {merged: {**values, **value[block]}}
