"""What a place of a document means: the one answer that hover, definition, references and rename share."""

from __future__ import annotations

from typing import NamedTuple

from kspec.diagnostics import Route
from kspec.editor.lsp import names
from kspec.editor.lsp.document import Document, Spot
from kspec.editor.lsp.known import Known
from kspec.editor.lsp.names import TOP, Given
from kspec.editor.lsp.positions import Range
from kspec.editor.lsp.slots import Grammar, lone

_REFS = ("refs", "reuse", "by-output", "by-tensor")
_TENSOR_KEYS = ("by-output", "by-tensor")


class Meaning(NamedTuple):
    """A word of the text and what it stands for."""

    what: str
    """`name`, `output`, `block`, `variable`, `file`; `operation`, `argument`, `value`, `word`, `section` …"""
    name: str
    range: Range
    spot: Spot
    given: Given | None = None
    """Where it is given; None where that is not known."""
    scope: Route = TOP


class Reader:
    """Tells the meaning of the words of one document."""

    def __init__(self, document: Document, known: Known) -> None:
        self.document, self.known = document, known
        self.grammar: Grammar = known.grammar(document)
        self._names: dict[Route, dict[str, Given]] = {}
        self._automatic: dict[Route, dict[str, Given]] = {}
        self.outputs = names.outputs_in(document.everything)

    def at(self, offset: int) -> Meaning | None:
        """The meaning of the word at an offset."""
        spot = self.document.spot(offset)
        if spot is None:
            return None
        found = self.meanings(spot)
        inside = [each for each in found if each.range.start <= offset <= each.range.end]
        return inside[-1] if inside else None

    def meanings(self, spot: Spot) -> list[Meaning]:
        """What a key or a scalar means, and the variables in it."""
        raw = self.document.raw(spot)
        found = []
        if (main := self._main(spot, raw)) is not None:
            found.append(main)
            if main.what == "name" and main.given is not None and main.name != str(spot.value):
                found += self._inner(main, spot)
        if "$" in raw:
            known = names.variables_in(self.document.everything, spot.route)
            for name, start, end in names.variables_at(raw):
                place = Range(spot.start + start, spot.start + end)
                given = known.get(name)
                scope = given.route if given is not None else TOP
                found.append(Meaning("variable", name, place, spot, given, scope))
        return found

    def names(self, scope: Route) -> dict[str, Given]:
        """The names that a scope's inputs and steps give themselves."""
        if scope not in self._names:
            self._names[scope] = names.names_in(self.document.everything, scope)
        return self._names[scope]

    def automatic(self, scope: Route) -> dict[str, Given]:
        """The names that Keras's rule gives in a scope."""
        if scope not in self._automatic:
            compiled = self.known.compiled
            self._automatic[scope] = names.automatic(compiled.expanded, scope) if compiled is not None else {}
        return self._automatic[scope]

    def _main(self, spot: Spot, raw: str) -> Meaning | None:
        """What a spot as a whole means."""
        data, text = self.document.everything, str(spot.value)
        around = self.grammar.slot(data, spot.route[:-1] if spot.at == "key" else spot.route)
        place, scope = _bare(spot, raw), names.scope_of(spot.route)
        role = around.role
        if spot.at == "key":
            return self._key(spot, text, place, role, scope)
        is_held = text in self.grammar.blocks and lone(around).kind == "layers"
        if (role in ("step", "chain") or is_held) and isinstance(spot.value, str):
            return self._operation(text, place, spot)
        if role in _REFS and isinstance(spot.value, str) and role not in _TENSOR_KEYS:
            return self._reference(text, place, spot, scope)
        if role == "names" and isinstance(spot.value, str):
            kind = "input" if "inputs" in spot.route[2:3] and scope else "step"
            return Meaning("name", text, place, spot, Given(spot.route, "value", kind), scope)
        if role == "file" and isinstance(spot.value, str):
            return Meaning("file", text, place, spot)
        return Meaning("value", text, place, spot)

    def _key(self, spot: Spot, text: str, place: Range, role: str, scope: Route) -> Meaning:
        route = spot.route
        if role == "inputs":
            return Meaning("name", text, place, spot, Given(route, "key", "input"), scope)
        if role == "vars":
            return Meaning("variable", text, place, spot, Given(route, "key", "variable"), route)
        if role == "blocks":
            return Meaning("block", text, place, spot, Given(route, "key", "block"))
        if role == "chains":
            return Meaning("name", text, place, spot, Given(route, "key", "step"), scope)
        if role == "repeat":
            return Meaning("variable", text, place, spot, Given(route, "key", "variable"), route)
        if role == "use":
            block = str(self.grammar.slot(self.document.everything, route[:-1]).name)
            given = Given(("blocks", block, "vars", text), "key", "variable")
            if text in names.block_variables(self.document.everything, block):
                return Meaning("variable", text, place, spot, given, given.route)
            return Meaning("argument", text, place, spot)
        is_held = role in ("object", "arguments") and self.grammar.slot(self.document.everything, route).role == "use"
        if is_held or (role in ("step", "chain") and text == self.grammar.operation(self._step(route))):
            return self._operation(text, place, spot)
        if role == "refs" and route[:-1] == ("outputs",):
            return Meaning("output", text, place, spot, Given(route, "key", "output"))
        if role in _TENSOR_KEYS:
            slot = self.grammar.slot(self.document.everything, route)
            if slot.role == "arguments":
                return Meaning("object", text, place, spot)
            if text in self.outputs:
                return Meaning("output", text, place, spot, self.outputs[text])
            return self._reference(text, place, spot, TOP)
        words = {"step": "word", "chain": "word", "top": "section", "object": "object"}
        return Meaning(words.get(role, "argument"), text, place, spot)

    def _step(self, route: Route) -> object:
        return names.value_in(self.document.everything, route[:-1])

    def _operation(self, text: str, place: Range, spot: Spot) -> Meaning:
        if text in self.grammar.blocks:
            return Meaning("block", text, place, spot, Given(("blocks", text), "key", "block"))
        return Meaning("operation", text, place, spot)

    def _inner(self, head: Meaning, spot: Spot) -> list[Meaning]:
        """What follows the name of a block's use: `.dense` in `tower.dense`."""
        full = str(spot.value)
        given = self.automatic(head.scope).get(full)
        start = head.range.end + 1
        return [Meaning("name", full, Range(start, spot.end), spot, given, head.scope)] if given is not None else []

    def _reference(self, text: str, place: Range, spot: Spot, scope: Route) -> Meaning:
        if text in ("previous", "input") and text not in self.names(scope):
            return Meaning("word", text, place, spot)
        found = names.find(text, self.names(scope)) or names.find(text, self.automatic(scope))
        if found is None:
            return Meaning("name", text, place, spot, None, scope)
        head, given = found
        return Meaning("name", head, Range(place.start, place.start + len(head)), spot, given, scope)


def _bare(spot: Spot, raw: str) -> Range:
    """A spot without its quotes."""
    if len(raw) > 1 and raw[0] in "'\"" and raw[-1] == raw[0]:
        return Range(spot.start + 1, spot.end - 1)
    return Range(spot.start, spot.end)
