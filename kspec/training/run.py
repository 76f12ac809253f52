"""A run's folder: the spec that was trained, what it was trained with, its history, and the trained model.

::

    runs/digits_mlp-20250131-174501/
      spec.yaml         the canonical spec that was really trained
      run.json          versions, command, data and their hashes, seed, state, best metrics
      history.jsonl     a row an epoch, Keras's own keys
      model.keras       the trained model
      model.weights.h5  its weights alone
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from kspec.diagnostics import FileError, Problem
from kspec.files import atomic_path, write_atomically
from kspec.model.quiet import without_keras_warnings
from kspec.training.data.match import Matched

State = Literal["running", "finished", "failed", "interrupted"]

SPEC, FACTS, HISTORY, MODEL, WEIGHTS = "spec.yaml", "run.json", "history.jsonl", "model.keras", "model.weights.h5"


@dataclass(frozen=True, slots=True)
class Run:
    """A run's folder that exists."""

    folder: Path

    @property
    def facts(self) -> dict[str, Any]:
        """What ``run.json`` says; `FileError` (``run-format``) where it cannot be read."""
        path = self.folder / FACTS
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            message = f"`{path}` cannot be read: {error}"
            raise FileError(Problem("run-format", message, file=str(path))) from error
        if not isinstance(found, dict):
            raise FileError(Problem("run-format", f"`{path}` is not what kspec writes", file=str(path)))
        return found

    @property
    def history(self) -> tuple[dict[str, Any], ...]:
        """The rows of ``history.jsonl``; a last line that was cut off is passed over."""
        path = self.folder / HISTORY
        try:
            lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
            return tuple(json.loads(line) for line in lines if line.endswith("}"))
        except (OSError, ValueError, RecursionError) as error:
            message = f"`{path}` cannot be read: {error}"
            raise FileError(Problem("run-format", message, file=str(path))) from error

    def note(self, **facts: Any) -> None:
        """Add to what ``run.json`` says."""
        text = json.dumps(_json(self.facts | facts), indent=2, ensure_ascii=False)
        write_atomically(self.folder / FACTS, text + "\n")

    def append(self, row: Mapping[str, Any]) -> None:
        """Add an epoch's row to the history. A number that JSON has not (NaN) is null."""
        path = self.folder / HISTORY
        try:
            with open(path, "a", encoding="utf-8") as file:
                file.write(json.dumps(_json(row), ensure_ascii=False) + "\n")
        except OSError as error:
            message = f"cannot write `{path}`: {(error.strerror or str(error)).lower()}"
            raise FileError(Problem("file-write", message, file=str(path))) from error

    def save(self, model: Any) -> None:
        """Write the model and its weights, each whole or not at all."""
        optimizer = model.optimizer
        with without_keras_warnings():
            with atomic_path(self.folder / MODEL) as path:
                model.save(path)
            try:
                # Keras writes the optimizer's variables among the weights: with Adam, three times the size.
                model.optimizer = None
                with atomic_path(self.folder / WEIGHTS) as path:
                    model.save_weights(path)
            finally:
                model.optimizer = optimizer

    def end(self, state: State, **facts: Any) -> None:
        """Say how the run ended, and when."""
        self.note(state=state, ended=now(), **facts)


def begin(
    name: str,
    spec: Callable[[Path], str],
    *,
    folder: str | os.PathLike[str] | None = None,
    command: Iterable[str] = (),
    seed: int | None = None,
    data: Mapping[str, Matched | None] | None = None,
) -> Run:
    """Make a run's folder, `folder` or a new one under ``runs``, with the spec's text and what is known at the start.

    `spec` gives the text for the folder, since paths in it are relative to where it stands; `data` are the matched
    parts by name (``train``, ``validation``).

    Raises `FileError`: ``run-exists`` for a folder that holds something, ``file-write`` where it cannot be made.
    """
    facts = {
        "name": name,
        "state": "running",
        "started": now(),
        "ended": None,
        "seed": seed,
        "command": list(command),
        "data": {part: _data(matched) for part, matched in (data or {}).items() if matched is not None},
        "versions": versions(),
    }
    run = Run(_fresh(name) if folder is None else _empty(Path(folder)))
    write_atomically(run.folder / SPEC, spec(run.folder))
    write_atomically(run.folder / FACTS, json.dumps(_json(facts), indent=2, ensure_ascii=False) + "\n")
    return run


def open_run(folder: str | os.PathLike[str]) -> Run:
    """The run in a folder; `FileError` (``file-missing``) where there is none."""
    path = Path(folder)
    if not (path / FACTS).is_file():
        what = "is no run's folder" if path.is_dir() else "does not exist"
        help = f"a run's folder holds `{FACTS}`"
        raise FileError(Problem("file-missing", f"`{path}` {what}", help=help, file=str(path)))
    return Run(path)


def model_file(folder: str | os.PathLike[str]) -> Path:
    """The trained model of a run; `FileError` (``file-missing``) where the run did not get so far."""
    run = open_run(folder)
    path = run.folder / MODEL
    if not path.is_file():
        message = f"the run `{run.folder}` has no `{MODEL}`: its state is `{run.facts.get('state')}`"
        raise FileError(Problem("file-missing", message, help="train it to the end", file=str(path)))
    return path


def versions() -> dict[str, str]:
    """The versions of what trains, by the name of the package."""
    import platform

    found = {"python": platform.python_version()}
    for package in ("kspec", "keras", "jax", "numpy"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:  # run from a checkout that is not installed
            found[package] = "unknown"
    return found


def sha256(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        message = f"`{path}` cannot be read: {(error.strerror or str(error)).lower()}"
        raise FileError(Problem("file-missing", message, file=str(path))) from error


def now() -> str:
    """The time in ISO 8601, to the second, with the zone."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _data(matched: Matched) -> dict[str, Any]:
    links = [{"array": link.array, "role": link.role, "port": link.port} for link in matched.links]
    return {"file": matched.path, "sha256": sha256(matched.path), "rows": matched.rows, "matched": links}


def _fresh(name: str) -> Path:
    """A new folder under ``runs``: two runs begun in the same second get one each."""
    slug = re.sub(r"[^\w.-]+", "_", name).strip("._-")[:100] or "model"
    stem = f"{slug}-{datetime.now():%Y%m%d-%H%M%S}"
    for count in range(1, 1000):
        path = Path("runs", stem if count == 1 else f"{stem}-{count}")
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            if not path.exists():  # `runs` itself is a file
                raise FileError(_unwritable(path, "`runs` is not a folder")) from None
            continue
        except OSError as error:
            raise FileError(_unwritable(path, (error.strerror or str(error)).lower())) from error
        return path
    raise FileError(_unwritable(Path("runs", stem), "a thousand runs began in this second"))


def check_free(folder: str | os.PathLike[str]) -> None:
    """Raise `FileError` (``run-exists``, ``file-write``) for a folder that cannot be a new run's; nothing is made."""
    path = Path(folder)
    try:
        if not path.exists():
            return
        taken = any(path.iterdir())
    except OSError as error:
        raise FileError(_unwritable(path, (error.strerror or str(error)).lower())) from error
    if taken:
        what = "holds a run already" if (path / FACTS).exists() else "is not empty"
        raise FileError(Problem("run-exists", f"`{path}` {what}", help="name another folder with `-o`", file=str(path)))


def _empty(path: Path) -> Path:
    check_free(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(_unwritable(path, (error.strerror or str(error)).lower())) from error
    return path


def _unwritable(path: Path, reason: str) -> Problem:
    help = "name a folder with `-o`"
    return Problem("file-write", f"cannot make the run's folder `{path}`: {reason}", help=help, file=str(path))


def _json(value: Any) -> Any:
    """A value that JSON has: no NaN, no infinity."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json(item) for item in value]
    return value
