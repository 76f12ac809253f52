"""What a model file of a stranger would do, told without doing it."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kspec.diagnostics import FileError, shortened
from kspec.model.admission import check_classes, check_ranks, most_arrays, raw_config, serialized
from kspec.model.weights import arrays_of
from kspec.model.weightsfile import Array, arrays


@dataclass(frozen=True)
class Audit:
    """A model file: its members with sizes, the classes and functions it names with how often, what of that is code,
    its arrays, and why it is refused; admitted where there is no reason."""

    path: str
    members: tuple[tuple[str, int, int], ...]
    """Name, bytes, and bytes in the archive."""
    classes: dict[str, int]
    code: tuple[str, ...]
    arrays: tuple[Array, ...]
    refusals: tuple[str, ...]

    @property
    def is_admitted(self) -> bool:
        return not self.refusals

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        members = [{"name": name, "bytes": size, "packed": packed} for name, size, packed in self.members]
        weights = {"arrays": len(self.arrays), "bytes": sum(array.bytes for array in self.arrays)}
        verdict = {"admitted": self.is_admitted, "refusals": list(self.refusals)}
        return {"path": self.path, **verdict, "members": members, "classes": self.classes} | {
            "code": list(self.code),
            "weights": weights,
        }


_KINDS = 100
"""How many kinds of classes are told apart; a model has some dozens."""
_SHOWN = 100
"""How many members are told; a model has three, and assets."""


def audit(path: Path, trust: Iterable[str] = ()) -> Audit:
    """Look through a ``.keras``, ``.weights.h5`` or ``.safetensors`` file; nothing in it is made or run.

    Raises `FileError` where there is no such file.
    """
    refusals: list[str] = []
    classes: Counter[str] = Counter()
    code: dict[str, None] = {}
    found: list[Array] = []
    try:
        if path.suffix == ".keras":
            config = raw_config(path)  # of an archive that is no model nothing more is read
            _count(config, classes, code)
            refusals += _said(lambda: check_classes(config, path, trust))
            found = arrays(path, most_arrays(config))
            refusals += _said(lambda: check_ranks(config, found, path))
        else:
            found = arrays_of(path)
    except FileError as error:
        refusals += [problem.message for problem in error.problems]
    shown = dict(sorted(classes.items()))
    return Audit(str(path), _members(path), shown, tuple(code), tuple(found), tuple(dict.fromkeys(refusals)))


def _said(check: Callable[[], None]) -> list[str]:
    try:
        check()
    except FileError as error:
        return [problem.message for problem in error.problems]
    return []


def _count(config: dict[str, Any], classes: Counter[str], code: dict[str, None]) -> None:
    """What a configuration names, and what of that is code."""
    for item in serialized(config):
        name = shortened(f"{item.get('module') or ''}.{item['class_name']}".strip("."))
        if name not in classes and len(classes) >= _KINDS:
            continue
        classes[name] += 1
        if item["class_name"] in ("Lambda", "__lambda__"):
            code[f"{name}: Python's own bytecode, which Keras would run"] = None
        elif item["class_name"] == "function" and len(code) < _KINDS:
            function = shortened(str(item.get("config")))
            code[f"{name}: a function `{function}`, looked for among those registered"] = None


def _members(path: Path) -> tuple[tuple[str, int, int], ...]:
    try:
        with zipfile.ZipFile(path) as archive:
            first = archive.infolist()[:_SHOWN]
            return tuple((shortened(each.filename), each.file_size, each.compress_size) for each in first)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return ()
