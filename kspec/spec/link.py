"""Flat steps -> Graph: names become nodes, and every call knows its tensors.

A node is a *call* of a layer, so sharing a layer makes no cycle. Nodes stand in an order in which every tensor is
made before it is used.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from kspec.diagnostics import MAX_PROBLEMS, Problem, Route
from kspec.spec.calling import Caller
from kspec.spec.graph import Graph, Input, Layer, Node, Ref, with_models
from kspec.spec.names import Names
from kspec.spec.order import ordered
from kspec.spec.steps import Expanded, Nested, Shared, Step, Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kspec.spec.objects import Checker
    from kspec.spec.schema import Spec


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
    if not inputs and "inputs" not in expanded.gaps and not any(map(_is_about_inputs, checker.problems)):
        checker.wrong("missing-key", "a spec needs at least one input", ("inputs",), "inputs: {x: 64}")
    nodes, layers = linker.nodes(expanded.steps)
    outputs = _outputs(spec, expanded, linker)
    ready = ordered(nodes, linker.inputs, checker)
    if "outputs" in expanded.gaps:
        outputs = None
    complete = outputs is not None and not any(_is_of_model(problem) for problem in checker.problems)
    return Graph(spec.name, inputs, layers, ready, outputs, complete=complete)


_BESIDE = ("kspec", "name", "seed", "weights", "compile", "fit", "data", "expect")
"""Sections in which a mistake leaves the model whole."""


def _is_of_model(problem: Problem) -> bool:
    """Whether a problem may have left something of the model out."""
    return problem.route[:1] == () or problem.route[0] not in _BESIDE


def _is_about_inputs(problem: Problem) -> bool:
    """Whether a problem says already that the section `inputs` is wrong, or missing."""
    return problem.route[:1] == ("inputs",) or "`inputs`" in problem.help


def _inner_inputs(block: Nested) -> dict[str, Route]:
    route: Route = ("blocks", block.block, "inputs")
    return {name: (*route, name) if name in block.like else route for name in block.inputs}


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


def _flat(refs: list[Any]) -> list[Ref]:
    """The tensors of a list in which one may be several."""
    return [each for ref in refs for each in (_flat(ref) if isinstance(ref, list) else [ref])]


class _Linker(Names):
    """Makes the nodes of one graph."""

    def __init__(
        self, aliases: Mapping[str, Any], inputs: Mapping[str, Route], checker: Checker, expanded: Expanded
    ) -> None:
        super().__init__(aliases, inputs, checker, expanded)
        self.wrong = checker.wrong
        self.layer_of: dict[str, str] = {}
        self.named: dict[Ref, str] = {}
        """Tensors that a list in `name` names."""
        self.caller = Caller(checker)

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
                owner = self.owner(step)
                if owner is None:
                    continue
            else:
                owner = step
                if isinstance(operation, Nested):
                    inner: Any = self._graph(step.name, operation, step.uses)
                else:
                    inner = with_models(operation, partial(self._inside, uses=step.uses))
                if step.name not in doubled:
                    own = (step.trainable, step.dtype, step.weights, step.route, step.uses, step.lora, step.quantize)
                    layers[step.name] = Layer(step.name, inner, *own)
            self.layer_of[step.name] = owner.name
            node = self._node(step, owner)
            if node is not None and step.name not in doubled:
                nodes.append(node)
        return [node for node in nodes if node.layer in layers], layers  # `reuse` may call what is wrong

    def _inside(self, nested: Nested, uses: tuple[Route, ...]) -> Graph:
        """The graph of a block that a layer is around."""
        return self._graph(nested.block, nested, uses)

    def _graph(self, name: str, nested: Nested, uses: tuple[Route, ...]) -> Graph:
        """A nested block's own graph."""
        routes = _inner_inputs(nested)
        inner = _Linker(nested.aliases, routes, self.checker, self.expanded)
        before = len(self.checker.problems)
        nodes, layers = inner.nodes(nested.steps)
        outputs: Any = nested.outputs
        route: Route = ("blocks", nested.block, "outputs")
        if isinstance(outputs, dict):
            found = {key: inner.ref(ref, route, "", uses) for key, ref in outputs.items()}
            outputs = _collected(list(found.items()), inner, False) if None not in found.values() else None
        else:
            outputs = inner.final(outputs, ("blocks", nested.block))
        inputs = tuple(Input(name, nested.like.get(name, {}), routes[name]) for name in nested.inputs)
        ready = ordered(nodes, inner.inputs, self.checker)
        right = outputs is not None and len(self.checker.problems) == before and len(nodes) == len(nested.steps)
        return Graph(name, inputs, layers, ready, outputs, complete=right)

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
        found = self.resolved(last, route, "", ())
        if isinstance(found, list):
            return {self._shown(ref): ref for ref in _flat(found)}
        return found

    def _shown(self, ref: Ref) -> str:
        """The name of a tensor: its own, else its step's with its place."""
        return self.named.get(ref) or str(ref)
