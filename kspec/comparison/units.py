"""Which steps of a block's use, or of a repeat's copy, came or went together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from kspec.comparison.difference import StepChange
from kspec.comparison.sketch import Step
from kspec.diagnostics import Route


def with_units(found: Iterable[StepChange], before: Sequence[Step], after: Sequence[Step]) -> Iterator[StepChange]:
    """The changes of one level's steps, with how many copies there are of each, and what is whole."""
    found = list(found)
    came = {each.step.key for each in found if each.kind == "added"}
    copies = {
        "removed": Counter(step.route for step in before if step.uses),
        "added": Counter(step.route for step in after if step.uses),
        "changed": Counter(step.route for step in after if step.uses and step.key not in came),
    }
    whole = {
        kind: _prefixes(side) - _prefixes(side, {each.step.key for each in found if each.kind == kind})
        for kind, side in (("removed", before), ("added", after))
    }
    for each in found:
        step = each.step
        unit = next((use for use in _uses(step) if use in whole.get(each.kind, ())), ())
        yield each._replace(copies=copies[each.kind][step.route], unit=unit)


def _prefixes(steps: Sequence[Step], without: Iterable[object] = ()) -> set[tuple[Route, ...]]:
    """The uses, outermost first, that some step of `steps` stands in."""
    left_out = set(without)
    return {use for step in steps if step.key not in left_out for use in _uses(step)}


def _uses(step: Step) -> list[tuple[Route, ...]]:
    return [step.uses[:depth] for depth in range(1, len(step.uses) + 1)]
