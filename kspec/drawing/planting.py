"""A plan as the tree that pictures are made of: every tensor's way from call to call, inside of models too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from kspec.drawing.lines import Lines
from kspec.model.outline import Group as Outlined
from kspec.model.outline import Item, outline
from kspec.model.plan import Call, Plan
from kspec.report.plot.tree import Group, Leaf, Part, Tree, leaves
from kspec.report.plot.words import counted, operations
from kspec.spec.places import Source

__all__ = ["tree"]


def tree(plan: Plan, source: Source | None = None, flops: Mapping[tuple[str, ...], float] | None = None) -> Tree:
    """The tree of a plan.

    `source` is the spec's, for the lines of every call; `flops` are those of one example, by a call's name, inside of
    a model that is a step after that one's.
    """
    items = outline(plan)
    top = _Scope(())
    count = top.number(items, 0)
    planting = _Planting(Lines(source), flops or {})
    parts = list(planting.parts(items, top))
    for index, ((name, size, dtype), end) in enumerate(zip(plan.outputs, plan.ends, strict=False), count):
        if (taken := top.find(*end)) is not None:
            parts.append(Leaf(index, name, "Output", ((size, dtype),), (taken,)))
    whole = round(sum(share for path, share in flops.items() if len(path) == 1)) if flops else 0
    facts = f"{counted(plan.params)} params" + (f", {operations(whole)}" if whole else "")
    return Tree(plan.name, tuple(parts), plan.params, facts)


class _Scope:
    """The names inside of one model, and the numbers of what they mean."""

    def __init__(self, path: tuple[str, ...]) -> None:
        self.path = path
        self.calls: dict[str, int] = {}
        self.models: dict[str, tuple[_Scope, Call]] = {}
        self.first: dict[str, str] = {}
        """The first call of each layer."""

    def number(self, items: Iterable[Item], start: int) -> int:
        """Give every call its number, from `start` on; the next number."""
        for item in items:
            if isinstance(item, Call):
                self.calls[item.name] = start
                self.first.setdefault(item.layer, item.name)
                start += 1
            elif item.call is not None:
                inner = _Scope((*self.path, item.name))
                self.models[item.name] = (inner, item.call)
                self.first.setdefault(item.call.layer, item.name)
                start = inner.number(item.items, start)
            else:
                for each in (item, *item.rest):
                    start = self.number(each.items, start)
        return start

    def find(self, name: str, output: int) -> tuple[int, int] | None:
        """The call that makes a tensor, and as which of its outputs; of a model's that is the call inside."""
        if name not in self.models:
            return (self.calls[name], output) if name in self.calls else None
        inner, call = self.models[name]
        return inner.find(*call.ends[output]) if output < len(call.ends) else None

    def takes(self, call: Call) -> tuple[tuple[int, int], ...]:
        return tuple(found for wire in call.wires if (found := self.find(*wire)) is not None)


class _Planting:
    """Outline -> parts, with what stands around them in mind."""

    def __init__(self, lines: Lines, flops: Mapping[tuple[str, ...], float]) -> None:
        self.lines, self.flops = lines, flops
        self.grown: dict[int, Leaf] = {}

    def parts(self, items: Iterable[Item], scope: _Scope) -> Iterator[Part]:
        for item in items:
            if isinstance(item, Call):
                yield self.leaf(item, scope)
            elif item.kind == "repeat":
                yield from self.runs(item, scope)
            elif item.call is not None:
                yield self.model(item, item.call, scope)
            else:
                name = item.of if item.kind == "block" else "model"
                yield Group("block", item.name, name, tuple(self.parts(item.items, scope)), self.lines.of(item.route))

    def leaf(self, call: Call, scope: _Scope) -> Leaf:
        index = scope.calls[call.name]
        first = self.grown.get(scope.calls.get(scope.first[call.layer], -1)) if call.shared else None
        flops = self.flops.get((*scope.path, call.name))
        leaf = Leaf(
            index, call.name, call.operation, call.outputs, scope.takes(call), call.params,
            bool(call.frozen) and not call.trainable,
            first.number if first is not None and first.params else -1,
            None if flops is None else round(flops), self.lines.of(call.route, call.uses),
        )  # fmt: skip
        self.grown[index] = leaf
        return leaf

    def runs(self, repeat: Outlined, scope: _Scope) -> Iterator[Part]:
        """Equal copies that follow each other are a run; what stands alone is as if it were written out."""
        for first in repeat.items:
            assert not isinstance(first, Call)
            parts = [tuple(self.parts(copy.items, scope)) for copy in (first, *first.rest)]
            if len(parts) == 1:
                yield from parts[0]
            else:
                grown = tuple(Group("copy", "", "", each) for each in parts)
                yield Group("run", "", "repeat", grown, self.lines.of(repeat.route))

    def model(self, item: Outlined, call: Call, scope: _Scope) -> Group:
        """A model that is a step: what it takes are its inputs' tensors."""
        inner, _ = scope.models[item.name]
        parts = tuple(self.parts(item.items, inner))
        taken = scope.takes(call)
        inputs = [part for part in parts if isinstance(part, Leaf) and part.operation == "Input"]
        fed = {leaf.number: leaf._replace(takes=taken[number : number + 1]) for number, leaf in enumerate(inputs)}
        again = scope.models.get(scope.first[call.layer])
        if call.shared and again is not None and again[0] is not inner:
            offset = min(leaf.number for leaf in leaves(parts)) - min(again[0].calls.values(), default=0)
            fed |= self._again(parts, fed, offset)
        return Group("model", item.name, item.of, _replaced(parts, fed), self.lines.of(item.route))

    def _again(self, parts: tuple[Part, ...], fed: Mapping[int, Leaf], offset: int) -> dict[int, Leaf]:
        """The calls of a model that is called again: their weights are those of the first time."""
        again = {}
        for leaf in leaves(parts):
            first = self.grown.get(leaf.number - offset)
            if first is not None and first.params:
                again[leaf.number] = fed.get(leaf.number, leaf)._replace(params=0, twin=first.number)
        return again


def _replaced(parts: tuple[Part, ...], found: Mapping[int, Leaf]) -> tuple[Part, ...]:
    return tuple(
        found.get(part.number, part) if isinstance(part, Leaf) else part._replace(parts=_replaced(part.parts, found))
        for part in parts
    )
