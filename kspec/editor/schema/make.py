"""The whole schema, from pydantic's sections and the catalogue."""

from __future__ import annotations

import json

from kspec import catalog
from kspec.editor.schema import misspelt, objects, sections, steps
from kspec.editor.schema.definitions import Definitions, Schema

_ABOUT = "A Keras model as a spec of kspec: inputs, layers, and how it is trained."


def schema() -> Schema:
    """The schema, in draft 07, which yaml-language-server reads best."""
    definitions = Definitions()
    objects.define(definitions)
    steps.define(definitions)
    sections.define(definitions)
    misspelt.define(definitions)
    spec = definitions.made.pop("spec")
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "kspec",
        "description": f"{_ABOUT} Names and documentation are those of Keras {catalog.keras_version()}.",
        **spec,
        "required": ["kspec"],
        **misspelt.conditions(),
        "definitions": definitions.made,
    }


def text() -> str:
    """The schema as it is shipped: one definition a line, so that a diff is readable."""
    whole = schema()
    definitions = whole.pop("definitions")
    head = [f" {_json(key)}: {_json(value)}" for key, value in whole.items()]
    lines = ",\n".join(f"  {_json(key)}: {_json(value)}" for key, value in definitions.items())
    return "{\n" + ",\n".join([*head, f' "definitions": {{\n{lines}\n }}']) + "\n}\n"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
