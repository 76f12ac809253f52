"""Checkpoints in a folder, each whole or not there: arrays by Orbax, and a manifest with the hash of every file.

::

    checkpoints/
      000007/
        arrays/         what Orbax writes, `orbax.checkpoint.PyTreeCheckpointer().restore` reads it
        manifest.json   where the training was, everything that is no array, and the SHA-256 of each file

A checkpoint is written under a name with a dot, brought to the disk, and renamed; only then are older ones removed.
What comes first is told by the numbers, never by a time of a file.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kspec.diagnostics import FileError, Problem, one_line
from kspec.files import sync_folder, write_problem
from kspec.training.checkpoints.snapshot import Place, Snapshot
from kspec.training.later import Later
from kspec.training.run import HISTORY

if TYPE_CHECKING:
    import numpy as np

FOLDER, MANIFEST, ARRAYS = "checkpoints", "manifest.json", "arrays"
_FORMAT = 1
_NUMBER = re.compile(r"\d{6,}")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that is there; whether it is whole shows when it is read."""

    path: Path

    @property
    def number(self) -> int:
        """Its place in the order in which checkpoints were written."""
        return int(self.path.name)

    def facts(self) -> dict[str, Any]:
        """What its manifest says. Raises `FileError` (``checkpoint-damaged``) where that is not what was written."""
        path = self.path / MANIFEST
        try:
            found = json.loads(path.read_bytes())
            written = found.pop("sha256")
            if _digest(found) == written and found["format"] == _FORMAT:
                return dict(found)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            pass
        raise _damaged(path, "it is not as it was written")

    def verify(self) -> dict[str, Any]:
        """The manifest's facts, when every file has the hash that stands there.

        Raises `FileError` (``checkpoint-damaged``) with the first file that has not.
        """
        facts = self.facts()
        for name, known in facts["files"].items():
            path = self.path / name
            try:
                size = path.stat().st_size
                if size != known["bytes"]:
                    raise _damaged(path, f"it has {size:,} bytes, and {known['bytes']:,} were written")
                with open(path, "rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                raise _damaged(path, (error.strerror or str(error)).lower()) from error
            if digest != known["sha256"]:
                raise _damaged(path, "its bytes are not those that were written")
        return facts

    def read(self) -> Snapshot:
        """What was written, all of it. Raises `FileError` (``checkpoint-damaged``)."""
        facts = self.verify()
        arrays = _restored(self.path / ARRAYS, facts["arrays"])
        return Snapshot(Place(facts["epoch"], facts["step"], facts["logs"]), arrays, facts["facts"])


@dataclass(frozen=True)
class Store:
    """The checkpoints of a run, in its folder."""

    run: Path

    @property
    def folder(self) -> Path:
        return self.run / FOLDER

    def all(self) -> list[Checkpoint]:
        """Those that are there, the oldest first."""
        names = [path for path in self.folder.glob("*") if _NUMBER.fullmatch(path.name)]
        return [Checkpoint(path) for path in sorted(names, key=lambda path: int(path.name))]

    def write(self, snapshot: Snapshot, keep: int = 2) -> Checkpoint:
        """Write a checkpoint; of the others the best one and as many as make `keep` with this one stay.

        Raises `FileError` (``file-write``); what was there before is untouched then.
        """
        number = max((known.number for known in self.all()), default=0) + 1
        target = self.folder / f"{number:06}"
        # A name of its own: a write that failed may have left threads of Orbax's that still write under theirs.
        temporary = self.folder / f".{target.name}-{os.urandom(4).hex()}"
        least = sum(array.nbytes for group in snapshot.arrays.values() for array in group.values())
        with _written(target, temporary, least):
            self.clean()
            temporary.mkdir(parents=True)
            _sync(self.run / HISTORY)  # a checkpoint counts rows: none that it counts may be lost
            _save(temporary / ARRAYS, snapshot.arrays)
            place = {"epoch": snapshot.place.epoch, "step": snapshot.place.step, "logs": snapshot.place.logs}
            known = {"format": _FORMAT, **place, "arrays": _kinds(snapshot.arrays), "facts": snapshot.facts}
            known = json.loads(json.dumps(known)) | {"files": _hashed(temporary)}
            (temporary / MANIFEST).write_text(json.dumps(known | {"sha256": _digest(known)}), encoding="utf-8")
            _synced(temporary)
            os.rename(temporary, target)
            sync_folder(self.folder)
        self._prune(keep)
        return Checkpoint(target)

    def clean(self) -> None:
        """Remove what a write that was broken off has left."""
        for path in self.folder.glob(".*"):
            if _NUMBER.match(path.name[1:]):
                shutil.rmtree(path, ignore_errors=True)

    def latest(self, tell: Callable[[str], None] = lambda text: None) -> Snapshot | None:
        """The last one that is whole; those that are not are told of. None where there is none at all.

        Raises `FileError` (``checkpoint-damaged``) where none of those that are there is whole.
        """
        error = None
        for known in reversed(self.all()):
            try:
                return known.read()
            except FileError as found:
                error = error or found
                tell(f"{one_line(found)}: the checkpoint before it is taken")
        if error is not None:
            raise error
        return None

    def _prune(self, keep: int) -> None:
        """Remove all but the last ones and the one with the least score."""
        known = self.all()
        scores: dict[Path, float] = {}
        for each in known:
            with contextlib.suppress(FileError):
                score = each.facts()["facts"].get("score")
                scores |= {each.path: score} if score is not None else {}
        best = min(scores, key=lambda path: scores[path], default=None)
        for each in known[:-keep]:
            if each.path != best:
                # Away from its name first: what is half removed must not be taken for a damaged checkpoint.
                gone = each.path.with_name(f".{each.path.name}")
                os.rename(each.path, gone)
                shutil.rmtree(gone, ignore_errors=True)


@contextmanager
def _written(target: Path, temporary: Path, least: int) -> Iterator[None]:
    """What cannot be written leaves nothing, and says why; it takes more than `least` bytes."""
    try:
        yield
    except Exception as error:  # TensorStore has errors of many kinds for what the system refuses
        size = sum(path.stat().st_size for path in temporary.rglob("*") if path.is_file())
        shutil.rmtree(temporary, ignore_errors=True)
        raise FileError(write_problem(target, error, written=max(size, least))) from error


def prepare_writing() -> None:
    """Import what writes, on a thread beside other work: it takes half a second."""
    Later(lambda: importlib.import_module("orbax.checkpoint"))


def _save(path: Path, arrays: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Orbax has no empty arrays and no empty groups; `_kinds` tells of them."""
    import orbax.checkpoint as ocp

    tree = {group: {key: array for key, array in found.items() if array.size} for group, found in arrays.items()}
    with contextlib.closing(ocp.Checkpointer(ocp.PyTreeCheckpointHandler())) as writer:
        writer.save(path.resolve(), {group: found for group, found in tree.items() if found})


def _kinds(arrays: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, dict[str, Any]]:
    return {
        group: {key: [list(array.shape), str(array.dtype)] for key, array in found.items()}
        for group, found in arrays.items()
    }


def _restored(path: Path, kinds: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, np.ndarray]]:
    """The arrays; raises `FileError` where one is not there, or of another shape or dtype."""
    import jax
    import numpy as np
    import orbax.checkpoint as ocp

    with contextlib.closing(ocp.Checkpointer(ocp.PyTreeCheckpointHandler())) as reader:
        tree = reader.restore(path.resolve())
    found: dict[str, dict[str, np.ndarray]] = {}
    for group, known in kinds.items():
        found[group] = {}
        for key, (shape, dtype) in known.items():
            array = tree.get(group, {}).get(key)
            if array is None and 0 in shape:
                array = np.zeros(shape, jax.numpy.dtype(dtype))
            if array is None or list(array.shape) != shape or str(array.dtype) != dtype:
                raise _damaged(path, f"the array `{group}/{key}` is not as it was written")
            found[group][key] = array
    return found


def _hashed(folder: Path) -> dict[str, dict[str, Any]]:
    found = {}
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        found[path.relative_to(folder).as_posix()] = {"bytes": path.stat().st_size, "sha256": digest}
    return found


def _synced(folder: Path) -> None:
    """Bring all files in a folder, and their names, to the disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            _sync(path)
        else:
            sync_folder(path)
    sync_folder(folder)


def _sync(path: Path) -> None:
    """Bring a file to the disk, if it is there."""
    if path.exists():
        with open(path, "r+b") as file:
            os.fsync(file.fileno())


def _digest(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _damaged(path: Path, what: str) -> FileError:
    return FileError(Problem("checkpoint-damaged", f"the checkpoint is damaged: {path.name}: {what}", file=str(path)))
