"""The schema's definitions: each has a name, and what many parameters say alike is written once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

Schema = dict[str, Any]


class Definitions:
    """Definitions by name, in the order in which they are made."""

    def __init__(self) -> None:
        self.made: dict[str, Schema] = {}
        self._names: dict[str, str] = {}
        self._count: Counter[str] = Counter()
        self._numbers: Counter[str] = Counter()

    def add(self, name: str, schema: Schema) -> Schema:
        """Define a schema; a reference to it."""
        self.made[name] = schema
        return reference(name)

    def announce(self, schemas: Iterable[Schema]) -> None:
        """Count schemas that `shared` will be given, so that it knows which come often."""
        self._count.update(map(_text, schemas))

    def shared(self, name: str, schema: Schema) -> Schema:
        """A reference to the schema where several say the same, else the schema itself."""
        text = _text(schema)
        if self._count[text] < 2:
            return schema
        if text not in self._names:
            self._numbers[name] += 1
            number = self._numbers[name]
            self._names[text] = name if number == 1 else f"{name}.{number}"
            self.add(self._names[text], schema)
        return reference(self._names[text])


def reference(name: str) -> Schema:
    """A reference to a definition. Nothing stands beside it: draft 07 ignores what does."""
    return {"$ref": f"#/definitions/{name}"}


def _text(schema: Schema) -> str:
    return json.dumps(schema, sort_keys=True)
