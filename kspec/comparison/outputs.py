"""What changed about a model's outputs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from kspec.comparison.difference import ABSENT, Change
from kspec.comparison.sketch import Key, Output
from kspec.comparison.steps import tensors
from kspec.comparison.wiring import Wiring


def changed_outputs(before: Sequence[Output], after: Sequence[Output], wiring: Wiring) -> Iterator[Change]:
    """Outputs by name; one that only has its step's new name is the same."""
    lost = {each.name: each for each in before}
    won = {each.name: each for each in after}
    both = [(lost.pop(name), won.pop(name)) for name in list(lost) if name in won]
    for name, output in list(lost.items()):
        same = next((other for other in won.values() if _is_from(output, other, wiring)), None)
        if same is not None:
            both.append((lost.pop(name), won.pop(same.name)))
    names = [{step.key: step.name for step in side} for side in (wiring.before, wiring.after)]
    for one, other in both:
        if one.name != other.name and not _is_after_step(one, other):
            yield Change(one.name, one.name, other.name)
        if not _is_from(one, other, wiring):
            yield Change(f"{other.name}.from", _from(one, names[0]), _from(other, names[1]))
        for change in tensors([one.tensor], [other.tensor]):
            place = "shape" if change.path == "output" else "dtype"
            yield change._replace(path=f"{other.name}.{place}")
    for output in lost.values():
        yield Change(output.name, list(output.tensor[0]), ABSENT)
    for output in won.values():
        yield Change(output.name, ABSENT, list(output.tensor[0]))
    if not lost and not won and len(both) > 1:
        order = [one.name for one in before], [other.name for other in after]
        renamed = {other.name: one.name for one, other in both}
        if order[0] != [renamed[name] for name in order[1]]:
            yield Change("order", order[0], order[1])


def _is_after_step(one: Output, other: Output) -> bool:
    """Whether both are called after their steps, with the same number where they are one step's second or third."""
    mine, its = (re.fullmatch(rf"{re.escape(each.source[0])}(_\d+)?", each.name) for each in (one, other))
    return bool(mine and its and mine[1] == its[1])


def _is_from(one: Output, other: Output, wiring: Wiring) -> bool:
    """Whether two outputs come from the same step."""
    return wiring.image.get(one.source) == other.source and one.output == other.output


def _from(output: Output, names: dict[Key, str]) -> str:
    name = names.get(output.source, output.source[0])
    return f"{name}.{output.output}" if output.output else name
