"""The difference of two models, as values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal, NamedTuple

from kspec.comparison.sketch import Numbers, Sketch, Step
from kspec.diagnostics import Problem, Route


class Absent:
    """Where one side has no value; there is one such object."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()

DERIVED = ("output", "output_dtype")
"""What follows from the steps before: shapes and dtypes that a step gives."""


class Change(NamedTuple):
    """A value that is another one: `units` from 64 to 128. ABSENT is on a side that has none."""

    path: str
    """With dots: `units`, `kernel_regularizer.L2.l2`, `compile.optimizer.Adam.learning_rate`."""
    before: Any
    after: Any


class StepChange(NamedTuple):
    """A step that was added, removed, or is another one than before."""

    before: Step | None
    after: Step | None
    changes: tuple[Change, ...] = ()
    renamed: bool = False
    moved: bool = False
    within: tuple[str, ...] = ()
    """The models around it, by their names in the second model, or in the first where the step is removed."""
    takes: str = ""
    """Of one that was added or removed: what it takes, as `from` writes it."""
    feeds: tuple[str, ...] = ()
    """And which steps take what it gives."""
    copies: int = 0
    """How many steps come from the same line of its spec, by repeats and uses of blocks; 0 where none other can."""
    unit: tuple[Route, ...] = ()
    """The outermost uses of which all steps were added, or removed, with it."""

    @property
    def kind(self) -> Literal["added", "removed", "changed"]:
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "changed"

    @property
    def step(self) -> Step:
        """The step as it is now, or was."""
        step = self.after or self.before
        assert step is not None
        return step

    @property
    def name(self) -> str:
        return self.path(self.step.name)

    def path(self, name: str) -> str:
        """A name with the models around it: `trunk/conv2d`."""
        return "/".join((*self.within, name))

    @property
    def derived(self) -> bool:
        """Whether nothing about it is its own: it only gives other shapes or dtypes, because of what reaches it."""
        own = self.renamed or self.moved or self.kind != "changed"
        return not own and all(change.path.split(".")[0] in DERIVED for change in self.changes)


class Carried(NamedTuple):
    """A variable whose values fit: its path in both models."""

    before: str
    after: str
    shape: tuple[int, ...]
    size: int


class Reshaped(NamedTuple):
    """A variable that is in both models, in two shapes."""

    before: str
    after: str
    shape_before: tuple[int, ...]
    shape_after: tuple[int, ...]
    size: int
    """The numbers of the second model that it has."""


class Lone(NamedTuple):
    """A variable that one of the models has."""

    path: str
    shape: tuple[int, ...]
    size: int


class Weights(NamedTuple):
    """What becomes of the first model's weights in the second."""

    carried: tuple[Carried, ...]
    reshaped: tuple[Reshaped, ...]
    new: tuple[Lone, ...]
    gone: tuple[Lone, ...]

    @property
    def params(self) -> int:
        """Parameters whose values the second model can take."""
        return sum(each.size for each in self.carried)

    @property
    def wanted(self) -> int:
        """All parameters of the second model."""
        return self.params + sum(each.size for each in self.reshaped) + sum(each.size for each in self.new)

    @property
    def complete(self) -> bool:
        return not (self.reshaped or self.new or self.gone)

    @property
    def percent(self) -> float:
        """The part of the second model that can be carried over; all of one without parameters."""
        return 100 * self.params / self.wanted if self.wanted else 100.0

    @property
    def renamed(self) -> tuple[Carried, ...]:
        return tuple(each for each in self.carried if each.before != each.after)


class Side(NamedTuple):
    """One of the two models."""

    label: str
    name: str
    numbers: Numbers
    is_spec: bool

    @classmethod
    def of(cls, sketch: Sketch) -> Side:
        return cls(sketch.label, sketch.name, sketch.numbers, sketch.sections is not None)


class Difference(NamedTuple):
    """Everything that changed from model `a` to model `b`. True where anything did."""

    a: Side
    b: Side
    steps: tuple[StepChange, ...]
    """In the order in which the models compute; those that were removed stand where they were."""
    outputs: tuple[Change, ...]
    sections: tuple[Change, ...]
    """Of the specs; none where a side is a saved model. And a dtype policy that nearly all steps change."""
    weights: Weights
    matched: int
    """How many steps are in both models, inputs left out."""

    def __bool__(self) -> bool:
        return bool(self.steps or self.outputs or self.sections) or not self.weights.complete

    @property
    def related(self) -> bool:
        """Whether the models have enough in common that a list of differences says anything."""
        most = max(self.a.numbers.steps, self.b.numbers.steps)
        return self.matched >= most / 10 or (bool(self.weights.carried) and self.weights.percent >= 1)

    @property
    def own(self) -> tuple[StepChange, ...]:
        """The changes of steps that do not just follow from others."""
        return tuple(each for each in self.steps if not each.derived)

    def tally(self, kind: str) -> int:
        """How many steps were added, removed, renamed, moved, or have changes of their own."""
        return sum(kind in kinds(each) for each in self.own)


def kinds(change: StepChange) -> Iterable[str]:
    """The words for what happened to a step."""
    if change.kind != "changed":
        return [change.kind]
    own = any(
        each.path.split(".")[0] not in DERIVED and not (change.moved and each.path == "from") for each in change.changes
    )
    found = {"renamed": change.renamed, "moved": change.moved, "changed": own}
    return [word for word, is_so in found.items() if is_so]


class Reviewed(NamedTuple):
    """A spec among several: its difference, or why there is none."""

    path: str
    difference: Difference | None
    note: str = ""
    """`new`, `deleted`, or where it has problems."""
    problems: tuple[Problem, ...] = ()
