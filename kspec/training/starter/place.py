"""Where the data file lies, seen from the spec, and what the spec's `data` section says of it."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from kspec.diagnostics import FileError, Problem
from kspec.spec.project import find_project
from kspec.training.data.source import Source
from kspec.training.starter.roles import Port, Roles
from kspec.training.starter.steps import Line, scalar

_WIDEST = 110


@dataclass(frozen=True, slots=True)
class Place:
    """A spec's file and a data file: `inside` the spec's project, the spec can name it; `path` is relative to it."""

    spec: Path
    data: Path
    path: str
    inside: bool


def place_of(spec: Path, data: Path) -> Place:
    """The data file as seen from the spec that is to be written.

    Raises `FileError` for a name that no spec can hold.
    """
    folder, real = spec.parent.resolve(), data.resolve()
    inside = real.is_relative_to(find_project(folder).root)
    try:
        path = Path(os.path.relpath(real, folder)).as_posix() if inside else real.name
    except ValueError:  # another drive of Windows
        inside, path = False, real.name
    if not path.isprintable():
        message = "the name of this file holds characters that no text can show"
        raise FileError(Problem("data-format", message, help="rename it", file=str(data)))
    return Place(spec, data, path, inside)


def data_lines(source: Source, roles: Roles, place: Place) -> list[Line]:
    """The `data` section; empty where the file lies outside and arrays are found by their names alone."""
    parts = _parts(source, roles)
    if not place.inside and not any(fields for fields in parts.values()):
        return []
    lines = [Line("data:")]
    for part, fields in parts.items():
        comment = _by_keras(source, roles) if part == "train" and not fields else ""
        lines += _file(part, place.path, fields, comment)
    return lines


def fit_options(source: Source, roles: Roles, place: Place) -> str:
    """What `kspec fit` must be told beside the spec: nothing where the spec names its data."""
    if place.inside:
        return ""
    data = shlex.quote(str(place.data))
    parts = _parts(source, roles)
    return f" --data {data} --validation {data}" if "validation" in parts else f" --data {data}"


def held_out(roles: Roles) -> str:
    """The part of the file that is validated on, if it has one."""
    port = roles.inputs[0]
    return "validation" if port.validation else "test" if port.test else ""


def _parts(source: Source, roles: Roles) -> dict[str, dict[str, str]]:
    """The parts of the data section, each with the arrays that its ports must be told."""
    ports = [*roles.inputs, *roles.targets]
    if _by_keras(source, roles):
        return {"train": {}}
    parts = {"train": _fields(ports, "train")}
    held = held_out(roles)
    if held:
        parts["validation"] = _fields(ports, held)
    if held == "validation" and ports[0].test:
        parts["test"] = _fields(ports, "test")
    return parts


def _fields(ports: list[Port], part: str) -> dict[str, str]:
    return {port.name: getattr(port, part) for port in ports if getattr(port, part) != port.name}


def _by_keras(source: Source, roles: Roles) -> str:
    """A remark where the arrays are called as Keras's own data sets call them, which `fit` knows; else nothing."""
    if len(roles.inputs) != 1 or len(roles.targets) != 1 or {"x", "y"} & set(source.fields):
        return ""
    x, y = roles.inputs[0], roles.targets[0]
    if (x.train, y.train) != ("x_train", "y_train") or x.validation:
        return ""
    if (x.test, y.test) == ("x_test", "y_test"):
        return "trains on x_train and y_train, validates on x_test and y_test"
    return "x_train and y_train"


def _file(part: str, path: str, fields: dict[str, str], comment: str = "") -> list[Line]:
    file = _literal(path)
    if not fields:
        return [Line(f"  {part}: {file}", comment)]
    pairs = [f"{scalar(port)}: {_literal(array)}" for port, array in fields.items()]
    line = f"  {part}: {{path: {file}, fields: {{{', '.join(pairs)}}}}}"
    if len(line) <= _WIDEST:
        return [Line(line)]
    return [
        *(Line(f"  {part}:"), Line(f"    path: {file}"), Line("    fields:")),
        *(Line(f"      {pair}") for pair in pairs),
    ]


def _literal(text: str) -> str:
    """A text of another's choice: its dollars are no variables."""
    return scalar(text.replace("$", "$$"))
