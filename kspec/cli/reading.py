"""A command's spec: a file, or standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kspec.diagnostics import Problem, UsageError

if TYPE_CHECKING:
    from kspec.api import Loaded
    from kspec.targets import Known

STDIN = "<stdin>"
"""What standard input is called in messages."""


def load_spec(path: Path, sets: Sequence[str], trust: Sequence[str]) -> Loaded:
    """The spec of a file, or what standard input holds for `-`, under the name `<stdin>`.

    Raises SpecError with every problem; UsageError for a folder.
    """
    from kspec import api

    if str(path) == "-":
        from kspec.spec.textfile import decode

        text = decode(standard_input(), STDIN)
        return api.loads(text, name=STDIN, sets=sets, trust=trust)
    if os.path.isfile(path / "spec.yaml"):
        raise UsageError(Problem("usage", f"`{path}` is a folder", help=f"its spec is `{path / 'spec.yaml'}`"))
    return api.load(path, sets=sets, trust=trust)


def known_target(path: Path, sets: Sequence[str], trust: Sequence[str]) -> Known:
    """The model of a spec (`-` is standard input), a run folder or a .keras file, with nothing allocated.

    Raises SpecError, FileError, UsageError.
    """
    from kspec import targets

    if str(path) == "-":
        return targets.known(load_spec(path, sets, trust))
    return targets.know(path, sets=sets, trust=trust)


def standard_input() -> bytes:
    """What standard input holds, as far as a spec may be long. Raises UsageError where it is closed."""
    from kspec.spec.textfile import MAX_BYTES

    if sys.stdin is None:  # closed by whoever started us
        raise UsageError(Problem("usage", "there is no standard input to read"))
    return sys.stdin.buffer.read(MAX_BYTES + 1)


def load_spec_or_run(
    spec: Path | None, resume: str | None, sets: Sequence[str], trust: Sequence[str]
) -> tuple[Loaded, str | None]:
    """The spec to train, which is the run's own where none is given, and what to go on with.

    ``--resume spec.yaml`` names the spec itself, and so its last run.
    """
    if spec is None and resume is not None and Path(resume).is_file():
        spec, resume = Path(resume), ""
    if spec is not None:
        return load_spec(spec, sets, trust), resume
    if not resume or resume == "auto":
        raise click.UsageError("Missing argument 'SPEC'.")
    from kspec.api import run_spec
    from kspec.training.run import open_run

    return run_spec(open_run(resume).folder, sets=sets, trust=trust), resume
