"""Losses and metrics: one, a list of them, or a mapping by output."""

from __future__ import annotations

from kspec import catalog
from kspec.editor.schema import plain
from kspec.editor.schema.definitions import Schema, reference
from kspec.editor.schema.objects import bare, known, usable

_TYPES = ["object", "array", "string", "null"]


def by_output(kind: str) -> Schema:
    """A mapping with one name is an object where the name is one of Keras's, else it may be an output's."""
    inside = reference(f"{kind} by output")
    one = {"type": "object", "minProperties": 1, "maxProperties": 1}
    offered = {entry.name: {"description": entry.doc} for entry in usable(kind)}
    outputs: Schema = {"properties": offered, "additionalProperties": inside}
    own: Schema = {"if": {**one, "propertyNames": {"pattern": r"^[A-Z]|\."}}, "else": outputs}
    return {
        "type": _TYPES,
        "errorMessage": f"{kind}: one, a list, or a mapping by output",
        "defaultSnippets": [{"label": name, "body": name} for name in sorted(words(kind))],
        "allOf": [plain.items(inside)],
        "if": {**one, "propertyNames": {"pattern": plain.exactly(sorted(known(kind)))}},
        "then": reference(kind),
        "else": own,
    }


def words(kind: str) -> set[str]:
    """What a text may say."""
    # Keras takes a loss's name as a metric
    more = {*catalog.COMPILE_METRICS, *bare("losses")} if kind == "metrics" else set()
    return bare(kind) | more
