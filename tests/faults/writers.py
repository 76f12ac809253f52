"""Every file that a command writes, written to a disk that is full or beyond a file size limit:
``python -m tests.faults.writers disk|limit FOLDER [ROOM…]``

Prints a line of JSON for each case; with ROOM, trainings that have so many bytes. It is a process of its own, since
the limit is one of a process, and so is the disk, which it mounts: a tmpfs of its own mount namespace, gone when it
ends.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

OLD = b"what was there before\n" * 300
DISK = 2**20
ROOM = 4096
"""Bytes that are left on the disk: a page, so that writing begins and then fails."""
SHORT = {"part.yaml", "picture.mmd"}
"""What a page has room for: none is left."""
LIMIT = 1000

SPEC = """
kspec: 1
name: small
seed: 1
inputs: {x: 8}
layers:
  - Dense: {units: 300, activation: relu}
    name: wide
  - repeat: 20
    layers:
      - Dense: {units: 8}
  - Dense: 3
    name: y
compile: {optimizer: adam, loss: mse}
"""
MISSPELT = "# " + "a long remark " * 600 + SPEC.replace("units", "unit")

CASES: dict[str, tuple[str, ...]] = {
    "model.keras": ("build", "small.yaml", "-o", "{}"),
    "small.weights.h5": ("build", "small.yaml", "-o", "{}"),
    "picture.svg": ("plot", "small.yaml", "--unfold", "-o", "{}"),
    "picture.png": ("plot", "small.yaml", "--unfold", "-o", "{}"),
    "picture.dot": ("plot", "small.yaml", "--unfold", "-o", "{}"),
    "picture.mmd": ("plot", "small.yaml", "--unfold", "-o", "{}"),
    "picture.html": ("plot", "small.yaml", "-o", "{}"),
    "part.yaml": ("slice", "small.yaml", "--from", "wide", "-o", "{}"),
    "schema.json": ("schema", "-o", "{}"),
    "results.sarif": ("check", "wrong.yaml", "--fast", "--also", "sarif={}"),
    "misspelt.yaml": ("check", "{}", "--fix", "--fast"),
    "started.yaml": ("init", "--data", "many.npz", "--force", "-o", "{}"),
    "digits_mlp.yaml": ("init", "--example", "digits_mlp", "--force", "-o", "{folder}"),
    "p.npz": ("predict", "small.yaml", "--weights", "good.weights.h5", "--data", "data.npz", "-o", "{}"),
    "p.csv": ("predict", "small.yaml", "--weights", "good.weights.h5", "--data", "data.npz", "-o", "{}"),
    "p.parquet": ("predict", "small.yaml", "--weights", "good.weights.h5", "--data", "data.npz", "-o", "{}"),
}
"""Commands by the file that they write; ``{}`` is its path."""


def prepare() -> None:
    """What the commands read, in the current folder."""
    from tests.conftest import run_kspec

    Path("small.yaml").write_text(SPEC, encoding="utf-8")
    Path("wrong.yaml").write_text(MISSPELT, encoding="utf-8")
    random = np.random.default_rng(0)
    np.savez("data.npz", x=random.normal(size=(2000, 8)).astype("float32"))
    fields = {f"a_field_with_a_long_name_{number}": np.zeros(9, "float32") for number in range(150)}
    np.savez("many.npz", **fields, y=np.zeros(9, "float32"))  # type: ignore[arg-type]
    built = run_kspec("build", "small.yaml", "-o", "good.weights.h5")
    assert built.status == 0, built.text


@contextmanager
def full(disk: Path, room: int = ROOM) -> Iterator[None]:
    """The disk has so many bytes left."""
    filler = disk / "filler"
    free = shutil.disk_usage(disk).free
    filler.write_bytes(bytes(free - room))
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def limited(disk: Path, room: int = LIMIT) -> Iterator[None]:
    """No file may have more bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def case(name: str, args: tuple[str, ...], disk: Path, fault: Callable[..., Any]) -> dict[str, Any]:
    """A command with the fault, and then without it."""
    from tests.conftest import run_kspec

    folder = disk / "folder"
    folder.mkdir()
    old = MISSPELT.encode() if name == "misspelt.yaml" else OLD
    target = folder / name
    target.write_bytes(old)
    given = [arg.format(target, folder=folder) for arg in args]
    with fault(disk, 0) if name in SHORT else fault(disk):
        found = run_kspec(*given)
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    kept = target.read_bytes() == old
    fine = run_kspec(*given)
    new = hashlib.sha256(target.read_bytes()).hexdigest()
    changed = new != hashlib.sha256(old).hexdigest()
    shutil.rmtree(folder)
    return {
        "name": name,
        "status": found.status,
        "said": found.out + found.err,
        "files": names,
        "kept": kept,
        "then": fine.status,
        "changed": changed,
    }


def training(room: int, disk: Path, fault: Callable[..., Any], wanted: Any) -> dict[str, Any]:
    """A training that there is no room for, and that is gone on with where there is."""
    from tests.conftest import run_kspec
    from tests.training.checkpoints.runs import digest

    run = disk / "run"
    args = ("fit", "spec.yaml", "-o", str(run), *TRAINED)
    with fault(disk, room):
        found = run_kspec(*args)
    left = [path.name for path in run.rglob(".*") if path.name != ".lock"]
    fine = run_kspec(*args)
    same = digest(run) == wanted if not fine.status else None
    names = sorted(path.name for path in run.iterdir())
    shutil.rmtree(run)
    said = found.out + found.err
    return {"name": room, "status": found.status, "said": said, "left": left, "then": fine.text, "same": same} | {
        "files": names
    }


TRAINED = ("--resume", "auto", "--loop", "scan", "--checkpoint-every", "20 steps")


def trainings(disk: Path, fault: Callable[..., Any], rooms: list[int]) -> Iterator[dict[str, Any]]:
    """Trainings that come to different files of their folder before there is no room any more."""
    from tests.conftest import run_kspec
    from tests.training.checkpoints.runs import digest, write

    write(Path(), "plain")
    os.environ["KSPEC_CACHE"] = os.path.abspath("cache")
    assert run_kspec("fit", "spec.yaml", "-o", "whole", *TRAINED).status == 0
    wanted = digest(Path("whole"))
    for room in rooms:
        yield training(room, disk, fault, wanted)


def main() -> None:
    from kspec.cli.edge import send_again

    sys.unraisablehook = send_again  # as the program does
    kind, disk, rooms = sys.argv[1], Path(sys.argv[2]), [int(room) for room in sys.argv[3:]]
    fault: Callable[..., Any] = full if kind == "disk" else limited
    if kind == "disk":
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(disk)], check=True)
    if rooms:
        for found in trainings(disk, fault, rooms):
            print(json.dumps(found), flush=True)
        return
    prepare()
    for name, args in CASES.items():
        print(json.dumps(case(name, args, disk, fault)), flush=True)


if __name__ == "__main__":
    main()
