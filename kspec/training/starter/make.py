"""From a data file to a starter spec: the passes in their order."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kspec.diagnostics import FileError, Problem
from kspec.training.data.opening import open_source
from kspec.training.starter.inputs import Input, input_of
from kspec.training.starter.look import look
from kspec.training.starter.place import fit_options, place_of
from kspec.training.starter.roles import Roles, roles
from kspec.training.starter.targets import Target, target_of
from kspec.training.starter.text import text

_MOST_NUMBERS = 65_536


@dataclass(frozen=True, slots=True)
class Starter:
    """A spec for a data file: its text, what was found in a line, and what `kspec fit` needs beside the spec's path."""

    text: str
    found: str
    fit_options: str


def starter(data: Path, *, spec: Path | None = None, name: str | None = None, targets: Sequence[str] = ()) -> Starter:
    """A spec made from the shapes and numbers of the arrays in `data`.

    `spec` is the file that the text is meant for (paths in it are relative to its folder), by default one in the
    current folder; `name` is the model's, by default the spec's; `targets` names the arrays to be learned.

    Raises `FileError`: ``file-missing``, ``data-format``, ``data-match``, ``data-shape``, ``data-dtype``,
    ``data-nan``, ``too-large``.
    """
    source = open_source(str(data))
    name = name or model_name((spec or data).name)
    place = place_of(spec or Path(f"{name}.yaml"), data)
    found = roles(source, targets)
    inputs = [input_of(look(source, port)) for port in found.inputs]
    spatial = inputs[0].spatial if len(inputs) == 1 else ()
    goals = [target_of(look(source, port), spatial) for port in found.targets]
    _refuse_wide(str(data), goals)
    written = text(name, source, place, found, inputs, goals)
    return Starter(written, summary(found, inputs, goals), fit_options(source, found, place))


def model_name(file: str) -> str:
    """A name for the model from the name of a file."""
    return re.sub(r"[^\w.-]+", "_", file.partition(".")[0]).strip("_-") or "model"


def summary(found: Roles, inputs: Sequence[Input], goals: Sequence[Target]) -> str:
    """``1,797 rows: pixels → digit (classes 0 to 9)``."""
    left = ", ".join(given.name for given in inputs)
    right = ", ".join(f"{goal.name} ({goal.comment})" for goal in goals)
    return f"{found.rows:,} rows: {left} → {right}"


def _refuse_wide(path: str, goals: Sequence[Target]) -> None:
    for goal in goals:
        if not goal.placed and math.prod(goal.shape) > _MOST_NUMBERS:
            message = f"`{goal.name}` has {math.prod(goal.shape):,} numbers a row, too many for a starter's last layer"
            help = "name the targets with `--target`, or begin with a spec of the gallery: `kspec init --examples`"
            raise FileError(Problem("data-shape", message, help=help, file=path))
