"""`decay-steps`: a learning rate that decays over far more, or far fewer, steps than the run has."""

from __future__ import annotations

import ast
import math
import struct
import zipfile
import zlib
from collections.abc import Iterator

from kspec.diagnostics import Problem
from kspec.spec.lint.subject import Subject, warning
from kspec.spec.objects import Object, objects_in
from kspec.spec.schema import Spec

_OVER_THE_RUN = {"CosineDecay": "decay_steps", "PolynomialDecay": "decay_steps"}
"""Schedules that end where their steps end; the others go on."""
_FACTOR = 4


def decay_steps(subject: Subject) -> Iterator[Problem]:
    """A warning for a schedule whose end is more than four times before or behind the end of the run."""
    spec = subject.spec
    if spec.compile is None or spec.fit is None:
        return
    steps = _steps(spec)
    for found in objects_in(spec.compile.optimizer) if steps else ():
        argument = _OVER_THE_RUN.get(found.name, "") if isinstance(found, Object) else ""
        given = found.args.get(argument)
        if not isinstance(given, (int, float)) or isinstance(given, bool) or given <= 0:
            continue
        assert steps is not None
        total = given + float(found.args.get("warmup_steps", 0) or 0)
        if total > steps * _FACTOR or total * _FACTOR < steps:
            message = f"{found.name} decays over {total:,.0f} steps, and the run has {steps:,}"
            help = f"`{argument}: {steps}` ends with the run"
            yield warning("decay-steps", message, (*found.route, argument), help)


def _steps(spec: Spec) -> int | None:
    """The optimizer's steps in the whole run; None where the rows are not known."""
    fit = spec.fit
    assert fit is not None
    epochs = fit.epochs - fit.initial_epoch
    if fit.steps_per_epoch is not None:
        return fit.steps_per_epoch * epochs
    data = spec.data
    if data is None or data.train is None or data.train.path is None or data.train.where:
        return None
    carved = [file for file in (data.validation, data.test) if file is not None and file.path is None]
    rows = _rows(data.train.path) if not any(file.where for file in carved) else None
    if rows is None:
        return None
    left = 1 - fit.validation_split - sum(file.fraction or 0 for file in carved)
    return math.ceil(rows * left / (fit.batch_size or 32)) * epochs


_UNREADABLE = (
    *(
        OSError,
        EOFError,
        ValueError,
        TypeError,
        KeyError,
        SyntaxError,
        StopIteration,
        RuntimeError,
        NotImplementedError,
    ),
    *(zipfile.BadZipFile, zlib.error, struct.error),
)
"""What damaged, encrypted and foreign archives and headers raise."""


def _rows(path: str) -> int | None:
    """The rows of an .npz file, from the header of its first array; None where it cannot be told.

    The form of the header: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            name = next(name for name in archive.namelist() if not name.removesuffix(".npy").endswith("_test"))
            with archive.open(name) as file:
                start = file.read(10)
                short = start[6:7] == b"\x01"
                length = (
                    struct.unpack("<H", start[8:10])[0] if short else struct.unpack("<I", start[8:10] + file.read(2))[0]
                )
                header = ast.literal_eval(file.read(min(length, 10_000)).decode("latin-1"))
        shape = header["shape"]
        return int(shape[0]) if shape else None
    except _UNREADABLE:  # opening the data says what is wrong with them
        return None
