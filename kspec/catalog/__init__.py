"""What Keras offers, as data: names, parameters, defaults, calls, one-line summaries.

Generated from the installed Keras by ``python -m kspec.catalog.generate`` and shipped; reading it imports no Keras
and takes milliseconds, a kind's file being read when it is first asked for and an entry made when it is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kspec.catalog.entry import Argument, Entry, Parameter, allows
from kspec.catalog.store import KINDS, Store

__all__ = [
    "COMPILE_METRICS",
    "DATA",
    "KINDS",
    "PATHS",
    "Argument",
    "Entry",
    "Parameter",
    "Store",
    "allows",
    "entries",
    "find",
    "keras_version",
    "kinds_of",
    "names",
]

DATA = Path(__file__).parent / "data"
"""The shipped files."""

COMPILE_METRICS = ("accuracy", "acc", "crossentropy", "ce")
"""Metrics that `keras.Model.compile` takes as strings and chooses by the loss and the output's shape."""

PATHS = {
    "BackupAndRestore": "backup_dir",
    "CSVLogger": "filename",
    "ModelCheckpoint": "filepath",
}
"""Callbacks that write files, and the parameter that says where."""

_SHIPPED = Store(DATA)


def entries(kind: str) -> Mapping[str, Entry]:
    """The entries of a kind by canonical name, in alphabetical order. `KeyError`: no such kind."""
    return _SHIPPED.entries(kind)


def find(kind: str, name: str) -> Entry | None:
    """The entry of a name or identifier, if Keras has it. `KeyError`: no such kind."""
    known = _SHIPPED.entries(kind)
    if name in known:
        return known[name]
    canonical = _SHIPPED.identifiers(kind).get(name)
    return None if canonical is None else known[canonical]


def kinds_of(name: str) -> tuple[str, ...]:
    """Every kind that knows a name or identifier, in the order of `KINDS`."""
    return tuple(kind for kind in KINDS if name in _SHIPPED.names(kind) or name in _SHIPPED.identifiers(kind))


def names(kind: str) -> tuple[str, ...]:
    """Canonical names of a kind, in alphabetical order, for suggestions. `KeyError`: no such kind."""
    return _SHIPPED.names(kind)


def keras_version() -> str:
    """Version of the Keras that the catalogue was generated from."""
    return _SHIPPED.keras_version()
