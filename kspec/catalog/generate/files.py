"""Entries to the text of the catalogue's files: sorted, stable, one entry a line so that a diff is readable."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kspec.catalog.entry import Argument, Entry, Parameter


def texts(found: Mapping[str, Mapping[str, Entry]], keras: str) -> dict[str, str]:
    """The whole text of every file by its name, made of entries by kind and name."""
    made = {f"{kind}.json": _object({name: _entry(each) for name, each in of.items()}) for kind, of in found.items()}
    identifiers = {
        kind: {other: name for name, each in of.items() for other in each.identifiers} for kind, of in found.items()
    }
    names = {kind: list(of) for kind, of in found.items()}
    made["meta.json"] = _object({"keras": keras, "identifiers": identifiers, "names": names})
    return made


def _object(items: Mapping[str, Any]) -> str:
    lines = [f" {_json(key)}: {_json(value)}" for key, value in items.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


def _entry(entry: Entry) -> dict[str, Any]:
    """An entry without what its place says (kind and name) and without empty values."""
    raw = {
        **entry._asdict(),
        "parameters": [_filled(each) for each in entry.parameters],
        "call": [_filled(each) for each in entry.call],
    }
    del raw["kind"], raw["name"]
    return {key: value for key, value in raw.items() if value not in ((), [], None, "", False)}


def _filled(each: Parameter | Argument) -> dict[str, Any]:
    """The fields of a parameter or argument that say something; a default of 0, false or "" does."""
    return {
        key: value
        for key, value in each._asdict().items()
        if value is not None and (key == "default" or value not in (False, ""))
    }
