"""How tensors and constants become a call's arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kspec.diagnostics import Problem, Route, listing, suggestion
from kspec.spec.graph import Graph
from kspec.spec.objects import Object
from kspec.spec.steps import Nested, Step
from kspec.spec.values import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kspec.catalog import Argument, Entry
    from kspec.spec.objects import Checker


class Caller:
    """Places tensors by what the catalogue says of a call."""

    def __init__(self, checker: Checker) -> None:
        self.checker = checker
        self._needed: dict[tuple[str, str], tuple[str, ...]] = {}

    def _entry(self, owner: Step) -> Entry | None:
        operation = owner.operation
        if not isinstance(operation, Object):
            return None
        found = self.checker.registry.find(operation.kind, operation.name)
        return None if found is None else found.entry

    def _wrong(self, step: Step, code: str, message: str, beside: Route, help: str = "", at: Any = "value") -> None:
        route = (*step.route[:-1], *beside)
        self.checker.problems.append(Problem(code, message, route, help, at, (), step.uses))

    def _wiring(self, step: Step, message: str, help: str) -> None:
        self.checker.problems.append(Problem("wiring", message, step.route, help, "key", (), step.uses))

    # -- constants ---------------------------------------------------------------------------------------------

    def constants(self, step: Step, owner: Step) -> Mapping[str, Any]:
        """The call's constants, known to the layer."""
        entry = self._entry(owner)
        if entry is None or entry.kind == "custom" or not step.call:
            return step.call
        arguments = {argument.name: argument for argument in entry.call}
        for key, value in step.call.items():
            argument = arguments.get(key)
            if argument is None:
                help = suggestion(key, arguments, f"its call takes {listing(arguments)}")
                message = f"{entry.name}'s call has no argument `{key}`"
                self._wrong(step, "unknown-argument", message, ("call", key), help, "key")
            elif argument.tensor is not None and isinstance(value, str):
                first = entry.call[0].name
                help = f"write `from: {{{first}: previous, {key}: {value}}}`"
                message = f"`{key}` is a tensor, and tensors stand in `from`"
                self._wrong(step, "misplaced-word", message, ("call", key), help, "key")
            elif isinstance(argument.default, bool) and not isinstance(value, bool):
                message = f"`{key}` of {entry.name}'s call is true or false, not {shown(value)}"
                self._wrong(step, "wrong-type", message, ("call", key))
        return step.call

    # -- tensors -----------------------------------------------------------------------------------------------

    def alone(self, step: Step, owner: Step) -> None:
        """Check that one tensor is enough."""
        operation = owner.operation
        if operation.__class__ is Object:
            if self._needs(operation):
                self.placed(step.wires, step, owner)
        elif (inputs := _inputs_of(operation)) is not None:
            self._model_by_place([step.wires], step, inputs)

    def _needs(self, operation: Any) -> tuple[str, ...]:
        """The tensors that a call needs beside its first; known once for all calls."""
        key = (operation.kind, operation.name)
        if key not in self._needed:
            found = self.checker.registry.find(*key)
            call = () if found is None or found.entry.kind == "custom" or found.entry.variadic else found.entry.call
            self._needed[key] = tuple(each.name for each in call[1:] if each.required and each.tensor is not None)
        return self._needed[key]

    def placed(self, wires: Any, step: Step, owner: Step) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        """Tensors by position and by name: a list is the call's positional tensors, or the one list it expects."""
        entry = self._entry(owner)
        inputs = _inputs_of(owner.operation)
        if isinstance(wires, dict):
            if inputs is not None:
                return tuple(self._model_by_name(wires, step, inputs)), {}
            return (), self._named(wires, step, owner, entry)
        if inputs is not None:
            return self._model_by_place(wires if isinstance(wires, list) else [wires], step, inputs), {}
        if entry is None or entry.kind == "custom":
            several = isinstance(wires, list) and entry is not None and entry.call
            return (self._by_call(wires, step, entry) if several and entry is not None else (wires,)), {}
        positional = self._by_call(wires, step, entry) if isinstance(wires, list) else (wires,)
        self._enough(len(positional), step, owner, entry)
        return positional, {}

    def _enough(self, count: int, step: Step, owner: Step, entry: Entry) -> None:
        """Whether tensors by position are all that the call needs."""
        given = {*(each.name for each in entry.call[:count]), *step.call, *_arguments(owner)}
        if any(name not in given for name in self._needs(owner.operation)):
            needed = [each.name for each in entry.call if each.required and each.tensor is not None]
            wires = ", ".join(f"{name}: {'…' if index else 'previous'}" for index, name in enumerate(needed))
            message = f"{entry.name} takes {len(needed)} tensors ({listing(needed)}), and {_counted(count)} it"
            self._wiring(step, message, f"write `from: {{{wires}}}`")

    def _model_by_place(self, wires: list[Any], step: Step, inputs: tuple[str, ...]) -> tuple[Any, ...]:
        if len(wires) != len(inputs):
            takes = f"{len(inputs)} inputs" if len(inputs) != 1 else "one input"
            message = f"`{step.name}` takes {takes} ({listing(inputs)}), and {_counted(len(wires))} it"
            self._wiring(step, message, f"`from: [{', '.join(inputs)}]`, with the names of your tensors")
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
            takes = "takes one tensor" if len(tensors) == 1 else f"takes {len(tensors)} tensors"
            message = f"{entry.name} {takes} ({names}), and {_counted(len(wires))} it"
            self._wiring(step, message, "join them first, with `Concatenate` say")
        return tuple(wires)

    def _named(self, wires: Mapping[str, Any], step: Step, owner: Step, entry: Entry | None) -> Mapping[str, Any]:
        if entry is None or entry.kind == "custom":
            return wires
        names = [argument.name for argument in entry.call]
        strange = [key for key in wires if key not in names]
        for key in strange:
            help = suggestion(key, names, f"its call takes {listing(names)}")
            message = f"{entry.name}'s call has no argument `{key}`"
            self._wrong(step, "unknown-argument", message, ("from", key), help, "key")
        given = {*wires, *step.call, *_arguments(owner)}
        missing = [argument.name for argument in entry.call if argument.required and argument.name not in given]
        if missing and not strange:
            message = f"{entry.name}'s call needs {listing(missing)}"
            self._wrong(step, "missing-argument", message, ("from",), "add it to `from`")
        return wires


def _arguments(owner: Step) -> Iterable[str]:
    return owner.operation.args if isinstance(owner.operation, Object) else ()


def _counted(count: int) -> str:
    return "one reaches" if count == 1 else f"{count} reach"


def _inputs_of(operation: Any) -> tuple[str, ...] | None:
    """The names of a nested model's inputs; None for anything else."""
    if isinstance(operation, Nested):
        return operation.inputs
    return tuple(given.name for given in operation.inputs) if isinstance(operation, Graph) else None


def _leading(call: tuple[Argument, ...], count: int) -> bool:
    """Whether the call's first `count` arguments are all tensors."""
    return len(call) >= count and all(argument.tensor is not None for argument in call[:count])
