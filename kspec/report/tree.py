"""A plan's tree as lines: blocks, repeats and models with what is in them, as deep as they are unfolded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from kspec.model.outline import Group, Item
from kspec.model.plan import Call

__all__ = ["Line", "tree"]


class Line(NamedTuple):
    """A line of a tree: a call, or a group with all calls in it."""

    depth: int
    label: str
    """The name without those of the groups around it."""
    operation: str
    times: int
    """For how many equal ones it stands: itself, and the copies around it."""
    call: Call | None
    """None for a group that is no model."""
    calls: tuple[tuple[Call, int], ...]
    """All calls, each with how often it is there; of a call itself and of a model one."""
    group: Group | None = None
    folded: bool = False
    path: tuple[str, ...] = ()
    """The names of the models around it."""


def tree(items: Sequence[Item], depth: int | None = None, models: int | None = 0) -> list[Line]:
    """The lines of an outline. Blocks are unfolded `depth` levels deep, models `models` levels; None is all of them."""
    return list(_lines(items, _State(0, "", 1, (), depth, models)))


class _State(NamedTuple):
    depth: int
    around: str
    times: int
    path: tuple[str, ...]
    left: int | None
    models: int | None


def _lines(items: Iterable[Item], state: _State) -> Iterator[Line]:
    for item in items:
        if isinstance(item, Call):
            label = _without(item.name, state.around)
            yield Line(state.depth, label, item.operation, state.times, item, ((item, 1),), path=state.path)
        elif item.kind == "model":
            yield from _model(item, state)
        elif item.kind == "copy":  # one of several kinds
            yield from _group(item, state, "")
        elif item.kind == "repeat" and len(item.items) == 1 and isinstance(item.items[0], Group):
            yield from _copies(item.items[0], state)  # all copies are equal
        else:
            yield from _group(item, state, item.of if item.kind == "block" else f"repeat of {_number(item)}")


def _number(group: Group) -> int:
    return sum(item.copies for item in group.items if isinstance(item, Group))


def _copies(group: Group, state: _State) -> Iterator[Line]:
    """Equal copies of a repeat."""
    yield from _group(group, state, f"× {group.copies}")


def _group(group: Group, state: _State, title: str) -> Iterator[Line]:
    folded = state.left == 0
    label = _without(group.name, state.around) if group.kind == "block" else "repeat"
    if title == "":
        first = int(group.route[-1]) + 1  # the place of a copy in its repeat
        label = f"copy {first}" if group.copies == 1 else f"copies {first}–{first + group.copies - 1}"
        title = "" if group.copies == 1 else f"× {group.copies}"
    calls = tuple(_counted(group, group.copies))
    operation = title if group.kind != "block" else f"block {title}" if title != label else "block"
    yield Line(state.depth, label, operation, state.times, None, calls, group, folded, state.path)
    if not folded:
        around = group.name or state.around
        times = state.times * group.copies
        left = None if state.left is None else state.left - 1
        yield from _lines(group.items, _State(state.depth + 1, around, times, state.path, left, state.models))


def _model(group: Group, state: _State) -> Iterator[Line]:
    call = group.call
    assert call is not None
    folded = state.models == 0
    label = _without(call.name, state.around)
    yield Line(state.depth, label, call.operation, state.times, call, ((call, 1),), group, folded, state.path)
    if not folded:
        models = None if state.models is None else state.models - 1
        inner = _State(state.depth + 1, "", state.times, (*state.path, call.name), state.left, models)
        yield from _lines(group.items, inner)


def _counted(item: Item, times: int) -> Iterator[tuple[Call, int]]:
    if isinstance(item, Call):
        yield item, times
    elif item.call is not None:
        yield item.call, times
    else:
        for each in item.items:
            yield from _counted(each, times * (each.copies if isinstance(each, Group) else 1))


def _without(name: str, around: str) -> str:
    return name.removeprefix(f"{around}.") if around else name
