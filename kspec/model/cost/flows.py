"""What a training step keeps between its forward and its backward pass, and what each call reads and writes.

Read off the traced program, whose operations say whose they are and whether they belong to the backward pass
(`transpose(…)` in JAX's name stack). XLA may keep less, where it computes something cheap again, and on a processor
needs room of its own: only its buffer assignment (`planned`) knows that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from kspec.model.cost.programs import Program, tags
from kspec.model.cost.value import Remat
from kspec.model.cost.xla import live
from kspec.model.plan import bytes_of

_VIEWS = frozenset({"reshape", "squeeze", "expand_dims", "broadcast_in_dim", "transpose", "rev", "copy_p"})
"""Operations whose result is another look at what they are given."""

OUTSIDE = -1
"""The number of what belongs to no call: loss, metrics, sums of gradients."""


class Kept(NamedTuple):
    """A tensor that the forward pass makes and the backward pass needs, or that one call's forward pass takes."""

    bytes: int
    call: int
    """The number of the call that makes it."""
    users: frozenset[int]
    """The calls whose backward pass needs it."""
    takers: frozenset[int]
    """The other calls that take it in the forward pass."""


class Flows(NamedTuple):
    """Tensors between calls and passes, in bytes."""

    kept: tuple[Kept, ...]
    copies: int
    """Copies of weights in the dtype of computing that are kept for the backward pass."""
    moved: Mapping[int, int]
    """By call: what a fused program would read and write for it, each tensor once in each pass."""

    @property
    def activations(self) -> int:
        """What is kept between the passes."""
        return sum(each.bytes for each in self.kept if each.users)

    def by_call(self) -> dict[int, int]:
        """The same by the call that makes it."""
        found: dict[int, int] = {}
        for each in self.kept:
            if each.users:
                found[each.call] = found.get(each.call, 0) + each.bytes
        return found


def flows(program: Program) -> Flows:
    """The flows of a program, forward alone or a training step."""
    return _Reading(program).flows()


def remat(found: Flows, blocks: Mapping[int, int]) -> Remat:
    """What would be kept if each block (`blocks` gives the block of a call) kept nothing but what it takes."""
    kept, dropped, again = 0, dict[int, int](), set[int]()
    for each in found.kept:
        own = blocks.get(each.call)
        outside = any(blocks.get(call, OUTSIDE - 1) != own for call in each.users)
        taken = any(call in blocks and blocks[call] != own for call in each.takers)
        if own is None or outside or taken:
            kept += each.bytes if each.users or taken else 0
        elif each.users:
            dropped[own] = dropped.get(own, 0) + each.bytes
            again.add(own)
    calls = frozenset(call for call, block in blocks.items() if block in again)
    return Remat(kept, max(dropped.values(), default=0), calls)


class _Reading:
    """One pass over a program's operations."""

    def __init__(self, program: Program) -> None:
        self.equations = [(equation, *_place(equation)) for equation, _ in live(program.jaxpr)]
        self.results = {id(each) for each in program.jaxpr.outvars}
        self.weights = {id(each) for each in program.jaxpr.invars[: program.weights]}
        self.root: dict[int, Any] = {}
        """What a view is a view of."""
        self.of_weights = set(self.weights)
        """Weights, and what is computed of nothing else."""

    def flows(self) -> Flows:
        made: dict[int, tuple[Any, int, bool]] = {}
        users: dict[int, set[int]] = {}
        takers: dict[int, set[int]] = {}
        moved: dict[int, dict[tuple[int, bool], int]] = {}
        for equation, call, backward in self.equations:
            given = [self._whole(each) for each in equation.invars if not hasattr(each, "val")]
            for each in given:
                source = made.get(id(each))
                if source is not None and source[2] is False:
                    (users if backward else takers).setdefault(id(each), set()).add(call)
                if source is None or source[1:] != (call, backward):  # read from elsewhere
                    moved.setdefault(call, {})[id(each), backward] = _bytes(each)
                    if source is not None:
                        moved.setdefault(source[1], {})[id(each), source[2]] = _bytes(each)
            self._note(equation, given, backward)
            for each in equation.outvars:
                made[id(each)] = (each, call, backward)
                if id(each) in self.results:
                    moved.setdefault(call, {})[id(each), backward] = _bytes(each)
        kept, copies = [], 0
        for key, (variable, call, backward) in made.items():
            if backward or key in self.root or not (key in users or key in takers):
                continue
            if key in self.of_weights:
                copies += _bytes(variable) if key in users else 0
            else:
                taken = frozenset(takers.get(key, ())) - {call}
                kept.append(Kept(_bytes(variable), call, frozenset(users.get(key, ())), taken))
        return Flows(tuple(kept), copies, {call: sum(sizes.values()) for call, sizes in moved.items()})

    def _whole(self, variable: Any) -> Any:
        while id(variable) in self.root:
            variable = self.root[id(variable)]
        return variable

    def _note(self, equation: Any, given: list[Any], backward: bool) -> None:
        """Whether an operation makes a view, or something of weights alone."""
        if not given:
            return
        if equation.primitive.name in _VIEWS and _bytes(given[0]) <= _bytes(equation.outvars[0]):
            self.root[id(equation.outvars[0])] = given[0]
        elif not backward and all(id(each) in self.of_weights for each in given):
            self.of_weights.update(map(id, equation.outvars))


def _place(equation: Any) -> tuple[int, bool]:
    stack = str(equation.source_info.name_stack)
    found = tags(stack)
    return found[0] if found else OUTSIDE, "transpose(" in stack


def _bytes(variable: Any) -> int:
    shape = getattr(variable.aval, "shape", ())
    return math.prod(shape) * bytes_of(str(getattr(variable.aval, "dtype", "float32")))
