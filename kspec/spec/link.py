"""Flat steps -> Graph: names become nodes, and every call knows its tensors.

A node is a *call* of a layer, so sharing a layer makes no cycle. Nodes stand in an order in which every tensor is
made before it is used.
"""

from __future__ import annotations

import functools
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kspec import catalog
from kspec.diagnostics import Note, Problem, Route, listing, suggestion
from kspec.spec.calling import Caller
from kspec.spec.graph import Graph, Input, Layer, Node, Ref, Saved, indexed
from kspec.spec.order import ordered
from kspec.spec.steps import UNKNOWN, Expanded, Nested, Shared, Step, Unknown
from kspec.spec.walk import MAX_PROBLEMS, snake_case

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kspec.spec.objects import Checker
    from kspec.spec.schema import Spec

MAX_CANDIDATES = 2_000
"""Names among which the one that was meant is looked for."""


def link(spec: Spec, expanded: Expanded, checker: Checker) -> Graph | None:
    """The graph of a spec's flat steps, not complete where something is wrong; None where there is none at all."""
    if not expanded.complete:
        return None
    inputs = tuple(
        Input(name, given.model_dump(exclude_none=True, exclude_defaults=True), ("inputs", name))
        for name, given in spec.inputs.items()
    )
    for block in expanded.unused:
        _Linker(block.aliases, _inner_inputs(block), checker, expanded).nodes(block.steps)
    if spec.is_part:
        return None if checker.problems else Graph(spec.name, (), {}, (), {})
    linker = _Linker(expanded.aliases, {given.name: given.route for given in inputs}, checker, expanded)
    if not inputs and not any(_is_about_inputs(problem) for problem in checker.problems):
        checker.wrong("missing-key", "a spec needs at least one input", ("inputs",), "inputs: {x: 64}")
    nodes, layers = linker.nodes(expanded.steps)
    outputs = _outputs(spec, expanded, linker)
    ready = ordered(nodes, linker.inputs, checker)
    complete = outputs is not None and not any(_is_of_model(problem) for problem in checker.problems)
    return Graph(spec.name, inputs, layers, ready, outputs, complete=complete)


_BESIDE = ("kspec", "name", "seed", "weights", "compile", "fit", "data", "expect")
"""Sections in which a mistake leaves the model whole."""


def _is_of_model(problem: Problem) -> bool:
    """Whether a problem may have left something of the model out; what has its place already is of another file."""
    return problem.span is not None or problem.route[:1] == () or problem.route[0] not in _BESIDE


def _is_about_inputs(problem: Problem) -> bool:
    """Whether a problem says already that the section `inputs` is wrong, or misspelled."""
    return problem.route[:1] == ("inputs",) or "`inputs`" in problem.help


def _inner_inputs(block: Nested) -> dict[str, Route]:
    return dict.fromkeys(block.inputs, ("blocks", block.block, "inputs"))


def _outputs(spec: Spec, expanded: Expanded, linker: _Linker) -> Any:
    """The spec's outputs as Refs; left out, the last step."""
    wanted: Any = spec.outputs
    if wanted is None:
        if not expanded.steps and not linker.checker.problems:
            message = "no step is left: each has a `when` that is false, or is in a `repeat: 0`"
            linker.wrong("missing-key", message, ("layers",), "", "key")
            return None
        return linker.final(expanded.last, ("layers",))
    if isinstance(wanted, str):
        ref = linker.output(wanted, ("outputs",))
        return {wanted: ref} if linker.named.get(ref) == wanted else ref
    if not wanted:
        linker.wrong("missing-key", "a model needs at least one output", ("outputs",))
    if isinstance(wanted, dict):
        named = {key: linker.output(target, ("outputs", key)) for key, target in wanted.items()}
        return None if None in named.values() else _collected(list(named.items()), linker, True)
    found: dict[str, Any] = {}
    for index, name in enumerate(wanted):
        route: Route = ("outputs", index)
        if name in found:
            linker.wrong("duplicate-name", f"the output `{name}` is listed twice", route, "keep one of them")
        else:
            found[name] = linker.output(name, route)
    return None if None in found.values() else _collected(list(found.items()), linker, False)


def _collected(found: list[tuple[str, Any]], linker: _Linker, named: bool) -> Any:
    """A list where Keras's names for the outputs are the spec's; a mapping where they would differ."""
    own = [linker.layer_of.get(ref.name) == name and ref.output is None for name, ref in found]
    if named or not all(own):
        return dict(found)
    return found


def _is_known(step: Step | None) -> bool:
    """Whether what a step gives is known; None is an input."""
    return step is None or not (step.operation.__class__ is Unknown or step.wires.__class__ is Unknown)


@functools.cache
def _automatic_names() -> frozenset[str]:
    """Keras's names for unnamed layers and functions."""
    names = (*catalog.names("layers"), *(name.rpartition(".")[2] for name in catalog.names("ops")))
    return frozenset(map(snake_case, names))


def _flat(refs: list[Any]) -> list[Ref]:
    """The tensors of a list in which one may be several."""
    return [each for ref in refs for each in (_flat(ref) if isinstance(ref, list) else [ref])]


class _Linker:
    """Resolves names of one graph."""

    def __init__(
        self, aliases: Mapping[str, Any], inputs: Mapping[str, Route], checker: Checker, expanded: Expanded
    ) -> None:
        self.aliases, self.inputs, self.checker, self.expanded = aliases, inputs, checker, expanded
        self.wrong = checker.wrong
        self.names: dict[str, Step | None] = dict.fromkeys(inputs)
        self.layer_of: dict[str, str] = {}
        self.named: dict[Ref, str] = {}
        """Tensors that a list in `name` names."""
        self.caller = Caller(checker)
        self.following: set[str] = set()
        """Other names for tensors that are being followed."""
        self.told = 0

    # -- nodes -------------------------------------------------------------------------------------------------

    def nodes(self, steps: tuple[Step, ...]) -> tuple[list[Node], dict[str, Layer]]:
        """Every step as a node, and the layers that they call."""
        # reported: a name that is taken, or one that Keras refuses
        doubled = {step.name for step in steps if step.name in self.inputs or "/" in step.name}
        for step in steps:
            if self.names.get(step.name) is not None:
                doubled.add(step.name)
            self.names[step.name] = step
            self.named.update((Ref(step.name, index), name) for index, name in enumerate(step.names))
        layers: dict[str, Layer] = {}
        nodes = []
        for step in steps:
            if len(self.checker.problems) > MAX_PROBLEMS:
                break
            operation = step.operation
            if operation.__class__ is Unknown:  # a wrong operation, reported: its wires are checked all the same
                self._resolve(step.wires, step, (*step.route[:-1], "from"))
                continue
            if operation.__class__ is Shared:
                owner = self._owner(step)
                if owner is None:
                    continue
            else:
                owner = step
                inner: Any = self._graph(step) if operation.__class__ is Nested else operation
                if inner is None:
                    continue
                if step.name not in doubled:
                    layers[step.name] = Layer(
                        step.name, inner, step.trainable, step.dtype, step.weights, step.route, step.uses
                    )
            self.layer_of[step.name] = owner.name
            node = self._node(step, owner)
            if node is not None and step.name not in doubled:
                nodes.append(node)
        return [node for node in nodes if node.layer in layers], layers  # `reuse` may call what is wrong

    def _owner(self, step: Step) -> Step | None:
        """The step whose layer a `reuse` calls."""
        found: Step | None = step
        while found is not None and isinstance(found.operation, Shared):
            found = self.names.get(found.operation.name)
        return found  # the target of a `reuse` that is wrong is reported by then

    def _graph(self, step: Step) -> Graph | None:
        """A nested block's own graph."""
        nested = step.operation
        assert isinstance(nested, Nested)
        routes = _inner_inputs(nested)
        inner = _Linker(nested.aliases, routes, self.checker, self.expanded)
        before = len(self.checker.problems)
        nodes, layers = inner.nodes(nested.steps)
        outputs: Any = nested.outputs
        route: Route = ("blocks", nested.block, "outputs")
        if isinstance(outputs, dict):
            found = {key: inner.ref(ref, route, "", step.uses) for key, ref in outputs.items()}
            outputs = _collected(list(found.items()), inner, False) if None not in found.values() else None
        else:
            outputs = inner.final(outputs, ("blocks", nested.block))
        inputs = tuple(Input(name, {}, routes[name]) for name in nested.inputs)
        ready = ordered(nodes, inner.inputs, self.checker)
        right = outputs is not None and len(self.checker.problems) == before and len(nodes) == len(nested.steps)
        return Graph(step.name, inputs, layers, ready, outputs, complete=right)

    def _node(self, step: Step, owner: Step) -> Node | None:
        wires = step.wires
        if wires.__class__ is Ref:  # by far the commonest
            resolved = self.ref(wires, (*step.route[:-1], "from"), step.scope, step.uses)
        else:
            resolved = self._resolve(wires, step, (*step.route[:-1], "from"))
        if resolved is None:
            return None
        before = len(self.checker.problems)
        call: Mapping[str, Any] = step.call
        named: Mapping[str, Any] = {}
        if resolved.__class__ is Ref and not step.call:
            self.caller.alone(step, owner)
            positional: tuple[Any, ...] = (resolved,)
        else:
            call = self.caller.constants(step, owner)
            positional, named = self.caller.placed(resolved, step, owner)
        if len(self.checker.problems) > before:  # its call would fail again
            return None
        return Node(step.name, owner.name, positional, named, call, step.route, step.uses, step.names)

    def _resolve(self, wires: Any, step: Step, route: Route) -> Any:
        """Wires with every Ref followed to a node; None where one fails."""
        if isinstance(wires, Unknown):
            return None
        if isinstance(wires, Ref):
            return self.ref(wires, route, step.scope, step.uses)
        if isinstance(wires, list):
            items: list[Any] = []
            for index, item in enumerate(wires):
                found = self._resolve(item, step, (*route, index))
                items += found if isinstance(item, Ref) and isinstance(found, list) else [found]
            return None if any(item is None for item in items) else items
        if isinstance(wires, dict):
            named = {key: self._resolve(item, step, (*route, key)) for key, item in wires.items()}
            return None if any(item is None for item in named.values()) else named
        return wires

    def ref(self, ref: Any, route: Route, scope: str, uses: tuple[Route, ...] = ()) -> Any:
        """A Ref (or a list of them) to nodes and inputs only; None, with the problem noted, where there is none."""
        if not isinstance(ref, Ref):
            return self._resolved_alias(ref, route, scope, uses)
        name, index = ref
        if name in self.expanded.doubled:
            return None
        if name in self.names:
            return ref if _is_known(self.names[name]) else None
        if name in self.aliases:
            found = self._followed(name, route, scope, uses)
            return self._item(found, index, name, route, uses) if index is not None else found
        head, place = indexed(name)
        if self.names.get(head) is not None:
            return Ref(head, place) if _is_known(self.names[head]) and head not in self.expanded.doubled else None
        if head in self.aliases:
            return self._item(self._followed(head, route, scope, uses), place, head, route, uses)
        return self._of_model(name, route, scope, uses)

    def _followed(self, name: str, route: Route, scope: str, uses: tuple[Route, ...]) -> Any:
        """What another name for a tensor stands for."""
        if name in self.following:
            message = f"`{name}` is what it is made of"
            help = "a model has no circles: take the tensor from an earlier step"
            self.checker.problems.append(Problem("cycle", message, route, help, uses=uses))
            return None
        self.following.add(name)
        found = self._resolved_alias(self.aliases[name], route, scope, uses)
        self.following.discard(name)
        return found

    def _of_model(self, name: str, route: Route, scope: str, uses: tuple[Route, ...]) -> Ref | None:
        """An output of a model that is a step, by its name in that model: `encoder.digit`.

        What a saved model calls its outputs is known when it is loaded.
        """
        head, _, output = name.rpartition(".")
        step = self.names.get(head)
        operation = step.operation if step is not None else None
        if isinstance(operation, Unknown) or head in self.expanded.doubled:
            return None
        if isinstance(operation, Shared) and step is not None:
            owner = self._owner(step)
            operation = owner.operation if owner is not None else None
        if isinstance(operation, Saved) and operation.output is None:
            return Ref(head, output)
        if isinstance(operation, Nested):
            known = tuple(operation.outputs) if isinstance(operation.outputs, dict) else ()
        else:
            known = operation.output_names() if isinstance(operation, Graph) else ()
        if not known:
            self._unknown_name(name, route, scope, uses)
            return None
        if output in known:
            return Ref(head, known.index(output) if len(known) > 1 else None)
        local = head[len(scope) :]
        help = suggestion(output, known, f"its outputs: {listing(known)}")
        self.checker.problems.append(
            Problem("unknown-name", f"`{local}` has no output `{output}`", route, help, uses=uses)
        )
        return None

    def _resolved_alias(self, target: Any, route: Route, scope: str, uses: tuple[Route, ...]) -> Any:
        if target is None or isinstance(target, Unknown):
            return None
        if isinstance(target, (list, tuple)) and not isinstance(target, Ref):
            items = [self.ref(item, route, scope, uses) for item in target]
            return None if any(item is None for item in items) else items
        if isinstance(target, dict):
            return self._resolved_alias(list(target.values()), route, scope, uses)
        return self.ref(target, route, scope, uses)

    def _item(self, found: Any, index: Any, name: str, route: Route, uses: tuple[Route, ...]) -> Any:
        if found is None:
            return None
        if isinstance(found, Ref):
            return Ref(found.name, index) if found.output is None else found
        if index < len(found):
            return found[index]
        message = f"`{name}` has {len(found)} outputs; there is no `{name}.{index}`"
        self.checker.problems.append(Problem("unknown-name", message, route, "they count from 0", uses=uses))
        return None

    def _unknown_name(self, name: str, route: Route, scope: str, uses: tuple[Route, ...]) -> None:
        if self._may_be(name):
            return
        local = name[len(scope) :] if name.startswith(scope) else name
        notes: tuple[Note, ...] = ()
        if name in self.expanded.left_out:
            help, notes = "", (Note(f"`{local}` is left out by its `when`", self.expanded.left_out[name]),)
        elif scope and (local in self.names or local in self.aliases):
            help = "a block sees its own steps and its `inputs` only"
        else:
            help = self._nearest(local, scope)
        message = f"there is no step or input `{local}`"
        self.checker.problems.append(Problem("unknown-name", message, route, help, "value", notes, uses))

    def _may_be(self, name: str) -> bool:
        """Whether an unknown name may be right all the same, because something that is wrong would give it."""
        if not self.expanded.named or not self.inputs or (self.expanded.unsure and self._is_automatic(name)):
            return True
        heads = [name[:index] for index, char in enumerate(name) if char == "."][:8]
        return any(self.aliases.get(head) is UNKNOWN for head in heads)

    def _is_automatic(self, name: str) -> bool:
        """Whether a name may be one that an unnamed step gets by itself, or that of an output of such a step."""
        local = re.sub(r"(_[0-9]+)?(\.[^.]*)?\Z", "", name.rpartition("/")[2])
        return any(part in _automatic_names() for part in (local, local.rpartition(".")[2])) or local in self.names

    def _nearest(self, name: str, scope: str) -> str:
        """Help for an unknown name; of many such names, only for the first ones, as looking takes its time."""
        self.told += 1
        if self.told > 20:
            return ""
        names = [name for name, step in self.names.items() if _is_known(step)]
        known = [n[len(scope) :] for n in (*names, *self.aliases) if n.startswith(scope)]
        return suggestion(name, known[:MAX_CANDIDATES], f"names here: {listing(known, 8)}" if known else "")

    # -- outputs and order -------------------------------------------------------------------------------------

    def output(self, name: str, route: Route) -> Any:
        """The tensor of an output by name."""
        before = len(self.checker.problems)
        found = self.ref(Ref(name), route, "")
        if isinstance(found, list):
            if len(found) == 1:
                return found[0]
            self.wrong("unknown-output", f"`{name}` is {len(found)} tensors", route, f"pick one: `{name}.0`")
            return None
        if len(self.checker.problems) > before:
            problem = self.checker.problems[-1]
            message = problem.message  # of a model that is a step
            if message.startswith("there is no step"):
                message = f"there is no step `{name}` to be an output"
            self.checker.problems[before:] = [replace(problem, code="unknown-output", message=message)]
        return found

    def final(self, last: Any, route: Route) -> Any:
        """The tensor (or tensors) that a chain ends with."""
        found = self._resolved_alias(last, route, "", ())
        if isinstance(found, list):
            return {self._shown(ref): ref for ref in _flat(found)}
        return found

    def _shown(self, ref: Ref) -> str:
        """The name of a tensor: its own, else its step's with its place."""
        return self.named.get(ref) or (ref.name if ref.output is None else f"{ref.name}.{ref.output}")
