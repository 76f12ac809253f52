"""Two models as data -> their Difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from kspec.comparison.carrying import Layers, carry
from kspec.comparison.difference import DERIVED, Change, Difference, Side, StepChange
from kspec.comparison.matching import Pairs, match
from kspec.comparison.notation import changes
from kspec.comparison.outputs import changed_outputs
from kspec.comparison.sketch import Output, Sketch, Step
from kspec.comparison.steps import changed_step
from kspec.comparison.units import with_units
from kspec.comparison.wiring import Wiring, shown, takers


def compare(before: Sketch, after: Sketch) -> Difference:
    """What changed from one model to the other."""
    level = _Level((), before.steps, after.steps, (before.outputs, after.outputs))
    steps = tuple(level.changes())
    sections = tuple(changes(before.sections, after.sections)) if before.sections and after.sections else ()
    steps, sections = _policy_once(steps, sections, level.matched)
    outputs = tuple(changed_outputs(before.outputs, after.outputs, level.wiring))
    weights = carry(before.steps, after.steps, level.layers)
    return Difference(Side.of(before), Side.of(after), steps, outputs, sections, weights, level.matched)


class _Level:
    """The steps of two models, or of two models that are steps of them."""

    def __init__(
        self,
        within: tuple[str, ...],
        before: Sequence[Step],
        after: Sequence[Step],
        outputs: tuple[Sequence[Output], Sequence[Output]] = ((), ()),
        prefixes: tuple[str, str] = ("", ""),
    ) -> None:
        self.within, self.before, self.after, self.prefixes = within, before, after, prefixes
        self.pairs: Pairs = match(before, after)
        self.wiring = Wiring(before, after, self.pairs, outputs)
        self.matched = sum(before[i].kind != "Input" for i in self.pairs)
        self.layers: list[Layers] = []

    def changes(self) -> Iterator[StepChange]:
        """What changed, in order: a step that was removed stands behind the one that was before it."""
        back = {j: i for i, j in self.pairs.items()}
        removed: dict[int, list[int]] = {}
        last = -1
        for i in range(len(self.before)):
            if i in self.pairs:
                last = self.pairs[i]
            else:
                removed.setdefault(last, []).append(i)
        gone, came = takers(self.before), takers(self.after)
        names = [{step.key: step.name for step in side} for side in (self.before, self.after)]
        single: list[StepChange] = []
        for j in range(-1, len(self.after)):
            if j >= 0 and j not in back:
                step = self.after[j]
                takes, feeds = shown(step.wires, names[1]), came.get(step.key, ())
                single.append(StepChange(None, step, within=self.within, takes=takes, feeds=feeds))
            elif j >= 0:
                single += self._pair(self.before[back[j]], self.after[j])
            for i in removed.get(j, ()):
                step = self.before[i]
                takes, feeds = shown(step.wires, names[0]), gone.get(step.key, ())
                single.append(StepChange(step, None, within=self.within, takes=takes, feeds=feeds))
        yield from with_units(single, self.before, self.after)

    def _pair(self, one: Step, other: Step) -> Iterator[StepChange]:
        if one.key[1] == 0 and other.key[1] == 0:
            self.layers.append((self.prefixes[0], one, self.prefixes[1], other))
        found = changed_step(one, other, self.wiring, self.within)
        if found is not None:
            yield found
        if one.inner and other.inner:
            prefixes = (f"{self.prefixes[0]}{one.key[0]}/", f"{self.prefixes[1]}{other.key[0]}/")
            inner = _Level((*self.within, other.name), one.inner, other.inner, prefixes=prefixes)
            frozen = one.trainable is not other.trainable
            for each in inner.changes():
                kept = tuple(change for change in each.changes if not (frozen and change.path == "trainable"))
                if kept or each.kind != "changed" or each.renamed or each.moved:
                    yield each._replace(changes=kept)
            self.layers += inner.layers


def _policy_once(
    steps: tuple[StepChange, ...], sections: tuple[Change, ...], matched: int
) -> tuple[tuple[StepChange, ...], tuple[Change, ...]]:
    """A dtype policy that most steps change alike is told once, as the model's."""
    seen = Counter((change.before, change.after) for each in steps for change in each.changes if change.path == "dtype")
    if not seen:
        return steps, sections
    (policy, count), *_ = seen.most_common()
    if count < 2 or 2 * count < matched:
        return steps, sections
    if all(change.path != "dtype_policy" for change in sections):
        sections = (*sections, Change("dtype_policy", *policy))
    told = ("dtype", *policy)

    def is_other(change: Change) -> bool:
        return tuple(change) != told and change.path.split(".")[0] != DERIVED[1]

    rest = (each._replace(changes=tuple(filter(is_other, each.changes))) for each in steps)
    return tuple(
        each for each in rest if each.changes or each.kind != "changed" or each.renamed or each.moved
    ), sections
