"""The catalogue's files: one JSON object a kind, one entry a line, parsed only when it is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kspec.catalog.entry import Argument, Entry, Parameter

KINDS = (
    *("layers", "ops", "losses", "metrics", "optimizers", "schedules", "initializers", "regularizers"),
    *("constraints", "activations", "callbacks", "dtype_policies", "quantizers", "distributions"),
)


class Kind(Mapping[str, Entry]):
    """The entries of one kind by canonical name, in alphabetical order."""

    def __init__(self, kind: str, text: bytes) -> None:
        self._kind = kind
        self._lines = dict(_split(line) for line in text.split(b"\n")[1:-2])
        self._entries: dict[str, Entry] = {}

    def __getitem__(self, name: str) -> Entry:
        entry = self._entries.get(name)
        if entry is None:
            entry = self._entries[name] = _entry(self._kind, name, json.loads(self._lines[name]))
        return entry

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def __contains__(self, name: object) -> bool:
        return name in self._lines


class Store:
    """A folder of catalogue files, as `python -m kspec.catalog.generate` writes them.

    Each file is read when something of it is first asked for.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kinds: dict[str, Kind] = {}
        self._index: dict[str, Any] = {}

    def entries(self, kind: str) -> Kind:
        """The entries of a kind. `KeyError`: no such kind."""
        found = self._kinds.get(kind)
        if found is None:
            if kind not in KINDS:
                raise KeyError(kind)
            found = self._kinds[kind] = Kind(kind, self._read(kind))
        return found

    def identifiers(self, kind: str) -> Mapping[str, str]:
        """Canonical name by identifier. `KeyError`: no such kind."""
        found: Mapping[str, str] = self._meta()["identifiers"][kind]
        return found

    def names(self, kind: str) -> tuple[str, ...]:
        """Canonical names of a kind. `KeyError`: no such kind."""
        return tuple(self._meta()["names"][kind])

    def keras_version(self) -> str:
        """Version of the Keras whose facts these are."""
        return str(self._meta()["keras"])

    def _meta(self) -> dict[str, Any]:
        if not self._index:
            self._index = json.loads(self._read("meta"))
        return self._index

    def _read(self, name: str) -> bytes:
        return (self._folder / f"{name}.json").read_bytes()


def _split(line: bytes) -> tuple[str, bytes]:
    """Name and JSON of a line ` "name": {…},`; the JSON is decoded when its entry is asked for."""
    name, _, value = line.partition(b'": ')
    return name[2:].decode(), value.removesuffix(b",")


def _entry(kind: str, name: str, raw: dict[str, Any]) -> Entry:
    return Entry(
        kind=kind,
        name=name,
        identifiers=tuple(raw.get("identifiers", ())),
        parameters=tuple(_parameter(each) for each in raw.get("parameters", ())),
        call=tuple(_argument(each) for each in raw.get("call", ())),
        variadic=raw.get("variadic"),
        open=raw.get("open", False),
        jax=raw.get("jax", ""),
        doc=raw.get("doc", ""),
        path=raw["path"],
        config=raw.get("config", ""),
    )


def _parameter(raw: dict[str, Any]) -> Parameter:
    choices = raw.get("choices")
    return Parameter(
        name=raw["name"],
        required=raw.get("required", False),
        default=raw.get("default"),
        type=raw.get("type"),
        choices=None if choices is None else tuple(choices),
        object=raw.get("object"),
        doc=raw.get("doc", ""),
    )


def _argument(raw: dict[str, Any]) -> Argument:
    return Argument(raw["name"], raw.get("required", False), raw.get("tensor"), raw.get("default"))
