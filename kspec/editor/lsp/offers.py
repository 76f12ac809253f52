"""The words that are expected where something is being typed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from kspec import catalog
from kspec.catalog import Entry
from kspec.diagnostics import Route
from kspec.editor.lsp import describe, names
from kspec.editor.lsp.cursor import Cursor
from kspec.editor.lsp.document import Document
from kspec.editor.lsp.known import Known
from kspec.editor.lsp.names import value_in
from kspec.editor.lsp.slots import BLOCK_KEYS, FORMS, SECTIONS, Grammar, Slot, lone
from kspec.spec.adapting import MODES
from kspec.spec.blocks import TAKE_MODELS
from kspec.spec.places import SECTIONS as TOP
from kspec.spec.stepform import BESIDE, WORDS

_METRIC_WORDS = catalog.COMPILE_METRICS
_DTYPES = (
    *("float32", "float16", "bfloat16", "float64", "int32", "int64", "int8", "uint8", "bool", "string"),
    *("mixed_float16", "mixed_bfloat16"),
)


class Item(NamedTuple):
    """One word that can be typed."""

    label: str
    kind: str
    """`layer`, `function`, `block`, `word`, `argument`, `choice`, `object`, `name`, `variable`, `section`, `file`."""
    detail: str = ""
    insert: str = ""
    """What is written; the label where it is empty."""
    doc: str = ""
    rank: int = 5
    """Lower ones are shown first."""


class Offers:
    """Everything that can be typed at one place."""

    def __init__(self, document: Document, known: Known, at: Cursor) -> None:
        self.document, self.known, self.at = document, known, at
        grammar = known.grammar(document)
        self.grammar = Grammar(grammar.registry, {**grammar.blocks, **names.blocks_in(at.data)})
        self.route: Route = at.route[:-1] if at.at == "key" else at.route
        self.slot = self.grammar.slot(at.data, self.route)
        self.scope = names.scope_of(self.route)

    def all(self) -> Iterator[Item]:
        """Everything that fits."""
        if self.at.variable:
            yield from self.variables()
            return
        if self.at.at == "key":
            yield from self.keys(self.slot)
            return
        yield from self.values(self.slot)
        if self.at.alone and self.slot.role not in ("step", "refs", "reuse", "names"):
            yield from self.keys(self.slot)

    # -- keys --------------------------------------------------------------------------------------------------

    def keys(self, slot: Slot) -> Iterator[Item]:
        """The keys of the mapping at the cursor."""
        given = value_in(self.at.data, self.route)
        there = set(given) if isinstance(given, dict) else set()
        role = slot.role
        if role == "top":
            yield from (self.key(name, "section", describe.TOP.get(name, "")) for name in TOP if name not in there)
        elif role in ("step", "chain"):
            yield from self.in_step(given, there)
        elif role == "arguments":
            yield from self.arguments(slot, there)
        elif role == "section":
            fields = (name for name in SECTIONS[slot.name].model_fields if name not in there)
            yield from (self.key(name, "argument", describe.field(slot.name, name)) for name in fields)
        elif role == "block":
            yield from (self.key(name, "word", describe.BLOCK[name]) for name in BLOCK_KEYS if name not in there)
        elif role == "use":
            for name, value in names.block_variables({"blocks": self.grammar.blocks}, slot.name).items():
                if name not in there:
                    yield self.key(name, "argument", describe.default(value, value is None))
        elif role == "call" and slot.known is not None:
            constants = (each for each in slot.known.entry.call if each.tensor is None and each.name not in there)
            yield from (self.key(each.name, "argument", describe.argument(each)) for each in constants)
        elif role == "object":
            yield from self.objects(slot.kind, key=True)
        elif role == "by-output":
            yield from (Item(each.label, each.kind, insert=self._colon(each.label), rank=1) for each in self.tensors())
            if slot.kind:
                yield from self.objects(slot.kind, key=True)
        elif role == "by-tensor":
            yield from (Item(each.label, each.kind, insert=self._colon(each.label), rank=1) for each in self.tensors())
        elif role == "refs" and len(self.route) and self.route[-1] == "from":
            yield from self.call_arguments(there)

    def key(self, name: str, kind: str, doc: str = "", rank: int = 5, detail: str = "") -> Item:
        return Item(name, kind, detail, self._colon(name), doc, rank)

    def _colon(self, name: str) -> str:
        return name if self.at.colon else f"{name}: "

    def in_step(self, step: Any, there: set[Any]) -> Iterator[Item]:
        """kspec's words beside an operation, and operations where there is none yet."""
        others = {key: None for key in there if not str(key).startswith("KSPECx")}
        operation = self.grammar.operation({key: step[key] for key in others}) if isinstance(step, dict) else ""
        if not operation or self.at.colon:
            yield from self.operations()
        for name in sorted(BESIDE.get(operation, WORDS) if operation else ()):
            if name not in there:
                yield self.key(name, "word", describe.WORDS.get(name, ""), 1)

    def arguments(self, slot: Slot, there: set[Any]) -> Iterator[Item]:
        if slot.known is None:
            return
        for index, each in enumerate(slot.known.entry.parameters):
            if each.name not in there:
                told = describe.default(each.default, each.required)
                doc = describe.parameter(each, slot.known.entry.name)
                detail = f"{describe.kind(each)}, {told}".replace("`", "")
                yield self.key(each.name, "argument", doc, 1 if each.required else 2 + min(index, 9) // 5, detail)

    def call_arguments(self, there: set[Any]) -> Iterator[Item]:
        """The tensors of the call, in a `from` that is a mapping; a block's inputs."""
        operation = self.grammar.operation(value_in(self.at.data, self.route[:-1]))
        found = self.grammar.entry(operation)
        if found is not None:
            tensors = [each for each in found.entry.call if each.tensor is not None and each.name not in there]
            yield from (self.key(each.name, "argument", describe.argument(each)) for each in tensors)
        elif operation in self.grammar.blocks:
            body = self.grammar.blocks[operation]
            inputs = body.get("inputs", "input") if isinstance(body, dict) else ()
            for name in [inputs] if isinstance(inputs, str) else inputs or ():
                yield self.key(str(name), "argument")

    # -- values ------------------------------------------------------------------------------------------------

    def values(self, slot: Slot) -> Iterator[Item]:
        role = slot.role
        if role in ("step", "chain"):
            yield from self.operations()
        elif role in ("refs", "reuse"):
            yield from self.references(role)
        elif role == "flag" or (role == "value" and slot.parameter is not None and slot.parameter.type == "bool"):
            yield from (Item(name, "choice") for name in ("true", "false"))
        elif role == "quantize":
            yield from (Item(name, "choice") for name in (*MODES, "false"))
        elif role == "object":
            yield from self.objects(slot.kind, key=self.at.alone and self.at.flow)
        elif role == "by-output" and slot.kind:
            yield from self.objects(slot.kind, key=False)
        elif role == "arguments":
            first = lone(slot)
            if first is not slot and first.role in ("value", "object"):
                yield from self.values(first)
            elif self.at.alone:
                return
        elif role == "field":
            yield from self.field(slot.name)
        if slot.parameter is not None and slot.parameter.choices:
            yield from (Item(name, "choice", rank=1) for name in slot.parameter.choices)

    def field(self, name: str) -> Iterator[Item]:
        """The values of a section's key."""
        section, _, key = name.partition(".")
        model = SECTIONS.get(section)
        if key == "dtype":
            yield from (Item(each, "choice") for each in _DTYPES[:10])
        elif model is not None and key in model.model_fields and "bool" in str(model.model_fields[key].annotation):
            yield from (Item(each, "choice") for each in ("true", "false"))

    def operations(self) -> Iterator[Item]:
        """Everything that a step can be."""
        for name in self.grammar.blocks:
            variables = names.block_variables({"blocks": self.grammar.blocks}, name)
            yield Item(name, "block", "block", self._colon(name) if variables else name, rank=1)
        for name, found in self.grammar.registry.custom.items():
            yield Item(name, "layer", "custom", self._colon(name) if found.required else name, found.entry.doc, 2)
        for name in FORMS:
            yield self.key(name, "word", describe.WORDS[name], 2)
        for kind, what in (("layers", "layer"), ("ops", "function")):
            for each in catalog.entries(kind).values():
                if not each.jax:
                    yield Item(each.name, what, rank=3 if kind == "layers" else 4, insert=self._named(each))

    def _named(self, entry: Entry) -> str:
        """A name with a colon where it needs arguments."""
        return self._colon(entry.name) if any(each.required for each in entry.parameters) else entry.name

    def objects(self, kind: str, key: bool) -> Iterator[Item]:
        """Keras's objects of a kind; identifiers in small letters first where the name alone is enough."""
        if kind == "dtype_policies":
            yield from (Item(name, "choice") for name in _DTYPES)
            return
        if kind == "metrics" and not key:
            yield from (Item(name, "choice", "chosen by the loss and the shape", rank=1) for name in _METRIC_WORDS)
        for name in catalog.names(kind):
            found = catalog.find(kind, name)
            if found is None or found.jax:
                continue
            for identifier in found.identifiers if not key else ():
                if identifier.islower() and "." not in identifier:
                    yield Item(identifier, "object", name, rank=2)
            yield Item(name, "object", insert=self._colon(name) if key else name, rank=3)
        for name in self.grammar.registry.custom:
            yield Item(name, "object", "custom", insert=self._colon(name) if key else name)
        owner = self.slot.known
        if kind == "layers" and owner is not None and owner.entry.name in TAKE_MODELS:
            yield from (
                Item(name, "block", "block", self._colon(name) if key else name, rank=1) for name in self.grammar.blocks
            )

    def references(self, role: str) -> Iterator[Item]:
        """The names in scope, in the order: those that are given, `previous`, automatic ones."""
        given = names.names_in(self.at.data, self.scope)
        step = self.grammar.step(self.at.data, self.route)
        around = value_in(self.at.data, step) if step is not None else None
        own = around.get("name") if isinstance(around, dict) else None
        for name, where in given.items():
            if name != own and not (role == "reuse" and where.what == "input"):
                yield Item(name, "name", self.told(name, where.what), rank=1)
        if role == "refs" and self.route[:1] != ("outputs",) and self.route[-2:-1] != ("outputs",):
            yield Item("previous", "word", "the previous step's output", rank=2)
            yield Item("input", "word", "the input of the block or chain", rank=3)
        compiled = self.known.compiled
        if compiled is not None:
            for name in names.automatic(compiled.expanded, self.scope):
                if name not in given:
                    yield Item(name, "name", self.told(name, ""), rank=4)

    def told(self, name: str, what: str) -> str:
        """What a name is, and its shape where that is known."""
        call = self.known.named(name) if not self.scope else None
        if call is None or not call.outputs:
            return what
        return ", ".join(f"({', '.join(map(str, shape))})" for shape, _ in call.outputs)

    def tensors(self) -> Iterator[Item]:
        """The outputs' names (and the inputs', where arrays are matched)."""
        data = self.at.data
        outputs = data.get("outputs") if isinstance(data, dict) else None
        compiled = self.known.compiled
        found = compiled.graph.output_names() if compiled is not None else ()
        listed = outputs if isinstance(outputs, (dict, list)) else [outputs] if isinstance(outputs, str) else found
        inputs = data.get("inputs") if isinstance(data, dict) and self.slot.role == "by-tensor" else None
        for name in [*listed, *(inputs if isinstance(inputs, dict) else ())]:
            yield Item(str(name), "name", "output" if name in listed else "input")

    def variables(self) -> Iterator[Item]:
        compiled = self.known.compiled
        values = compiled.variables if compiled is not None else {}
        for name, where in names.variables_in(self.at.data, self.route).items():
            value = values.get(name) if where.route[:1] == ("vars",) else value_in(self.at.data, where.route)
            yield Item(name, "variable", describe.flow(value) if isinstance(value, (int, float, str)) else "")
