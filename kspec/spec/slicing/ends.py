"""Where a slice begins and ends: names as a person gives them, found among a spec's steps, inputs and outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from kspec.diagnostics import Problem, UsageError, listing, nearest
from kspec.spec.compiled import Compiled
from kspec.spec.graph import Graph, Ref, indexed
from kspec.spec.names import Names
from kspec.spec.objects import Checker, Registry
from kspec.spec.slicing.labels import Labels


class Start(NamedTuple):
    """One thing that a slice begins with, as it was named: an input, or the steps that come first."""

    name: str
    steps: frozenset[str]
    is_input: bool = False


class End(NamedTuple):
    """One thing that a slice ends with, as it was named; a step or a block may give several tensors."""

    name: str
    tensors: tuple[tuple[str, Ref], ...]
    """The outputs' names, each with its tensor."""


class Ends:
    """Looks names up in one spec; what is wrong with one is a UsageError. `count` says how many tensors a Ref is, none
    where there is no such output."""

    def __init__(self, compiled: Compiled, count: Callable[[Ref], int]) -> None:
        self.compiled, self.graph, self.count = compiled, compiled.graph, count
        self.own = dict(zip(self.graph.output_names(), self.graph.output_refs(), strict=True))
        self.nodes = {node.name: node for node in self.graph.nodes}
        self.inputs = {given.name for given in self.graph.inputs}
        self.label = Labels(self.graph)

    def start(self, name: str) -> Start:
        """A step, an input, or all the steps of a block's use."""
        if name in self.inputs:
            return Start(name, frozenset(), True)
        if name in self.nodes:
            return Start(name, frozenset({name}))
        inside = frozenset(each for each in self.nodes if each.startswith(f"{name}."))
        if inside and name in self.compiled.expanded.aliases:
            return Start(name, inside)
        found = self._found(name, "to begin with")
        for ref in found:
            if ref.output is not None and self.count(Ref(ref.name)) > 1:
                message = f"`{name}` is an output of `{ref.name}`, and a slice begins with a whole step"
                raise wrong(message, f"begin with `{ref.name}`, or with a step that takes `{name}`")
        if found[0].name in self.inputs:  # the block's own name for it
            return Start(found[0].name, frozenset(), True)
        return Start(name, frozenset(ref.name for ref in found))

    def end(self, name: str) -> End:
        """A step, one of its outputs, a block's use, or an output of the model by the name that it has there."""
        found = [self._whole(ref) for ref in self._found(name, "to end with")]
        if any(ref.name in self.inputs for ref in found):
            raise wrong(f"`{name}` is an input, and a slice ends with a step", "the inputs are where it may begin")
        if found == [self.own.get(name)]:
            return End(name, ((name, found[0]),))
        tensors = [each for ref in found for each in self._each(ref)]
        return End(name, tuple((self.label(ref), ref) for ref in tensors))

    def _whole(self, ref: Ref) -> Ref:
        """The step itself for its only output."""
        return Ref(ref.name) if ref.output == 0 and self.count(Ref(ref.name)) == 1 else ref

    def _each(self, ref: Ref) -> list[Ref]:
        """The tensors of a whole step that gives several; else the one."""
        count = self.count(ref)
        if not count:
            has = self.count(Ref(ref.name))
            help = f"its {has} outputs count from 0" if has > 1 else f"it has one, `{ref.name}`"
            raise wrong(f"`{ref.name}` has no output `{ref.output}`", help)
        return [ref] if count == 1 else [Ref(ref.name, index) for index in range(count)]

    def _found(self, name: str, purpose: str) -> list[Ref]:
        """The tensors that a name stands for in the spec, or as an output of the model."""
        if name in self.own and name not in self.nodes:
            return [self.own[name]]
        checker = Checker(Registry(), [])
        expanded = self.compiled.expanded
        names = Names(expanded.aliases, dict.fromkeys(self.inputs, ()), checker, expanded)
        names.names.update((step.name, step) for step in expanded.steps)
        found = names.ref(Ref(name), (), "")
        if found is None:
            raise self._unknown(name, purpose, checker.problems)
        return list(_flat(found))

    def _unknown(self, name: str, purpose: str, problems: Sequence[Problem]) -> UsageError:
        head = next((each for each in _heads(name) if isinstance(self._operation(each), Graph)), None)
        if head is not None:
            return wrong(f"`{name}` is inside `{head}`, which is one step, a model of its own", f"name `{head}` itself")
        message = f"there is no step or input `{name}` {purpose}"
        known = [*self.nodes, *self.inputs, *self.compiled.expanded.aliases, *self.own]
        close = nearest(name, known)
        help = f"did you mean `{close}`?" if close else f"its steps: {listing(self.nodes, 8)}"
        for problem in problems:
            if problem.notes or not problem.message.startswith("there is no step"):
                return wrong(message, "; ".join([*(note.text for note in problem.notes), problem.help]).strip("; "))
        return wrong(message, help)

    def _operation(self, name: str) -> Any:
        node = self.nodes.get(name)
        return self.graph.layers[node.layer].operation if node is not None else None


def wrong(message: str, help: str = "") -> UsageError:
    """A wrong word of whoever asked for the slice."""
    return UsageError(Problem("usage", message, help=help))


def _heads(name: str) -> list[str]:
    """What stands before each dot of a name; a whole place of an output is no step inside."""
    return [] if indexed(name)[0] else [name[:index] for index, char in enumerate(name) if char == "."]


def _flat(found: Any) -> list[Ref]:
    if isinstance(found, Ref):
        return [found]
    return [ref for each in found for ref in _flat(each)]
