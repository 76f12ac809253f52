"""The changes of steps as a short list: what is equal is told once, with all the steps that it is told of."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from kspec.comparison.difference import ABSENT, DERIVED, Change, Difference, StepChange
from kspec.comparison.notation import brief, freeze, written
from kspec.comparison.sketch import Step
from kspec.diagnostics import Route

SIGNS = {"added": "+", "removed": "-", "changed": "~"}


_MOST_NAMES = 12


class Entry(NamedTuple):
    """One line of the list."""

    sign: str
    head: str
    """What it is of: `Dense hidden`, `2 copies of transformer: transformer_2, transformer_3`."""
    facts: tuple[str, ...]
    """What there is to say: `units 64 → 128`."""


def entries(difference: Difference) -> list[Entry]:
    """The list, in the order of the first step of each line."""
    groups: dict[object, list[StepChange]] = {}
    sizes = Counter((each.kind, each.within, each.unit) for each in difference.own)
    for each in difference.own:
        alone = sizes[each.kind, each.within, each.unit] == 1  # a step in a block of its own is a step
        one = each._replace(unit=()) if alone else each
        groups.setdefault(_alike(one), []).append(one)
    blocks: dict[object, list[list[StepChange]]] = {}
    order: list[object] = []
    for key, members in groups.items():
        if not members[0].unit:
            order.append(key)
            continue
        same = ("block", members[0].kind, _of(members), tuple(_step_alike(each) for each in members))
        if same not in blocks:
            order.append(same)
        blocks.setdefault(same, []).append(members)
    return [_block(blocks[key]) if key in blocks else _entry(groups[key]) for key in order]


def _alike(change: StepChange) -> object:
    """What steps have in common that are told in one line."""
    if change.unit:
        return (change.kind, change.within, change.unit)
    if change.kind != "changed":
        return (change.kind, _step_alike(change), change.step.route if change.copies > 1 else change.name)
    if change.moved or (change.renamed and _own(change)):
        return change.name
    if change.renamed:
        return ("renamed", change.within)
    facts = tuple((each.path, freeze(each.before), freeze(each.after)) for each in _own(change))
    return (change.step.operation, facts)


def _step_alike(change: StepChange) -> object:
    step = change.step
    return (step.operation, freeze(brief(step.arguments, step.operation)), step.outputs)


def _own(change: StepChange) -> list[Change]:
    """A step's changes without what follows, as copies may stand where other shapes reach them; and without the name
    of the block's use, which is another one in each copy."""
    own = [each for each in change.changes if each.path.split(".")[0] not in DERIVED]
    block, dot, _ = change.step.name.rpartition(".")

    def inside(each: Change) -> Change:
        texts = [re.sub(rf"(?<![\w.]){re.escape(block)}\.", "", str(side)) for side in (each.before, each.after)]
        return Change("from", *texts) if each.path == "from" and dot else each

    return [inside(each) for each in own]


def _block(blocks: Sequence[Sequence[StepChange]]) -> Entry:
    """Whole uses of a block, or copies of a repeat."""
    first = blocks[0]
    names = [_common([each.name for each in block]) for block in blocks]
    of = _of(first)
    count = f"{len(blocks)} copies of {of}" if len(blocks) > 1 else f"{of}"
    shown = _listed([name for name in names if name])
    params = sum(each.step.params for each in first)
    facts = [_plural(len(first), "step"), *([_plural(params, "parameter")] if params else [])]
    each = " each" if len(blocks) > 1 else ""
    return Entry(SIGNS[first[0].kind], f"{count}{f' ({shown})' if shown else ''}", (f"{', '.join(facts)}{each}",))


def _of(block: Sequence[StepChange]) -> str:
    """What a block is called in its spec; copies of a repeat that holds no block are `repeat`."""
    step, depth = block[0].step, len(block[0].unit)
    around: list[Route] = [*step.uses[depth:], step.route]
    named = next((route[1] for route in around if route[:1] == ("blocks",) and len(route) > 1), "repeat")
    return str(named)


def _common(names: Sequence[str]) -> str:
    """What names begin with, up to a dot."""
    parts = [name.split(".") for name in names]
    same = 0
    while all(len(each) > same + 1 and each[same] == parts[0][same] for each in parts):
        same += 1
    return ".".join(parts[0][:same]) or (names[0] if len(names) == 1 else "")


def _entry(members: Sequence[StepChange]) -> Entry:
    first, step = members[0], members[0].step
    if len(members) > 1 and first.renamed:
        renames = [f"{each.before.name} → {each.step.name}" for each in members if each.before is not None]
        more = [f"and {len(renames) - _MOST_NAMES:,} more"] if len(renames) > _MOST_NAMES else []
        return Entry("~", f"{len(members)} steps renamed", (*renames[:_MOST_NAMES], *more))
    head = f"{step.operation} {first.name}" if len(members) == 1 else _several(members)
    return Entry(SIGNS[first.kind], head, tuple(_facts(first, len(members) == 1)))


def _several(members: Sequence[StepChange]) -> str:
    first = members[0]
    names = _listed([each.name for each in members])
    if first.copies > 1 and {each.step.route for each in members} == {first.step.route}:
        everywhere = "in both copies" if first.copies == 2 else f"in all {first.copies} copies"
        here = f"in {len(members)} of {first.copies} copies"
        copies = everywhere if len(members) == first.copies else here
        return f"{first.step.operation} {copies} ({names})"
    return f"{first.step.operation} in {len(members)} steps ({names})"


def _facts(change: StepChange, alone: bool) -> Iterator[str]:
    if change.kind != "changed":
        yield from (f"{key} {written(value, 40)}" for key, value in _given(change.step).items())
        yield from (f"call.{key} {written(value, 40)}" for key, value in change.step.call.items())
        if change.step.inner:
            yield f"{_plural(len(change.step.inner), 'step')} inside"
        if alone and change.takes:
            yield _between(change)
        return
    assert change.before is not None
    if change.renamed:
        yield f"renamed from {change.before.name}"
    if change.moved:
        yield "moved"
    for each in change.changes if alone else _own(change):
        yield fact(each)


def _given(step: Step) -> dict[str, Any]:
    """What is worth saying of a step's arguments."""
    given = brief(step.arguments, step.operation)
    return {key: value for key, value in given.items() if value is not None} if step.kind == "Input" else given


def _between(change: StepChange) -> str:
    feeds = f" to {_listed(change.feeds)}" if change.feeds else ""
    return f"from {change.takes}{feeds}"


def fact(change: Change) -> str:
    """`units 64 → 128`; a value that only one side has stands with none."""
    return f"{change.path} {value(change, change.before)} → {value(change, change.after)}"


def value(change: Change, side: Any) -> str:
    """One side of a change; shapes as Keras shows them."""
    if side is ABSENT:
        return "none"
    if change.path.split(".")[0] == "output" or change.path.endswith(".shape"):
        return shape(side)
    return written(side)


def shape(axes: Any) -> str:
    """`(None, 64)`."""
    if not isinstance(axes, (list, tuple)):
        return written(axes)
    return f"({', '.join(shape(axis) if isinstance(axis, list) else str(axis) for axis in axes)})"


def followers(difference: Difference) -> list[str]:
    """Steps that only give other shapes or dtypes, as one fact for each kind of change."""
    groups: dict[tuple[str, ...], list[StepChange]] = {}
    for each in difference.steps:
        if each.derived:
            groups.setdefault(tuple(fact(change) for change in each.changes), []).append(each)
    return [f"{'; '.join(facts)} in {_listed([each.name for each in members])}" for facts, members in groups.items()]


def section_entries(changes: Sequence[Change]) -> list[Entry]:
    """Changes of sections or outputs; what only one side has is added or removed."""
    found = []
    for change in changes:
        if change.before is ABSENT:
            found.append(Entry("+", change.path, (value(change, change.after),)))
        elif change.after is ABSENT:
            found.append(Entry("-", change.path, (value(change, change.before),)))
        else:
            found.append(Entry("~", change.path, (f"{value(change, change.before)} → {value(change, change.after)}",)))
    return found


def _listed(names: Sequence[str], most: int = 3) -> str:
    """`a, b, c`; of many the first two and the last."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[: most - 1])} … {names[-1]}"


def _plural(count: int, word: str) -> str:
    return f"{count:,} {word}" + ("" if count == 1 else "s")
