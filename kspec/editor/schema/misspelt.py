"""Names that Keras has not, in a spec that can have none of its own.

A text or a class that Keras does not know may be of `custom`, an operation may be a block, and both may come from
another file: only without those keys is it a mistake. So these schemas stand beside the others, and look at names only.
Keys are given as patterns, which editors do not offer.
"""

from __future__ import annotations

from kspec.editor.schema import plain, steps
from kspec.editor.schema.definitions import Definitions, Schema, reference
from kspec.editor.schema.objects import KINDS, known, usable
from kspec.editor.schema.outputs import words
from kspec.spec.values import singular

_FREE = ("layers", "ops", "dtype_policies", "quantizers")
"""Kinds whose names nothing is said of: steps name the first two, the others are rare."""
_BY_OUTPUT = ("losses", "metrics")


def conditions() -> Schema:
    """What a whole spec must fulfil, by the keys that it has not."""
    layers = plain.items(reference("known objects"))
    made = {
        "optimizer": reference("known optimizers"),
        "loss": reference("known losses by output"),
        "(weighted_)?metrics": reference("known metrics by output"),
    }
    objects = {
        "layers": layers,
        "blocks": {"additionalProperties": _keys({"layers": layers})},
        "compile": _keys(made),
        "fit": _keys({"callbacks": plain.items(reference("known callbacks"))}),
    }
    operations = _keys({"layers": plain.items(reference("known steps"))})
    return {
        "allOf": [
            {"if": {"not": _with("blocks", "import", "extends", "custom")}, "then": operations},
            {"if": {"not": _with("extends", "custom")}, "then": _keys(objects)},
        ]
    }


def define(definitions: Definitions) -> None:
    """Define what looks at names."""
    kinds = [kind for kind in KINDS if kind not in (*_FREE, *_BY_OUTPUT)]
    for kind in kinds:
        word = definitions.add(f"known {kind}.word", _word(kind))
        single = {"if": {"maxProperties": 1}, "then": {"propertyNames": word}}
        inside = {**plain.items(reference(f"known {kind}")), "additionalProperties": reference("known arguments")}
        definitions.add(f"known {kind}", {"allOf": [word, single], **inside})
    for kind in _BY_OUTPUT:
        definitions.add(f"known {kind}.word", _word(kind))
        definitions.add(f"known {kind} by output", _by_output(kind))
    definitions.add("known arguments", _keys(_arguments(kinds)))
    definitions.add("known operation", _operation())
    unknown = {"propertyNames": reference("no operation of Keras")}
    misspelt = {"if": unknown, "then": {"propertyNames": reference("known operation")}}
    text = {"if": {"type": "string"}, "then": {"allOf": [reference("known operation")]}}
    definitions.add("known steps", {**_walk("known steps"), "allOf": [misspelt, text]})
    activation = {"if": {"type": "string"}, "then": reference("known activations")}
    objects = _walk("known objects", {"Activation": {**activation, "else": reference("known arguments")}})
    definitions.add("known objects", {**objects, "additionalProperties": reference("known arguments")})


def _walk(name: str, more: dict[str, Schema] | None = None) -> Schema:
    """Every step of a chain, those inside forms too."""
    inside = reference(name)
    forms: dict[str, Schema] = {
        "layers|residual": inside,
        "parallel": {**plain.items(inside), "additionalProperties": inside},
        "|".join(word for word in steps.words() if word not in ("layers", "<<")): {},
    }
    return {**plain.items(inside), **_keys({**forms, **(more or {})})}


def _keys(schemas: dict[str, Schema]) -> Schema:
    return {"patternProperties": {f"^({keys})$": schema for keys, schema in schemas.items()}}


def _word(kind: str) -> Schema:
    """A name of the kind, an expression, or a number where a text may be one."""
    names = known(kind) | words(kind) if kind in _BY_OUTPUT else known(kind)
    numbers = plain.EXPONENT if kind == "schedules" else ""
    pattern = plain.either(plain.exactly(sorted(names)), plain.DOLLAR, "^<<$", numbers)
    return {"pattern": pattern, "errorMessage": f"Keras has no {singular(kind)} of that name"}


def _by_output(kind: str) -> Schema:
    """Texts anywhere; a mapping's names only where no output can be meant."""
    inside = reference(f"known {kind} by output")
    names = plain.either(plain.exactly(sorted(known(kind))), "^[A-Z]")
    one = {"type": "object", "minProperties": 1, "maxProperties": 1, "propertyNames": {"pattern": names}}
    texts = reference(f"known {kind}.word")
    return {"allOf": [texts, plain.items(inside)], "if": one, "else": {"additionalProperties": inside}}


def _arguments(kinds: list[str]) -> dict[str, Schema]:
    """Parameters by kind: what takes an initializer is called so wherever it is."""
    found: dict[str, set[str]] = {}
    for kind in KINDS:
        for entry in usable(kind):
            for parameter in entry.parameters:
                plainly = parameter.choices is not None or "dict" in (parameter.type or "")
                found.setdefault(parameter.name, set()).add("" if plainly else parameter.object or "")
    names = {kind: [name for name, each in sorted(found.items()) if each == {kind}] for kind in kinds}
    return {"|".join(each): reference(f"known {kind}") for kind, each in names.items() if each}


def _operation() -> Schema:
    """A step's operation or word; `ops.nn.relu` and its like are other names of functions."""
    allowed = plain.either(plain.exactly(steps.words()), r"^ops\.[a-z_]+\.[a-z0-9_.]+$", plain.DOLLAR)
    message = "there is no layer, function or block of that name"
    return {"if": reference("no operation of Keras"), "then": {"pattern": allowed, "errorMessage": message}}


def _with(*keys: str) -> Schema:
    """A spec with one of these keys."""
    return {"anyOf": [{"required": [key]} for key in keys]}
