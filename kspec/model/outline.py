"""A plan's calls as a tree: what stands in a block, in a repeat, in a model that is a step; equal copies folded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Literal, NamedTuple

from kspec.diagnostics import Route
from kspec.model.plan import Call, Plan


class Group(NamedTuple):
    """Calls that belong together. Numbers of it are those of `items` times `copies`."""

    kind: Literal["block", "repeat", "copy", "model"]
    name: str
    """The complete name of a block or a model, `stack.bottleneck_1`; of a repeat, and of a copy of one, no name."""
    of: str
    """The block's name as the spec has it; `repeat`; a model's file, or `model`."""
    items: tuple[Item, ...]
    copies: int = 1
    """How many equal ones stand one after another, of which the first is shown."""
    route: Route = ()
    call: Call | None = None
    """The row of a model that is a step."""
    rest: tuple[Group, ...] = ()
    """The equal ones that are not shown."""

    def calls(self) -> Iterator[Call]:
        """Those inside, of the first of equal copies; models as one."""
        for item in self.items if self.call is None else (self.call,):
            if isinstance(item, Call):
                yield item
            else:
                yield from item.calls()


Item = Call | Group


def outline(plan: Plan) -> tuple[Item, ...]:
    """The tree of a plan. Copies of a repeat that are equal but for names are one group, with their number."""
    return _items(plan.calls, 0)


def _items(calls: Sequence[Call], depth: int) -> tuple[Item, ...]:
    """`calls` that share their first `depth` uses."""
    found: list[Item] = []
    places: dict[Route, int] = {}
    inside: dict[Route, list[Call]] = {}
    for call in calls:
        if len(call.uses) <= depth:
            found.append(_model(call) if call.inner else call)
            continue
        key = _key(call.uses[depth])
        if key not in inside:  # branches may be mixed with what is beside them: a group stands where it begins
            places[key], inside[key] = len(found), []
            found.append(call)
        inside[key].append(call)
    for key, members in inside.items():
        found[places[key]] = (
            _repeat(key, members, depth) if _is_copy(members[0].uses[depth]) else _block(members, depth)
        )
    return tuple(found)


def _is_copy(use: Route) -> bool:
    return len(use) > 1 and use[-2] == "repeat" and isinstance(use[-1], int)


def _key(use: Route) -> Route:
    return use[:-1] if _is_copy(use) else use


def _block(calls: Sequence[Call], depth: int) -> Group:
    first = calls[0]
    inner = first.uses[depth + 1] if len(first.uses) > depth + 1 else first.route
    of = str(inner[1]) if inner[:1] == ("blocks",) and len(inner) > 1 else "block"
    parts = sum(not _is_copy(use) for use in first.uses[: depth + 1])
    name = ".".join(first.name.split(".")[:parts])
    return Group("block", name, of, _items(calls, depth + 1), 1, first.uses[depth])


def _repeat(key: Route, calls: Sequence[Call], depth: int) -> Group:
    copies = [
        Group("copy", "", "repeat", _items(list(members), depth + 1), 1, use)
        for use, members in groupby(calls, lambda call: call.uses[depth])
    ]
    return Group("repeat", "", "repeat", tuple(_folded(copies)), 1, key)


def _folded(copies: Iterable[Group]) -> Iterator[Group]:
    for _, equal in groupby(copies, shape):
        first, *others = equal
        yield first._replace(copies=1 + len(others), rest=tuple(others))


def shape(item: Item) -> object:
    """What two items have in common that differ in nothing but their names."""
    if isinstance(item, Call):
        sizes = (item.params, item.trainable, item.frozen, item.weight_bytes)
        return (item.operation, item.outputs, item.arguments, *sizes, item.shared, tuple(map(shape, item.inner)))
    return (item.kind, item.of, item.copies, tuple(map(shape, item.items)))


def twins(items: Iterable[Item]) -> Iterator[tuple[Call, Call]]:
    """Each call of a copy that is folded away, with the one that is shown for it."""
    for item in items:
        if not isinstance(item, Call):
            yield from twins(item.items)
            for other in item.rest:
                yield from zip(_every(other.items), _every(item.items), strict=True)


def _every(items: Iterable[Item]) -> Iterator[Call]:
    """The calls of all copies; models as one."""
    for item in items:
        if isinstance(item, Call):
            yield item
        elif item.call is not None:
            yield item.call
        else:
            for each in (item, *item.rest):
                yield from _every(each.items)


def _model(call: Call) -> Group:
    return Group("model", call.name, call.operation, _items(call.inner, 0), 1, call.route, call)


def total(items: Iterable[Item], number: Callable[[Call], int]) -> int:
    """The sum of a number over all calls, folded copies counted as often as they are; of models their own row's."""
    return sum(
        number(item)
        if isinstance(item, Call)
        else number(item.call)
        if item.call is not None
        else item.copies * total(item.items, number)
        for item in items
    )
