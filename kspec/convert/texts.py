"""Other tools' YAML -> the text of a spec: which tool's it is, by its content. Needs no Keras."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from kspec.convert.foreigntext import Rewritten, source_of
from kspec.convert.kur.kurfile import is_kurfile
from kspec.convert.kur.kurfile import spec_of as spec_of_kurfile
from kspec.convert.ultralytics.model import is_model
from kspec.convert.ultralytics.model import spec_of as spec_of_model
from kspec.diagnostics import FileError, Problem, UsageError
from kspec.spec.writing import dump

_WIDTH = 120


class Text(NamedTuple):
    """A spec's text, and what a person should know of it, a line each."""

    text: str
    notes: tuple[str, ...]


def rewritten(name: str, shapes: Mapping[str, list[int | None]], scale: str | None = None) -> Text:
    """The spec of a model in another tool's YAML.

    `shapes` are those of inputs, by their names; the only input's may stand under ``""``.
    Raises FileError where the file is none of a known tool's, or where something in it has no counterpart; UsageError.
    """
    path = Path(name)
    if not os.path.isfile(path):  # which answers for any name
        raise FileError(Problem("file-missing", "there is no such file", file=name))
    source = source_of(path, name)
    data = source.data
    if isinstance(data, dict) and "kspec" in data:
        help = f"`kspec check {name}` checks it, `kspec show {name}` prints it whole"
        raise UsageError(Problem("usage", f"`{name}` is a spec already", help=help))
    found: Rewritten
    if is_model(data):
        found = spec_of_model(source, path, shapes, scale)
    elif is_kurfile(data):
        if scale is not None:
            raise UsageError(Problem("usage", "`--scale` is for models of Ultralytics", help="leave out `--scale`"))
        found = spec_of_kurfile(source, path, shapes)
    else:
        help = (
            "kspec reads Kur's files (`model:` is a list) and Ultralytics's models (`backbone:` and `head:` are lists)"
        )
        raise FileError(Problem("import-model", "it is YAML, but of no tool that kspec knows", help=help, file=name))
    return Text(dump(found.data, _WIDTH), found.notes)
