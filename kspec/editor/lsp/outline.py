"""A document's outline: sections, inputs, variables, blocks, and steps by their names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from kspec.diagnostics import Route
from kspec.editor.lsp.document import Document
from kspec.editor.lsp.known import Known
from kspec.editor.lsp.positions import Range
from kspec.editor.lsp.slots import Grammar
from kspec.spec.expressions import UNREAD

_MOST = 20_000
"""So many symbols are told."""


class Symbol(NamedTuple):
    """One line of the outline."""

    name: str
    detail: str
    kind: str
    """`section`, `input`, `variable`, `block`, `step`, `form`."""
    range: Range
    selection: Range
    children: tuple[Symbol, ...] = ()


def outline(document: Document, known: Known) -> list[Symbol]:
    """The symbols of the document, nested."""
    data = document.data
    if not isinstance(data, dict):
        return []
    maker = _Maker(document, known.grammar(document))
    return [maker.section(name, value) for name, value in data.items() if maker.has((name,))]


class _Maker:
    def __init__(self, document: Document, grammar: Grammar) -> None:
        self.document, self.grammar, self.count = document, grammar, 0
        self.keys = {spot.route: Range(spot.start, spot.end) for spot in document.spots if spot.at == "key"}
        self.first: dict[Route, Range] = {}
        """The first word at or below each route."""
        self.ends: dict[Route, int] = {}
        for spot in document.spots:
            for length in range(1, len(spot.route) + 1):
                route = spot.route[:length]
                self.first.setdefault(route, Range(spot.start, spot.end))
                self.ends[route] = max(self.ends.get(route, 0), spot.end)

    def has(self, route: Route) -> bool:
        return route in self.first

    def symbol(
        self, name: Any, detail: str, kind: str, route: Route, children: Iterator[Symbol] | None = None
    ) -> Symbol:
        self.count += 1
        inner = tuple(children) if children is not None and self.count < _MOST else ()
        selection = self.keys.get(route) or self.first[route]
        end = max([self.ends[route], *(child.range.end for child in inner)])
        return Symbol(_short(name) or "?", detail, kind, Range(selection.start, end), selection, inner)

    def section(self, name: Any, value: Any) -> Symbol:
        route: Route = (name,)
        children: Iterator[Symbol] | None = None
        if name == "layers":
            children = self.chain(value, route)
        elif name in ("inputs", "vars"):
            children = self.members(value, route, "input" if name == "inputs" else "variable")
        elif name == "blocks" and isinstance(value, dict):
            children = (self.block(key, body) for key, body in value.items() if self.has(("blocks", key)))
        return self.symbol(name, "" if children is not None else _short(value), "section", route, children)

    def members(self, value: Any, route: Route, kind: str) -> Iterator[Symbol]:
        for key, item in value.items() if isinstance(value, dict) else ():
            if self.has((*route, key)):
                yield self.symbol(key, _short(item), kind, (*route, key))

    def block(self, name: Any, body: Any) -> Symbol:
        route: Route = ("blocks", name)

        def inside() -> Iterator[Symbol]:
            if isinstance(body, dict):
                yield from self.members(body.get("vars"), (*route, "vars"), "variable")
                yield from self.chain(body.get("layers"), (*route, "layers"))

        return self.symbol(name, "", "block", route, inside())

    def chain(self, chain: Any, route: Route) -> Iterator[Symbol]:
        if isinstance(chain, (dict, str)) and self.has(route):  # a key that stands twice has no place of its own
            yield self.step(chain, route)
        for index, item in enumerate(chain) if isinstance(chain, list) else ():
            if self.has((*route, index)):
                yield self.step(item, (*route, index))

    def step(self, step: Any, route: Route) -> Symbol:
        operation = self.grammar.operation(step)
        if not isinstance(step, dict):
            return self.symbol(operation, "", "step", route)
        value, name = step.get(operation), step.get("name")
        given = ", ".join(map(str, name)) if isinstance(name, list) else name
        children: Iterator[Symbol] | None = None
        if operation == "repeat":
            children = self.chain(step.get("layers"), (*route, "layers"))
        elif operation == "residual":
            children = self.chain(value, (*route, operation))
        elif operation == "parallel":
            children = self.branches(value, (*route, operation))
        detail = "" if children is not None and operation != "repeat" else _short(value)
        title = given if given else operation
        return self.symbol(
            title, f"{operation} {detail}".strip() if given else detail, "form" if children else "step", route, children
        )

    def branches(self, value: Any, route: Route) -> Iterator[Symbol]:
        pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, chain in pairs:
            if self.has((*route, key)):
                name = f"chain {key + 1}" if isinstance(value, list) else key
                yield self.symbol(name, "", "form", (*route, key), self.chain(chain, (*route, key)))


def _short(value: Any) -> str:
    """A value in a few words."""
    if value is None or value == UNREAD:
        return ""
    if isinstance(value, dict):
        text = ", ".join(f"{key}: {_short(item)}" for key, item in list(value.items())[:4])
    elif isinstance(value, list):
        text = f"[{', '.join(map(_short, value[:6]))}]"
    else:
        text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 60 else text[:59] + "…"
