"""The runs in a folder: how each stands, and whether its files are as they were written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kspec.diagnostics import FileError, Problem
from kspec.training.checkpoints.store import Store
from kspec.training.run import FACTS, Run, damaged_files
from kspec.training.watch import best

UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Listed:
    """A run: ``running``, ``finished``, ``failed``, ``interrupted``, or ``killed``, when it says that it is running and
    no process is. `epoch` and `step` are those of the last checkpoint, `rows` the epochs in the history."""

    folder: str
    name: str
    state: str
    started: str
    rows: int
    epochs: int | None
    best: dict[str, Any]
    epoch: int | None = None
    step: int | None = None
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        checkpoint = {"epoch": self.epoch, "step": self.step} if self.epoch is not None else None
        shown = ("folder", "name", "state", "started", "rows", "epochs", "best", "error")
        return {key: getattr(self, key) for key in shown} | {"checkpoint": checkpoint}


def listed(folder: str | os.PathLike[str] = "runs") -> list[Listed]:
    """The runs in a folder, or the run that it is, in the order in which they were begun; a run that cannot be read is
    ``unreadable``.

    Raises `FileError` (``file-missing``) where there is no such folder.
    """
    all = [_listed(run) for run in runs_in(folder)]
    return sorted(all, key=lambda each: (each.started, len(each.folder), each.folder))


def runs_in(folder: str | os.PathLike[str]) -> list[Run]:
    """The runs in a folder, or the run that it is."""
    path = Path(folder)
    if not path.is_dir():
        message = f"there is no folder `{path}`"
        raise FileError(Problem("file-missing", message, help="`kspec fit` makes runs in `runs`", file=str(path)))
    if (path / FACTS).is_file():
        return [Run(path)]
    return [Run(each.parent) for each in sorted(path.glob(f"*/{FACTS}"))]


def damages(run: Run) -> Iterator[str]:
    """What is not as it was written, of a run's checkpoints, model and weights."""
    for checkpoint in Store(run.folder).all():
        try:
            checkpoint.verify()
        except FileError as error:
            yield f"{checkpoint.path}: {error.problems[0].message}"
    for path in damaged_files(run):
        yield f"{path}: its bytes are not those that were written"


def _listed(run: Run) -> Listed:
    folder = str(run.folder)
    try:
        facts, rows = run.facts, run.history
    except FileError as error:
        return Listed(folder, run.folder.name, UNREADABLE, "", 0, None, {}, error=error.problems[0].message)
    state = str(facts.get("state"))
    if state == "running" and not run.is_locked:
        state = "killed"
    epoch = step = None
    for checkpoint in reversed(Store(run.folder).all()):
        try:
            known = checkpoint.facts()
        except FileError:
            continue
        epoch, step = known["epoch"], known["step"]
        break
    least = facts.get("best") or best(rows)
    return Listed(
        folder,
        str(facts.get("name")),
        state,
        str(facts.get("started")),
        len(rows),
        facts.get("epochs"),
        least,
        epoch,
        step,
        facts.get("error"),
    )
