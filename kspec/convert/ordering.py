"""The calls of a model in an order in which chains stand together."""

from __future__ import annotations

from typing import Any, NamedTuple

from kspec.convert.calls import taken
from kspec.model.ends import ends
from kspec.model.private import calls, made_by


class Call(NamedTuple):
    """One call of an operation, by its place among all calls of it."""

    operation: Any
    place: int


def ordered_calls(model: Any) -> list[Call]:
    """Every call that the outputs need, what it takes before it.

    From the outputs on, each branch is followed to its end: steps of a branch stand together. The calls of a shared
    layer keep their order, by which Keras numbers them.
    """
    known = {(id(operation), index): Call(operation, index) for operation, index, _, _ in calls(model)}
    earlier = _earlier(known)
    order: list[Call] = []
    state: dict[tuple[int, int], bool] = {}
    for tensor in ends(model):
        stack = [(_key(tensor), False)]
        while stack:
            key, left = stack.pop()
            if key not in known or state.get(key):
                continue
            if left:
                state[key] = True
                order.append(known[key])
                continue
            if key in state:
                continue
            state[key] = False
            needed = [_key(each) for each in taken(*known[key])]
            if key in earlier:
                needed.insert(0, earlier[key])
            stack.append((key, True))
            stack += [(each, False) for each in reversed(needed)]
    return order


def _key(tensor: Any) -> tuple[int, int]:
    operation, index, _ = made_by(tensor)
    return id(operation), index


def _earlier(known: dict[tuple[int, int], Call]) -> dict[tuple[int, int], tuple[int, int]]:
    """For each call of a shared layer the one before."""
    found: dict[tuple[int, int], tuple[int, int]] = {}
    last: dict[int, tuple[int, int]] = {}
    for key in sorted(known, key=lambda key: key[1]):
        if key[0] in last:
            found[key] = last[key[0]]
        last[key[0]] = key
    return found
