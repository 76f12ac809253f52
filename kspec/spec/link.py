"""Flat steps -> Graph: names become nodes, and every call knows its tensors.

A node is a *call* of a layer, so sharing a layer makes no cycle. Nodes stand in an order in which every tensor is
made before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kspec.diagnostics import Problem, Route, listing, suggestion
from kspec.spec.graph import Graph, Input, Layer, Node, Ref
from kspec.spec.objects import Object
from kspec.spec.order import ordered
from kspec.spec.steps import Expanded, Nested, Shared, Step, Unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kspec.catalog import Argument, Entry
    from kspec.spec.objects import Checker
    from kspec.spec.schema import Spec


def link(spec: Spec, expanded: Expanded, checker: Checker) -> Graph | None:
    """The graph of a spec's flat steps; None where its wiring is wrong."""
    inputs = tuple(
        Input(name, given.model_dump(exclude_none=True, exclude_defaults=True), ("inputs", name))
        for name, given in spec.inputs.items()
    )
    if spec.is_library:
        return Graph(spec.name, (), {}, (), {})
    linker = _Linker(expanded.aliases, {given.name: given.route for given in inputs}, checker)
    if not inputs:
        checker.wrong("missing-key", "a spec needs at least one input", ("inputs",), "inputs: {x: 64}")
    nodes, layers = linker.nodes(expanded.steps)
    outputs = _outputs(spec, expanded, linker)
    if checker.problems:
        return None
    return Graph(spec.name, inputs, layers, ordered(nodes, linker.inputs, checker), outputs)


def _outputs(spec: Spec, expanded: Expanded, linker: _Linker) -> Any:
    """The spec's outputs as Refs; left out, the last step."""
    wanted: Any = spec.outputs
    if wanted is None:
        last = expanded.last
        if last is None and not isinstance(last, Unknown):
            linker.wrong("missing-key", "a spec without steps needs `outputs`", (), "add `outputs:`")
            return None
        return linker.final(last, ("layers",))
    if isinstance(wanted, str):
        return linker.output(wanted, ("outputs",))
    items = wanted.items() if isinstance(wanted, dict) else ((name, name) for name in wanted)
    keys: Iterable[Any] = wanted if isinstance(wanted, dict) else range(len(wanted))
    found = [(name, linker.output(target, ("outputs", key))) for (name, target), key in zip(items, keys, strict=True)]
    if not found:
        linker.wrong("missing-key", "a model needs at least one output", ("outputs",))
    if any(ref is None for _, ref in found):
        return None
    return _collected(found, linker, isinstance(wanted, dict))


def _collected(found: list[tuple[str, Any]], linker: _Linker, named: bool) -> Any:
    """A list where Keras's names for the outputs are the spec's; a mapping where they would differ."""
    own = [linker.layer_of.get(ref.name) == name and ref.output is None for name, ref in found]
    if named or not all(own) or len({name for name, _ in found}) < len(found):
        return dict(found)
    return found


class _Linker:
    """Resolves names of one graph."""

    def __init__(self, aliases: Mapping[str, Any], inputs: Mapping[str, Route], checker: Checker) -> None:
        self.aliases, self.inputs, self.checker = aliases, inputs, checker
        self.wrong = checker.wrong
        self.names: dict[str, Step | None] = dict.fromkeys(inputs)
        self.layer_of: dict[str, str] = {}

    # -- nodes -------------------------------------------------------------------------------------------------

    def nodes(self, steps: tuple[Step, ...]) -> tuple[list[Node], dict[str, Layer]]:
        """Every step as a node, and the layers that they call."""
        for step in steps:
            self.names[step.name] = step
        layers: dict[str, Layer] = {}
        nodes = []
        for step in steps:
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
                layers[step.name] = Layer(
                    step.name, inner, step.trainable, step.dtype, step.weights, step.route, step.uses
                )
            self.layer_of[step.name] = owner.name
            node = self._node(step, owner)
            if node is not None:
                nodes.append(node)
        return nodes, layers

    def _owner(self, step: Step) -> Step | None:
        """The step whose layer a `reuse` calls."""
        found: Step | None = step
        while found is not None and isinstance(found.operation, Shared):
            found = self.names.get(found.operation.name)
        if found is None:
            self.wrong("unknown-name", f"there is no layer `{step.operation.name}` to reuse", step.route)  # type: ignore[union-attr]
        return found

    def _graph(self, step: Step) -> Graph | None:
        """A nested block's own graph."""
        nested = step.operation
        assert isinstance(nested, Nested)
        routes: dict[str, Route] = dict.fromkeys(nested.inputs, ("blocks", nested.block, "inputs"))
        inner = _Linker(nested.aliases, routes, self.checker)
        before = len(self.checker.problems)
        nodes, layers = inner.nodes(nested.steps)
        outputs: Any = nested.outputs
        route: Route = ("blocks", nested.block, "outputs")
        if isinstance(outputs, dict):
            found = {key: inner.ref(ref, route, "", step.uses) for key, ref in outputs.items()}
            outputs = _collected(list(found.items()), inner, False) if None not in found.values() else None
        else:
            outputs = inner.final(outputs, ("blocks", nested.block))
        if len(self.checker.problems) > before:
            return None
        inputs = tuple(Input(name, {}, routes[name]) for name in nested.inputs)
        return Graph(step.name, inputs, layers, ordered(nodes, inner.inputs, self.checker), outputs)

    def _node(self, step: Step, owner: Step) -> Node | None:
        wires = step.wires
        if wires.__class__ is Ref:  # by far the commonest
            ref = self.ref(wires, (*step.route[:-1], "from"), step.scope, step.uses)
            if ref is None:
                return None
            if ref.__class__ is not list:
                call = self._call(step, owner) if step.call else step.call
                return Node(step.name, owner.name, (ref,), {}, call, step.route, step.uses)
            wires = ref
        resolved = self._resolve(wires, step, (*step.route[:-1], "from"))
        if resolved is None:
            return None
        call = self._call(step, owner)
        positional, named = self._placed(resolved, step, owner)
        return Node(step.name, owner.name, positional, named, call, step.route, step.uses)

    def _resolve(self, wires: Any, step: Step, route: Route) -> Any:
        """Wires with every Ref followed to a node; None where one fails."""
        if isinstance(wires, Unknown):
            return None
        if isinstance(wires, Ref):
            return self.ref(wires, route, step.scope, step.uses)
        if isinstance(wires, list):
            items = [self._resolve(item, step, (*route, index)) for index, item in enumerate(wires)]
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
        if name in self.names:
            return ref
        if name in self.aliases:
            found = self._resolved_alias(self.aliases[name], route, scope, uses)
            return self._item(found, index, name, route, uses) if index is not None else found
        head, dot, tail = name.rpartition(".")
        if dot and tail.isdigit() and len(tail) < 5:
            if head in self.names and self.names[head] is not None:
                return Ref(head, int(tail))
            if head in self.aliases:
                return self._item(
                    self._resolved_alias(self.aliases[head], route, scope, uses), int(tail), head, route, uses
                )
        self._unknown_name(name, route, scope, uses)
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

    def _item(self, found: Any, index: int, name: str, route: Route, uses: tuple[Route, ...]) -> Any:
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
        local = name[len(scope) :] if name.startswith(scope) else name
        known = [n[len(scope) :] for n in (*self.names, *self.aliases) if n.startswith(scope)]
        help = suggestion(local, known, f"names here: {listing(known, 8)}" if known else "")
        problem = Problem("unknown-name", f"there is no step or input `{local}`", route, help, uses=uses)
        self.checker.problems.append(problem)

    # -- the call ----------------------------------------------------------------------------------------------

    def _entry(self, owner: Step) -> Entry | None:
        operation = owner.operation
        if not isinstance(operation, Object):
            return None
        found = self.checker.registry.find(operation.kind, operation.name)
        return None if found is None else found.entry

    def _call(self, step: Step, owner: Step) -> Mapping[str, Any]:
        """The call's constants, known to the layer."""
        entry = self._entry(owner)
        if entry is None or entry.kind == "custom" or not step.call:
            return step.call
        names = [argument.name for argument in entry.call]
        for key in step.call:
            if key not in names:
                help = suggestion(key, names, f"its call takes {listing(names)}")
                message = f"{entry.name}'s call has no argument `{key}`"
                self._wrong(step, "unknown-argument", message, ("call", key), help, "key")
        return step.call

    def _wrong(self, step: Step, code: str, message: str, beside: Route, help: str = "", at: Any = "value") -> None:
        route = (*step.route[:-1], *beside)
        self.checker.problems.append(Problem(code, message, route, help, at, (), step.uses))

    def _placed(self, wires: Any, step: Step, owner: Step) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        """Tensors by position and by name: a list is the call's positional tensors, or the one list it expects."""
        entry = self._entry(owner)
        inputs = _inputs_of(owner.operation)
        if isinstance(wires, dict):
            if inputs is not None:
                return tuple(self._model_by_name(wires, step, inputs)), {}
            return (), self._named(wires, step, entry)
        if inputs is not None:
            return self._model_by_place(wires if isinstance(wires, list) else [wires], step, inputs), {}
        if not isinstance(wires, list):
            return (wires,), {}
        if entry is None or entry.kind == "custom":
            return ((wires,) if entry is None or not entry.call else self._by_call(wires, step, entry)), {}
        return self._by_call(wires, step, entry), {}

    def _model_by_place(self, wires: list[Any], step: Step, inputs: tuple[str, ...]) -> tuple[Any, ...]:
        if len(wires) != len(inputs):
            message = f"`{step.name}` takes {len(inputs)} inputs ({listing(inputs)}), not {len(wires)}"
            problem = Problem("wiring", message, step.route, f"`from: [{', '.join(inputs)}]`", "key", uses=step.uses)
            self.checker.problems.append(problem)
        return tuple(wires)

    def _model_by_name(self, wires: Mapping[str, Any], step: Step, inputs: tuple[str, ...]) -> list[Any]:
        if set(wires) != set(inputs):
            message = f"`{step.name}` takes {listing(inputs)}; `from` gives {listing(wires)}"
            self._wrong(step, "wiring", message, ("from",))
            return []
        return [wires[name] for name in inputs]

    def _by_call(self, wires: list[Any], step: Step, entry: Entry) -> tuple[Any, ...]:
        tensors = [argument for argument in entry.call if argument.tensor is not None]
        if entry.variadic:
            return tuple(wires)
        if not tensors or tensors[0].tensor == "list" or (len(tensors) == 1 and tensors[0].tensor == "any"):
            return (wires,)
        if len(wires) > len(tensors) or not _leading(entry.call, len(wires)):
            if len(wires) == 1:
                return (wires[0],)
            names = listing(argument.name for argument in tensors)
            only = (
                f"takes one tensor (`{tensors[0].name}`)"
                if len(tensors) == 1
                else f"takes {len(tensors)} tensors ({names})"
            )
            message = f"{entry.name} {only}, and {len(wires)} reach it"
            where: Any = "wiring"
            self.checker.problems.append(
                Problem(where, message, step.route, "join them first, with `Concatenate` say", "key", (), step.uses)
            )
        return tuple(wires)

    def _named(self, wires: Mapping[str, Any], step: Step, entry: Entry | None) -> Mapping[str, Any]:
        if entry is None or entry.kind == "custom":
            return wires
        names = [argument.name for argument in entry.call]
        for key in wires:
            if key not in names:
                help = suggestion(key, names, f"its call takes {listing(names)}")
                message = f"{entry.name}'s call has no argument `{key}`"
                self._wrong(step, "unknown-argument", message, ("from", key), help, "key")
        given = {*wires, *step.call, *(step.operation.args if isinstance(step.operation, Object) else ())}
        missing = [argument.name for argument in entry.call if argument.required and argument.name not in given]
        if missing:
            message = f"{entry.name}'s call needs {listing(missing)}"
            self._wrong(step, "missing-argument", message, ("from",), "add it to `from`")
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
            known = [*self.names, *self.aliases]
            help = suggestion(name, known, f"names here: {listing(known, 8)}")
            self.checker.problems[before:] = [
                Problem("unknown-output", f"there is no step `{name}` to be an output", route, help)
            ]
        return found

    def final(self, last: Any, route: Route) -> Any:
        """The tensor (or tensors) that a chain ends with."""
        found = self._resolved_alias(last, route, "", ())
        if isinstance(found, list):
            return {f"{ref.name}.{ref.output}" if ref.output is not None else ref.name: ref for ref in found}
        return found


def _inputs_of(operation: Any) -> tuple[str, ...] | None:
    """The names of a nested model's inputs; None for anything else."""
    if isinstance(operation, Nested):
        return operation.inputs
    return tuple(given.name for given in operation.inputs) if isinstance(operation, Graph) else None


def _leading(call: tuple[Argument, ...], count: int) -> bool:
    """Whether the call's first `count` arguments are all tensors."""
    return len(call) >= count and all(argument.tensor is not None for argument in call[:count])
