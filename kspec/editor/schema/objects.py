"""The one notation for Keras objects, of every kind: `Name`, `{Name: value}`, `{Name: {parameter: value}}`."""

from __future__ import annotations

import json
from collections.abc import Iterator

from kspec import catalog
from kspec.catalog import Entry, Parameter
from kspec.editor.schema import plain
from kspec.editor.schema.definitions import Definitions, Schema, reference
from kspec.spec.blocks import TAKE_MODELS
from kspec.spec.sections import POLICIES
from kspec.spec.values import expected, singular

KINDS = tuple(kind for kind in catalog.KINDS if kind != "distributions")
"""The kinds that a spec names."""
_MERGED = ("optimizers", "schedules", "losses", "metrics", "dtype_policies")
"""Kinds that a spec may complete by `extends`: what an argument lacks may stand in the other file."""
_LAYERS_TOO = ("ReLU", "LeakyReLU", "ELU", "Softmax")
"""Layers that an activation may be."""
_ANY_CASE = ("padding", "data_format")


def define(definitions: Definitions) -> None:
    """Define every entry and every kind."""
    parameters = [_parameter(each) for kind in KINDS for entry in usable(kind) for each in entry.parameters]
    definitions.announce(parameters)
    for name, schema in plain.definitions().items():
        definitions.add(name, schema)
    for kind in KINDS:
        for entry in catalog.entries(kind).values():
            definitions.add(key(entry), _entry(entry, definitions))
        if kind != "ops":
            definitions.add(kind, _kind(kind))
            definitions.add(f"{kind}.names", _names(kind))


def usable(kind: str) -> Iterator[Entry]:
    """The entries that a spec can use."""
    return (entry for entry in catalog.entries(kind).values() if not entry.jax)


def key(entry: Entry) -> str:
    """An entry's definition: a layer and a function by its name, other kinds have names in common."""
    return entry.name if entry.kind in ("layers", "ops") else f"{entry.kind}.{entry.name}"


def required(entry: Entry) -> list[str]:
    """The parameters that must be given."""
    return [parameter.name for parameter in entry.parameters if parameter.required]


def _entry(entry: Entry, definitions: Definitions) -> Schema:
    """What stands behind an entry's colon: its arguments, or its first one's value."""
    if entry.jax:
        reason = f"`{entry.name}` {entry.jax}"
        return {"description": f"{entry.doc} Not for specs: {entry.jax}", "deprecationMessage": reason}
    needed = required(entry)
    inside: Schema = {
        "properties": {each.name: definitions.shared(each.name, _parameter(each)) for each in entry.parameters},
        "additionalProperties": entry.open,
    }
    if needed and entry.kind not in _MERGED:
        # what is misspelt is not missing too
        inside |= {"if": {"propertyNames": {"enum": list(inside["properties"])}}, "then": {"required": needed}}
    first = entry.parameters[0] if entry.parameters else None
    schema: Schema = {"description": _described(entry)}
    schema |= _value(first) if first is not None else {"type": ["object", "string"], "pattern": plain.DOLLAR}
    typed = schema["anyOf"][1] if "anyOf" in schema else schema
    types = [type for type in typed.pop("type", ()) if type != "object"]
    if types:
        typed["type"] = ["object", *types, *(["null"] if not needed and "null" not in types else [])]
        typed["errorMessage"] = _usage(entry, first)
    if first is not None and first.object is not None:
        kind = schema.pop("allOf")
        own = plain.exactly([each.name for each in entry.parameters])
        words = plain.either(plain.exactly(sorted(known(first.object))), "^[A-Z]")
        names: Schema = {"pattern": words} if entry.name not in TAKE_MODELS else {"not": {"pattern": own}}
        return {
            **schema,
            "allOf": [reference(f"{first.object}.names")],
            "if": {"type": "object", "minProperties": 1, "propertyNames": names},
            "then": kind[0],
            "else": inside,
        }
    return {**schema, "allOf": [*schema.get("allOf", ()), inside]}


def _described(entry: Entry) -> str:
    names = ", ".join(
        f"{each.name}" if each.required else f"{each.name}={_shown(each.default)}" for each in entry.parameters[:1]
    )
    more = ", …" if len(entry.parameters) > 1 else ""
    return f"{entry.doc} `{entry.name}({names}{more})`".strip() if entry.parameters else entry.doc


def _usage(entry: Entry, first: Parameter | None) -> str:
    """What to write, for a value of a wrong type."""
    if first is None:
        return f"`{entry.name}` takes no arguments"
    needed = required(entry) or [first.name]
    return f"write `{entry.name}: {{{', '.join(f'{name}: …' for name in needed)}}}`"


def _parameter(parameter: Parameter) -> Schema:
    """One parameter: what Keras says of it, its default, what it may be."""
    schema: Schema = {}
    default = parameter.default
    doc = parameter.doc
    if default is not None and "efault" not in doc:
        doc = f"{doc} Default: {_shown(default)}.".strip()
    if doc:
        schema["description"] = doc
    if default is not None:
        schema["default"] = default
    value = _value(parameter)
    if value and "anyOf" not in value:
        phrase = expected(parameter.type, parameter.object, parameter.choices)
        value["errorMessage"] = f"`{parameter.name}` is {phrase}"
    return {**schema, **value}


def _value(parameter: Parameter) -> Schema:
    """What a parameter may be."""
    words = parameter.type.split("|") if parameter.type else []
    if parameter.object is not None:
        return _of_kind(parameter.object, words)
    if parameter.choices is not None:
        return plain.choice(parameter.choices, words, parameter.name in _ANY_CASE)
    return plain.value(words) if words else {}


def _of_kind(kind: str, words: list[str]) -> Schema:
    """An object of a kind, or a value of the types."""
    types = plain.value(words)["type"] if words else ["string"]
    if "dict" in words:
        return {"type": types}
    schema: Schema = {"type": [*types, "object"], "allOf": [reference(kind)]}
    if "list" in words:
        schema["items"] = reference(kind)
    return schema


def _kind(kind: str) -> Schema:
    """An object where its kind is expected; what else may stand there, the parameter says."""
    properties = {entry.name: reference(key(entry)) for entry in catalog.entries(kind).values()}
    if kind == "activations":
        properties |= {name: reference(name) for name in _LAYERS_TOO}
    patterns = {plain.exactly(entry.identifiers): reference(key(entry)) for entry in usable(kind) if entry.identifiers}
    return {
        "allOf": [reference(f"{kind}.names")],
        "properties": properties,
        "patternProperties": patterns,
        "minProperties": 1,
        "maxProperties": 1,
    }


def _names(kind: str) -> Schema:
    """A bare name, where a text is given. What editors offer are snippets: an `enum` would refuse custom classes."""
    offered = POLICIES if kind == "dtype_policies" else sorted(bare(kind))
    schema: Schema = {"defaultSnippets": [{"label": name, "body": name} for name in offered]}
    lacking = {entry.name for entry in usable(kind)} - bare(kind)
    if lacking and kind != "dtype_policies":
        schema["pattern"] = plain.none_of(sorted(lacking))
        schema["errorMessage"] = f"this {singular(kind)} needs arguments: `{{Name: {{…}}}}`"
    return schema


def known(kind: str) -> set[str]:
    """Every name and identifier of a kind."""
    names = {name for entry in catalog.entries(kind).values() for name in (entry.name, *entry.identifiers)}
    return names | set(_LAYERS_TOO) if kind == "activations" else names


def bare(kind: str) -> set[str]:
    """The names and identifiers that can stand alone."""
    whole = [entry for entry in usable(kind) if not required(entry) or kind in ("losses", "metrics")]
    names = {name for entry in whole for name in (entry.name, *entry.identifiers)}
    return names | set(_LAYERS_TOO) if kind == "activations" else names


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
