"""Names that Keras has not, in a spec that can have none of its own.

A text or a class that Keras does not know may be of `custom`, an operation may be a block, and both may come from
another file: only without those keys is it a mistake. So these schemas stand beside the others, and look at names only.
"""

from __future__ import annotations

from kspec import catalog
from kspec.editor.schema import plain, steps
from kspec.editor.schema.definitions import Definitions, Schema, reference
from kspec.editor.schema.objects import known, usable
from kspec.editor.schema.outputs import words
from kspec.spec.values import singular

_FREE = ("layers", "ops", "dtype_policies", "distributions", "quantizers")
"""Kinds whose names nothing is said of: steps name the first two, the others are rare."""


def conditions() -> Schema:
    """What a whole spec must fulfil, by the keys that it has not."""
    operations = {"properties": {"layers": reference("known steps")}}
    layers = reference("known objects")
    made = {"optimizer": reference("known optimizers")}
    made |= {key: reference("known metrics by output") for key in ("metrics", "weighted_metrics")}
    made["loss"] = reference("known losses by output")
    objects = {
        "layers": layers,
        "blocks": {"additionalProperties": {"properties": {"layers": layers}}},
        "compile": {"properties": made},
        "fit": {"properties": {"callbacks": {"items": reference("known callbacks")}}},
    }
    return {
        "allOf": [
            {"if": {"not": _with("blocks", "import", "extends", "custom")}, "then": operations},
            {"if": {"not": _with("extends", "custom")}, "then": {"properties": objects}},
        ]
    }


def define(definitions: Definitions) -> None:
    """Define what looks at names."""
    kinds = [kind for kind in catalog.KINDS if kind not in _FREE]
    for kind in kinds:
        definitions.add(f"known {kind}.word", _word(kind))
        inside = {"items": reference(f"known {kind}"), "additionalProperties": reference("known arguments")}
        word = reference(f"known {kind}.word")
        definitions.add(f"known {kind}", {"allOf": [word], "propertyNames": word, **inside})
    for kind in ("losses", "metrics"):
        definitions.add(f"known {kind} by output", _by_output(kind))
    definitions.add("known arguments", {"properties": _arguments(kinds)})
    definitions.add("known operation", _operation())
    definitions.add("known steps", _walk("known steps", {}, reference("known operation")))
    activation = {
        "if": {"type": "string"},
        "then": reference("known activations"),
        "else": reference("known arguments"),
    }
    definitions.add("known objects", _walk("known objects", {"Activation": activation}, {}))
    definitions.made["known objects"]["additionalProperties"] = reference("known arguments")


def _walk(name: str, properties: dict[str, Schema], word: Schema) -> Schema:
    """Every step of a chain, those inside forms too; `word` is what each operation's name must be."""
    inside = reference(name)
    branches = {"items": inside, "additionalProperties": inside}
    forms = {"layers": inside, "residual": inside, "parallel": branches}
    # kspec's words are no operations, and what stands behind them is not looked at
    beside = {word: {} for word in steps.words() if word not in forms}
    schema: Schema = {"items": inside, "properties": {**beside, **forms, **properties}}
    return {**schema, "allOf": [word], "propertyNames": word} if word else schema


def _word(kind: str) -> Schema:
    """A name of the kind, an expression, or a number where a text may be one."""
    names = known(kind) | words(kind) if kind in ("losses", "metrics") else known(kind)
    numbers = plain.EXPONENT if kind == "schedules" else ""
    pattern = plain.either(plain.exactly(sorted(names)), plain.DOLLAR, "^<<$", numbers)
    return {"pattern": pattern, "errorMessage": f"Keras has no {singular(kind)} of that name"}


def _by_output(kind: str) -> Schema:
    """Texts anywhere; a mapping's names only where no output can be meant."""
    inside = reference(f"known {kind} by output")
    one = {
        "minProperties": 1,
        "maxProperties": 1,
        "propertyNames": {"pattern": plain.either(plain.exactly(sorted(known(kind))), "^[A-Z]")},
    }
    own: Schema = {"if": {"type": "object", **one}, "then": {}, "else": {"additionalProperties": inside}}
    return {"allOf": [reference(f"known {kind}.word")], "items": inside, **own}


def _arguments(kinds: list[str]) -> dict[str, Schema]:
    """Parameters by name: what takes an initializer is called so wherever it is."""
    found: dict[str, set[str]] = {}
    for kind in catalog.KINDS:
        for entry in usable(kind):
            for parameter in entry.parameters:
                plainly = parameter.choices is not None or "dict" in (parameter.type or "")
                found.setdefault(parameter.name, set()).add("" if plainly else parameter.object or "")
    single = {name: next(iter(each)) for name, each in sorted(found.items()) if len(each) == 1}
    return {name: reference(f"known {kind}") for name, kind in single.items() if kind in kinds}


def _operation() -> Schema:
    """A step's operation or word; `ops.nn.relu` and its like are other names of functions."""
    allowed = plain.either(plain.exactly(steps.words()), r"^ops\.[a-z_]+\.[a-z0-9_.]+$", plain.DOLLAR)
    message = "there is no layer, function or block of that name"
    return {"if": reference("no operation of Keras"), "then": {"pattern": allowed, "errorMessage": message}}


def _with(*keys: str) -> Schema:
    """A spec with one of these keys."""
    return {"anyOf": [{"required": [key]} for key in keys]}
