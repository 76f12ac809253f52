"""What a spec expects at each of its places: the grammar, walked along a route."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from kspec.catalog import Parameter
from kspec.diagnostics import Route
from kspec.spec.objects import Known, Registry
from kspec.spec.schema import Compile, Data, DataFile, Expect, Fit, Input
from kspec.spec.stepform import BESIDE, WORDS


class Slot(NamedTuple):
    """What may stand at a place. `role` says what; the rest belongs to some roles only."""

    role: str
    kind: str = ""
    """Of a Keras object: a kind of the catalogue."""
    known: Known | None = None
    """The layer, function or object whose arguments (or whose call's arguments) stand here."""
    parameter: Parameter | None = None
    """The argument whose value stands here."""
    name: str = ""
    """Of the block that is used or defined, or of the section."""


FREE = Slot("free")
SECTIONS: dict[str, Any] = {
    "compile": Compile,
    "fit": Fit,
    "data": Data,
    "expect": Expect,
    "input": Input,
    "datafile": DataFile,
}
"""The pydantic models whose fields are the keys of a section."""
BLOCK_KEYS = ("vars", "inputs", "outputs", "layers", "nested")
FORMS = tuple(BESIDE)

_TOP = {
    "inputs": Slot("inputs"),
    "vars": Slot("vars"),
    "blocks": Slot("blocks"),
    "layers": Slot("chain"),
    "outputs": Slot("refs"),
    "weights": Slot("file"),
    "extends": Slot("file"),
    "import": Slot("file"),
    "dtype_policy": Slot("object", "dtype_policies"),
    "quantize": Slot("quantize"),
    **{name: Slot("section", name=name) for name in ("compile", "fit", "data", "expect")},
}
_FIELDS = {
    "compile": {
        "optimizer": Slot("object", "optimizers"),
        "loss": Slot("by-output", "losses"),
        "loss_weights": Slot("by-output"),
        "metrics": Slot("by-output", "metrics"),
        "weighted_metrics": Slot("by-output", "metrics"),
    },
    "fit": {
        "callbacks": Slot("object", "callbacks"),
        "class_weight": Slot("by-output"),
        "sample_weight": Slot("by-output"),
    },
    "data": dict.fromkeys(("train", "validation", "test"), Slot("section", name="datafile")),
    "expect": {"outputs": Slot("by-output")},
    "datafile": {"path": Slot("file"), "fields": Slot("by-tensor")},
}
_WORDS = {
    "name": Slot("names"),
    "from": Slot("refs"),
    "when": Slot("flag"),
    "trainable": Slot("flag"),
    "dtype": Slot("object", "dtype_policies"),
    "weights": Slot("file"),
    "quantize": Slot("quantize"),
    "output": Slot("free"),
    "layers": Slot("chain"),
    "merge": Slot("object", "layers"),
    "reuse": Slot("reuse"),
    "repeat": Slot("repeat"),
    "residual": Slot("chain"),
    "parallel": Slot("chains"),
    "model": Slot("file"),
}


class Grammar(NamedTuple):
    """What names mean in one spec."""

    registry: Registry
    blocks: Mapping[str, Any]

    def slot(self, data: Any, route: Route) -> Slot:
        """What is expected at a route of `data`."""
        slot = Slot("top")
        for part in route:
            slot = self._inside(slot, data, part)
            data = _member(data, part)
        return slot

    def step(self, data: Any, route: Route) -> Route | None:
        """The route of the innermost step around a place, that place included."""
        slot, found = Slot("top"), None
        for length, part in enumerate(route):
            slot = self._inside(slot, data, part)
            data = _member(data, part)
            if slot.role == "step" or (slot.role == "chain" and not isinstance(data, list)):
                found = route[: length + 1]
        return found

    def operation(self, step: Any) -> str:
        """The operation of a step; an empty text where it has none."""
        if isinstance(step, str):
            return step
        if not isinstance(step, dict):
            return ""
        keys = [key for key in step if isinstance(key, str)]
        form = next((key for key in keys if key in BESIDE), "")
        others = [key for key in keys if key not in WORDS and key not in ("layers", "merge", "output")]
        return form or next((key for key in others if self.known(key)), "") or (others[0] if others else "")

    def known(self, name: str) -> bool:
        """Whether a name is an operation."""
        return name in self.blocks or name in BESIDE or self.entry(name) is not None

    def entry(self, name: str) -> Known | None:
        """The layer or function of a name that is no block."""
        if name in self.blocks:
            return None
        return self.registry.find("layers", name) or self.registry.find("ops", name)

    def _inside(self, slot: Slot, data: Any, part: Any) -> Slot:
        role = slot.role
        if role == "top":
            return _TOP.get(part, FREE)
        if isinstance(data, list):
            return Slot("step") if role == "chain" else Slot("chain") if role == "chains" else slot
        if role in ("chain", "step"):
            return self._in_step(data, part)
        if role == "inputs":
            return Slot("section", name="input")
        if role == "blocks":
            return Slot("block", name=str(part))
        if role == "block":
            inner = {"vars": "vars", "layers": "chain", "outputs": "refs", "inputs": "names", "nested": "flag"}
            if part == "inputs" and isinstance(_member(data, part), dict):
                return Slot("inputs")
            return Slot(inner.get(part, "free"))
        if role == "section":
            return _FIELDS.get(slot.name, {}).get(part, Slot("field", name=f"{slot.name}.{part}"))
        if role == "chains":
            return Slot("chain")
        if role in ("refs", "by-tensor"):
            return Slot("refs") if role == "refs" else FREE
        if role == "by-output":
            return self._in_outputs(slot, data, part)
        return self._in_object(slot, data, part)

    def _in_step(self, step: Any, part: Any) -> Slot:
        operation = self.operation(step)
        if part == "call":
            return Slot("call", known=self.entry(operation))
        if part != operation and part in _WORDS:
            return _WORDS[part]
        if part in BESIDE:
            return _WORDS[part]
        if part in self.blocks:
            return Slot("use", name=part)
        return Slot("arguments", known=self.entry(str(part)))

    def _in_outputs(self, slot: Slot, data: Any, part: Any) -> Slot:
        if not slot.kind:
            return FREE
        if self.is_object(slot.kind, data):
            return Slot("arguments", known=self.registry.find(slot.kind, part))
        return slot

    def _in_object(self, slot: Slot, data: Any, part: Any) -> Slot:
        if slot.role == "object" and slot.kind == "layers" and part in self.blocks:
            return Slot("use", name=str(part))
        if slot.role == "object":
            return Slot("arguments", known=self.registry.find(slot.kind, str(part)))
        if slot.role == "call":
            return Slot("constant", known=slot.known)
        if slot.role == "arguments" and slot.known is not None:
            known = slot.known
            parameter = known.parameters.get(part)
            if parameter is not None:
                return _value(known, parameter)
            first = known.parameters.get(known.first)
            if first is not None and first.object == "layers" and part in self.blocks:
                return Slot("use", name=str(part))
            if first is not None and first.object and self.is_object(first.object, data):
                return Slot("arguments", known=self.registry.find(first.object, part))
        return FREE

    def is_object(self, kind: str, data: Any) -> bool:
        """Whether a mapping is a Keras object of that kind, and no mapping from names to such objects."""
        if not (isinstance(data, dict) and len(data) == 1):
            return False
        return self.registry.find(kind, str(next(iter(data)))) is not None


def lone(slot: Slot) -> Slot:
    """What a lone value is where arguments are expected: the first of them."""
    if slot.role != "arguments" or slot.known is None:
        return slot
    first = slot.known.parameters.get(slot.known.first)
    return FREE if first is None else _value(slot.known, first)


def _value(known: Known, parameter: Parameter) -> Slot:
    if parameter.object:
        return Slot("object", parameter.object, known, parameter)
    return Slot("value", known=known, parameter=parameter)


def _member(data: Any, part: Any) -> Any:
    if isinstance(data, dict):
        return data.get(part)
    return data[part] if isinstance(data, list) and isinstance(part, int) and part < len(data) else None
