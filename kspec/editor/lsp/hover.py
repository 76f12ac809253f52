"""What is told of the word under the pointer, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from kspec.catalog import Parameter
from kspec.diagnostics import Route
from kspec.editor.lsp import describe, names
from kspec.editor.lsp.document import Document
from kspec.editor.lsp.known import Known
from kspec.editor.lsp.names import value_in
from kspec.editor.lsp.places import Meaning, Reader
from kspec.editor.lsp.positions import Range
from kspec.editor.lsp.slots import lone
from kspec.model.plan import Call
from kspec.spec.objects import Known as Entry


class Hover(NamedTuple):
    """Markdown about a piece of the text."""

    text: str
    range: Range


def hover(document: Document, known: Known, offset: int) -> Hover | None:
    """What is known of what stands at an offset; None where nothing is."""
    reader = Reader(document, known)
    meaning = reader.at(offset)
    if meaning is None:
        return None
    text = _Teller(reader).tell(meaning)
    return Hover(text, meaning.range) if text else None


class _Teller:
    def __init__(self, reader: Reader) -> None:
        self.reader, self.document, self.known = reader, reader.document, reader.known
        self.grammar, self.data = reader.grammar, reader.document.everything

    def tell(self, meaning: Meaning) -> str:
        route = meaning.spot.route
        if meaning.what == "operation":
            return _joined([self.step(route), self.operation(meaning.name)])
        if meaning.what == "block":
            used = self.step(route) if route[:1] != ("blocks",) or len(route) > 2 else ""
            return _joined([used, self.block(meaning.name)])
        if meaning.what == "variable":
            return self.variable(meaning)
        if meaning.what in ("name", "output"):
            return self.name(meaning)
        if meaning.what == "word":
            return _joined([self.step(route), describe.word(meaning.name)])
        if meaning.what == "section":
            return describe.section(meaning.name)
        return self.argument(meaning)

    # -- steps -------------------------------------------------------------------------------------------------

    def step(self, route: Route) -> str:
        """The shapes and parameters of the step around a place."""
        place = self.grammar.step(self.data, route)
        return _shapes(self.known.calls(self.document, place), self._is_form(place)) if place is not None else ""

    def _is_form(self, place: Route) -> bool:
        operation = self.grammar.operation(value_in(self.data, place))
        return operation in self.grammar.blocks or operation in ("repeat", "residual", "parallel")

    def operation(self, name: str) -> str:
        found = self.grammar.entry(name)
        return describe.entry(found.entry) if found is not None else describe.word(name)

    def block(self, name: str) -> str:
        body = self.grammar.blocks.get(name)
        variables = names.block_variables({"blocks": {name: body}}, name)
        lines = [f"block `{name}`"]
        if variables:
            lines.append("")
            lines += [f"- `{key}`: {describe.default(value, value is None)}" for key, value in variables.items()]
        return "\n".join(lines)

    # -- names and variables -----------------------------------------------------------------------------------

    def name(self, meaning: Meaning) -> str:
        given = meaning.given
        if given is None:
            return ""
        step = self.grammar.step(self.data, given.route) if given.what != "input" else None
        title = f"{given.what if given.what != 'automatic' else 'step'} `{meaning.name}`"
        call = self.known.named(meaning.name) if not meaning.scope else None
        if given.what == "input" and not meaning.scope:
            shape = f"`{_shape(call.outputs)}`" if call is not None and call.outputs else ""
            return _joined([f"{title}: {shape}" if shape else title])
        if given.what == "output":
            target = value_in(self.data, given.route)
            call = self.known.named(str(target))
            return _joined([f"{title}: `{target}`", _shapes((call,), False) if call is not None else ""])
        operation = self.grammar.operation(value_in(self.data, step)) if step is not None else ""
        told = f"{title}: `{operation}`" if operation else title
        if call is not None:
            return _joined([told, _shapes((call,), False)])
        return _joined([told, self.step(given.route) if step is not None else ""])

    def variable(self, meaning: Meaning) -> str:
        if meaning.given is None:
            return f"there is no variable `{meaning.name}` here"
        route = meaning.given.route
        written = value_in(self.data, route)
        title = f"variable `{meaning.name}`"
        if "repeat" in route:
            return f"{title} of a `repeat`, which walks `{describe.flow(written)}`"
        if route[0] == "blocks":
            return f"{title} of the block `{route[1]}`: {describe.default(written, written is None)}"
        compiled = self.known.compiled
        value = compiled.variables.get(meaning.name) if compiled is not None else written
        is_formula = isinstance(written, str) and "$" in written
        shown = f"{title} = `{describe.flow(written)}`"
        return f"{shown} = `{describe.flow(value)}`" if is_formula and isinstance(value, (int, float, str)) else shown

    # -- arguments and values ----------------------------------------------------------------------------------

    def argument(self, meaning: Meaning) -> str:
        route = meaning.spot.route
        if meaning.spot.at == "key":
            around = self.grammar.slot(self.data, route[:-1])
            if around.role == "arguments" and around.known is not None:
                parameter = around.known.parameters.get(meaning.name)
                if parameter is not None:
                    return describe.parameter(parameter, around.known.entry.name)
            if around.role in ("call", "refs"):
                found = around.known or self._called(route)
                argument = found.entry.argument(meaning.name) if found is not None else None
                return describe.argument(argument) if argument is not None else ""
            if around.role == "section":
                return describe.field(around.name, meaning.name)
            slot = self.grammar.slot(self.data, route)
            if slot.role == "arguments" and slot.known is not None:
                return describe.entry(slot.known.entry)
            return ""
        return self._value(meaning)

    def _called(self, route: Route) -> Entry | None:
        """What the step around a place calls."""
        step = self.grammar.step(self.data, route)
        return self.grammar.entry(self.grammar.operation(value_in(self.data, step))) if step is not None else None

    def _value(self, meaning: Meaning) -> str:
        slot = lone(self.grammar.slot(self.data, meaning.spot.route))
        parts = []
        kind = slot.kind or ("metrics" if slot.role == "by-output" else "")
        if kind and isinstance(meaning.spot.value, str):
            found = self.grammar.registry.find(kind, meaning.name)
            if found is not None:
                parts.append(describe.entry(found.entry))
        parameter: Parameter | None = slot.parameter
        if parameter is not None and slot.known is not None:
            parts.append(describe.parameter(parameter, slot.known.entry.name))
        return _joined(parts)


def _shapes(calls: Iterable[Call], form: bool) -> str:
    """What calls give and have: of a form or a block, what the last one gives and what all have."""
    calls = list(calls)
    if not calls:
        return ""
    last = calls[-1]
    text = f"output: `{_shape(last.outputs)}`" if last.outputs else ""
    params = sum(call.params for call in calls)
    trainable = sum(call.trainable for call in calls)
    counted = f"{params:,} parameter{'s' * (params != 1)}"
    if trainable != params:
        counted += f" ({trainable:,} trainable)"
    if all(call.shared for call in calls):
        counted = "its weights are shared"
    several = f", {len(calls)} calls" if len(calls) > 1 or form else ""
    return "  \n".join(part for part in (text, counted + several) if part)


def _shape(outputs: Any) -> str:
    return ", ".join(f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)}) {dtype}" for shape, dtype in outputs)


def _joined(parts: list[str]) -> str:
    return "\n\n".join(part for part in parts if part)
