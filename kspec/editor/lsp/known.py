"""What is known of an open spec beside its text: the last check that went through, and the shapes it found."""

from __future__ import annotations

from typing import Any, NamedTuple

from kspec.diagnostics import Route
from kspec.editor.lsp.document import Document
from kspec.editor.lsp.names import blocks_in, value_in
from kspec.editor.lsp.slots import Grammar
from kspec.model.plan import Call, Plan
from kspec.spec.compiled import Compiled
from kspec.spec.graph import Ref
from kspec.spec.objects import Registry


class Shapes(NamedTuple):
    """A plan and the spec that it is of."""

    plan: Plan
    compiled: Compiled


class Known(NamedTuple):
    """What earlier checks found: of the newest text that could be read, and of the newest that could be built."""

    compiled: Compiled | None = None
    shapes: Shapes | None = None

    def grammar(self, document: Document) -> Grammar:
        """What names mean in the document."""
        registry = self.compiled.registry if self.compiled is not None else Registry()
        last = self.compiled.source.data if self.compiled is not None else None
        return Grammar(registry, {**blocks_in(last), **blocks_in(document.everything)})

    def calls(self, document: Document, step: Route) -> tuple[Call, ...]:
        """The calls that a step makes, by the last plan; those of a form or block are many."""
        if self.shapes is None:
            return ()
        then = self.shapes.compiled.source.data
        place = moved(document.everything, then, step)
        if place is None:
            return ()
        found = [call for call in self.shapes.plan.calls if call.route and _is_under(place, call)]
        return tuple(found)

    def named(self, name: str) -> Call | None:
        """The call whose output a name of the top level is."""
        if self.shapes is None:
            return None
        plan, aliases = self.shapes.plan, self.shapes.compiled.expanded.aliases
        by_name = {call.name: call for call in plan.calls}
        for _ in range(20):
            if name in by_name:
                return by_name[name]
            target = aliases.get(name)
            if not isinstance(target, Ref):
                return None
            name = target.name
        return None


def _is_under(step: Route, call: Call) -> bool:
    return any(route[: len(step)] == step for route in (call.route, *call.uses))


def moved(now: Any, then: Any, step: Route) -> Route | None:
    """Where a step of `now` stands in `then`, the spec before the last changes; None where it is another one."""
    value = value_in(now, step)
    if value is None:
        return None
    if value_in(then, step) == value:
        return step
    chain = value_in(then, step[:-1])
    same = [index for index, item in enumerate(chain) if item == value] if isinstance(chain, list) else []
    return (*step[:-1], same[0]) if len(same) == 1 else None
