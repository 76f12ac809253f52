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
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from kspec.diagnostics import FileError, Problem
from kspec.files import remove_temporary, write_atomically, write_problem
from kspec.model.device import machine
from kspec.model.save import save
from kspec.model.weights import without_optimizer
from kspec.training.data.match import Matched, Streamed

State = Literal["running", "finished", "failed", "interrupted"]

SPEC, FACTS, HISTORY, MODEL, WEIGHTS = "spec.yaml", "run.json", "history.jsonl", "model.keras", "model.weights.h5"
LOCK = ".lock"

_locks: dict[str, Any] = {}
"""Those of this process: a lock whose object is collected is none."""
_LISTED = 100
"""Files of data that are told one by one."""


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

    @property
    def modules(self) -> tuple[Path, ...]:
        """The folders in which the spec's own modules lay; none where it has none."""
        found = self.facts.get("modules")
        given = found if isinstance(found, list) else []
        return tuple(Path(os.path.normpath(self.folder.resolve() / each)) for each in given if isinstance(each, str))

    def note(self, **facts: Any) -> None:
        """Add to what ``run.json`` says."""
        text = json.dumps(_json(self.facts | facts), indent=2, ensure_ascii=False)
        write_atomically(self.folder / FACTS, text + "\n")

    def cut(self, rows: int) -> None:
        """Keep the history's first rows only."""
        lines = [json.dumps(_json(row), ensure_ascii=False) + "\n" for row in self.history[:rows]]
        write_atomically(self.folder / HISTORY, "".join(lines))

    def lock(self) -> None:
        """Make this process the one that writes into the folder, until `unlock` or its end, however it ends.

        Raises `FileError` (``run-locked``) where another one does.
        """
        from filelock import FileLock, Timeout

        path = os.path.realpath(self.folder / LOCK)
        if path in _locks:
            return
        lock = FileLock(path, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            message = f"another process is training in `{self.folder}`"
            help = "wait for its end, or name another folder with `-o`"
            raise FileError(Problem("run-locked", message, help=help, file=str(self.folder))) from None
        except OSError as error:
            raise FileError(_unwritable(self.folder, (error.strerror or str(error)).lower())) from error
        _locks[path] = lock

    def unlock(self) -> None:
        """Let another process write into the folder."""
        lock = _locks.pop(os.path.realpath(self.folder / LOCK), None)
        if lock is not None:
            lock.release()

    @property
    def is_locked(self) -> bool:
        """Whether a process is writing into the folder."""
        from filelock import FileLock, Timeout

        if not (self.folder / LOCK).exists():
            return False
        try:
            with FileLock(self.folder / LOCK, timeout=0):
                return False
        except Timeout:
            return True
        except OSError:  # a folder of somebody else
            return False

    def append(self, row: Mapping[str, Any]) -> None:
        """Add an epoch's row to the history. A number that JSON has not (NaN) is null."""
        path, line = self.folder / HISTORY, json.dumps(_json(row), ensure_ascii=False) + "\n"
        try:
            with open(path, "a", encoding="utf-8") as file:
                file.write(line)
        except OSError as error:
            raise FileError(write_problem(path, error, len(line.encode()))) from error

    def save(self, model: Any) -> None:
        """Write the model and its weights, each whole or not at all."""
        save(model, self.folder / MODEL)
        with without_optimizer(model):
            save(model, self.folder / WEIGHTS)
        self.note(files={name: sha256(self.folder / name) for name in (MODEL, WEIGHTS)})

    def clean(self) -> None:
        """Remove what writes have left that were killed; the lock says that nobody is writing."""
        remove_temporary(self.folder)

    def end(self, state: State, **facts: Any) -> None:
        """Say how the run ended, and when."""
        self.note(state=state, ended=now(), **facts)


def facts_of(
    name: str,
    *,
    command: Iterable[str] = (),
    seed: int | None = None,
    epochs: int = 1,
    data: Mapping[str, Matched | Streamed | None] | None = None,
    labels: Mapping[str, Sequence[str]] | None = None,
    modules: Iterable[Path] = (),
) -> dict[str, Any]:
    """What is known of a run before it begins; `data` are the matched parts by name (``train``, ``validation``),
    `labels` the texts that whole numbers stand for in them, and `modules` the folders of the spec's own modules."""
    return {
        "name": name,
        "state": "running",
        "started": now(),
        "ended": None,
        "seed": seed,
        "epochs": epochs,
        "command": list(command),
        "data": {part: _data(matched) for part, matched in (data or {}).items() if matched is not None},
        **({"labels": {name: list(classes) for name, classes in labels.items()}} if labels else {}),
        "versions": versions(),
        "machine": machine(),
        **({"modules": list(map(str, modules))} if modules else {}),
    }


def begin(
    facts: Mapping[str, Any], spec: Callable[[Path], str], *, folder: str | os.PathLike[str] | None = None
) -> Run:
    """Make a run's folder, `folder` or a new one under ``runs``, with the spec's text and the facts; this process has
    its lock.

    `spec` gives the text for the folder, since paths in it are relative to where it stands.

    Raises `FileError`: ``run-exists`` for a folder that holds something, ``file-write`` where it cannot be made.
    """
    run = Run(_fresh(facts["name"]) if folder is None else _empty(Path(folder)))
    run.lock()
    if "modules" in facts:  # as the paths in the spec, so that a project may be moved with its runs
        folder = run.folder.resolve()
        facts = {**facts, "modules": [os.path.relpath(each, folder) for each in facts["modules"]]}
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
        help = f"`kspec fit --resume {run.folder}` goes on with it"
        raise FileError(Problem("file-missing", message, help=help, file=str(path)))
    if path in damaged_files(run):
        message = f"`{path}` is damaged: its bytes are not those that were written"
        help = f"`kspec fit --resume {run.folder}` writes it again, from the last checkpoint"
        raise FileError(Problem("run-damaged", message, help=help, file=str(path)))
    return path


def damaged_files(run: Run) -> list[Path]:
    """The model and the weights, where they have not the hash with which they were written."""
    found = []
    for name, written in run.facts.get("files", {}).items():
        path = run.folder / name
        if not path.is_file() or sha256(path) != written:
            found.append(path)
    return found


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


def _data(matched: Matched | Streamed) -> dict[str, Any]:
    """What was trained on. What is streamed is told by size and time: hashing it would be a pass of its own."""
    links = [{"array": link.array, "role": link.role, "port": link.port} for link in matched.links]
    files = (matched.path,) if matched.files is None else matched.files
    streamed = isinstance(matched, Streamed)
    facts: dict[str, Any] = {"file": matched.path}
    if files == (matched.path,) and not streamed:
        facts["sha256"] = sha256(matched.path)
    elif not files:  # a Python object, which reads what it likes
        pass
    elif len(files) <= _LISTED:
        facts["files"] = [_file(file, hashed=not streamed) for file in files]
    else:
        sizes = [os.stat(file).st_size for file in files if os.path.exists(file)]
        facts["files"] = {"count": len(files), "bytes": sum(sizes)}
    return {**facts, **({"streamed": True} if streamed else {}), "rows": matched.rows, "matched": links}


def _file(path: str, *, hashed: bool) -> dict[str, Any]:
    found = os.stat(path)
    changed = datetime.fromtimestamp(found.st_mtime).astimezone().isoformat(timespec="seconds")
    return {"file": path, **({"sha256": sha256(path)} if hashed else {"bytes": found.st_size, "changed": changed})}


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
    """Raise `FileError` (``run-exists``, ``file-write``) for a folder that cannot be a new run's; nothing is made.

    What a run leaves that was ended before its facts were written counts for nothing.
    """
    path = Path(folder)
    try:
        if not path.exists():
            return
        taken = any(not _is_ours(each.name) for each in path.iterdir())
    except OSError as error:
        raise FileError(_unwritable(path, (error.strerror or str(error)).lower())) from error
    begun = (path / FACTS).exists()
    if taken or begun:
        what = "holds a run already" if begun else "is not empty"
        help = (f"go on with it by `--resume {path}`, or " if begun else "") + "name another folder with `-o`"
        raise FileError(Problem("run-exists", f"`{path}` {what}", help=help, file=str(path)))


def _is_ours(name: str) -> bool:
    return name in (LOCK, SPEC) or name.startswith(".kspec-")


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
