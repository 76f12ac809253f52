"""What the names of one graph stand for: steps, inputs, and other names for tensors."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

from kspec import catalog
from kspec.diagnostics import Note, Problem, Route, listing, suggestion
from kspec.spec.graph import Graph, Ref, Saved, indexed
from kspec.spec.steps import UNKNOWN, Expanded, Nested, Shared, Step, Unknown
from kspec.spec.walk import snake_case

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kspec.spec.objects import Checker

MAX_CANDIDATES = 2_000
"""Names among which the one that was meant is looked for."""


class Names:
    """The names of one graph; what is wrong with one is noted where it is used."""

    def __init__(
        self, aliases: Mapping[str, Any], inputs: Mapping[str, Route], checker: Checker, expanded: Expanded
    ) -> None:
        self.aliases, self.inputs, self.checker, self.expanded = aliases, inputs, checker, expanded
        self.names: dict[str, Step | None] = dict.fromkeys(inputs)
        """Steps by name; None is an input."""
        self.following: set[str] = set()
        """Other names for tensors that are being followed."""
        self.told = 0

    def owner(self, step: Step) -> Step | None:
        """The step whose layer a `reuse` calls."""
        found: Step | None = step
        followed = set()
        while found is not None and isinstance(found.operation, Shared):
            name = found.operation.name
            if name in followed:  # a doubled name: the `reuse` has the name of what it calls
                return None
            followed.add(name)
            found = self.names.get(name)
        return found  # the target of a `reuse` that is wrong is reported by then

    def ref(self, ref: Any, route: Route, scope: str, uses: tuple[Route, ...] = ()) -> Any:
        """A Ref (or a list of them) to nodes and inputs only; None, with the problem noted, where there is none."""
        if not isinstance(ref, Ref):
            return self.resolved(ref, route, scope, uses)
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
        found = self.resolved(self.aliases[name], route, scope, uses)
        self.following.discard(name)
        return found

    def _of_model(self, name: str, route: Route, scope: str, uses: tuple[Route, ...]) -> Ref | None:
        """An output of a model that is a step, by its name in that model: `encoder.digit`.

        What a saved model calls its outputs is known when it is loaded.
        """
        head, _, output = name.rpartition(".")
        step = self.names.get(head)
        operation = step.operation if step is not None else None
        if isinstance(operation, Shared) and step is not None:
            owner = self.owner(step)
            operation = owner.operation if owner is not None else None
        if isinstance(operation, Unknown) or head in self.expanded.doubled:
            return None
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

    def resolved(self, target: Any, route: Route, scope: str, uses: tuple[Route, ...]) -> Any:
        """What another name stands for, to nodes and inputs only; None where something in it is not known."""
        if target is None or isinstance(target, Unknown):
            return None
        if isinstance(target, (list, tuple)) and not isinstance(target, Ref):
            items = [self.ref(item, route, scope, uses) for item in target]
            return None if any(item is None for item in items) else items
        if isinstance(target, dict):
            return self.resolved(list(target.values()), route, scope, uses)
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
        local = re.sub(r"(_[0-9]+)?(\.[^.]*)?\Z", "", name)
        return any(part in _automatic_names() for part in (local, local.rpartition(".")[2])) or local in self.names

    def _nearest(self, name: str, scope: str) -> str:
        """Help for an unknown name; of many such names, only for the first ones, as looking takes its time."""
        self.told += 1
        if self.told > 20:
            return ""
        names = [name for name, step in self.names.items() if _is_known(step)]
        known = [n[len(scope) :] for n in (*names, *self.aliases) if n.startswith(scope)]
        return suggestion(name, known[:MAX_CANDIDATES], f"names here: {listing(known, 8)}" if known else "")


def _is_known(step: Step | None) -> bool:
    """Whether what a step gives is known; None is an input."""
    return step is None or not (step.operation.__class__ is Unknown or step.wires.__class__ is Unknown)


@functools.cache
def _automatic_names() -> frozenset[str]:
    """Keras's names for unnamed layers and functions."""
    names = (*catalog.names("layers"), *(name.rpartition(".")[2] for name in catalog.names("ops")))
    return frozenset(map(snake_case, names))
