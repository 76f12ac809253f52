"""What Keras offers, as data: names, parameters, defaults, calls, one-line summaries.

Generated from the installed Keras by ``python -m kspec.catalog.generate`` and shipped; reading it imports no Keras
and takes milliseconds, a kind's file being read when it is first asked for and an entry made when it is named.
Where another version of Keras is installed, a catalogue of that one is made, once, in the user's cache.
"""

from __future__ import annotations

from collections.abc import Mapping

from kspec.catalog.chosen import DATA, Choice
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
    "may_read_keras",
    "names",
]

COMPILE_METRICS = ("accuracy", "acc", "crossentropy", "ce")
"""Metrics that `keras.Model.compile` takes as strings and chooses by the loss and the output's shape."""

PATHS = {
    "BackupAndRestore": "backup_dir",
    "CSVLogger": "filename",
    "ModelCheckpoint": "filepath",
}
"""Callbacks that write files, and the parameter that says where."""

_CHOICE = Choice()


def entries(kind: str) -> Mapping[str, Entry]:
    """The entries of a kind by canonical name, in alphabetical order. `KeyError`: no such kind."""
    return _CHOICE.store().entries(kind)


def find(kind: str, name: str) -> Entry | None:
    """The entry of a name or identifier, if Keras has it. `KeyError`: no such kind."""
    store = _CHOICE.store()
    known = store.entries(kind)
    if name in known:
        return known[name]
    canonical = store.identifiers(kind).get(name)
    return None if canonical is None else known[canonical]


def kinds_of(name: str) -> tuple[str, ...]:
    """Every kind that knows a name or identifier, in the order of `KINDS`."""
    store = _CHOICE.store()
    return tuple(kind for kind in KINDS if name in store.names(kind) or name in store.identifiers(kind))


def may_read_keras(allowed: bool, *, quiet: bool = False) -> None:
    """Whether a catalogue of another installed Keras may be made now, in some seconds; `quiet` says nothing of it."""
    _CHOICE.may_read_keras(allowed, quiet=quiet)


def names(kind: str) -> tuple[str, ...]:
    """Canonical names of a kind, in alphabetical order, for suggestions. `KeyError`: no such kind."""
    return _CHOICE.store().names(kind)


def keras_version() -> str:
    """Version of the Keras that the catalogue was generated from."""
    return _CHOICE.store().keras_version()
