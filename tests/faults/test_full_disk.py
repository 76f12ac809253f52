"""A disk that is full, and a file size limit, for real: what was there stays, and one message says what is needed."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kspec.model.compilations import _mend
from kspec.training.run import Run
from tests.conftest import ROOT, run_kspec

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="tmpfs and the limit are Linux's")

WORDS = {"disk": "the disk is full", "limit": "it is larger than the file size limit allows"}


@functools.cache
def namespace() -> list[str]:
    """What runs a command where it may mount: in namespaces of its own, which need no root on most machines."""
    for command in (["unshare", "-rm"], ["unshare", "-m"]):
        test = [*command, "mount", "-t", "tmpfs", "tmpfs", "/tmp"]
        if shutil.which("unshare") and subprocess.run(test, capture_output=True, check=False).returncode == 0:
            return command
    pytest.skip("no tmpfs can be mounted here: neither root nor user namespaces")


def run(kind: str, folder: Path, *rooms: int) -> list[dict[str, Any]]:
    """What `tests.faults.writers` found."""
    (folder / "disk").mkdir()
    command = [*(namespace() if kind == "disk" else []), sys.executable, "-m", "tests.faults.writers", kind, "disk"]
    done = subprocess.run(
        [*command, *map(str, rooms)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("kind", ["disk", pytest.param("limit", marks=pytest.mark.slow)])
def test_every_file_that_a_command_writes(kind: str, tmp_path: Path) -> None:
    found = run(kind, tmp_path)
    assert len(found) == 16
    for case in found:
        name, said = case["name"], case["said"]
        assert case["status"] == 3, case
        assert case["kept"], case
        assert case["files"] == [name], case
        assert said.count("error[file-write] cannot write `") == 1, case
        assert WORDS[kind] in said, case
        if name != "p.parquet":  # which its library removes before anybody can see how far it came
            assert re.search(r": (more than )?[1-9][0-9,]* bytes needed", said), case
        assert "Traceback" not in said, case
        assert case["then"] == (1 if name == "results.sarif" else 0), case
        assert case["changed"], case


def trained(kind: str, folder: Path, *rooms: int) -> None:
    """Whatever there was no room for, one message says so, and the same training comes of going on."""
    found = run(kind, folder, *rooms)
    assert len(found) == len(rooms)
    for case in found:
        said = case["said"]
        assert case["status"] == 3, case
        assert said.count("error[file-write] cannot write `") == 1, case
        assert WORDS[kind] in said, case
        assert "Traceback" not in said, case
        for line in said.splitlines():
            assert not line.startswith("no checkpoint") or WORDS[kind] in line, line
        assert not case["left"], case
        assert case["same"], case
        wanted = "curve.svg history.jsonl model.keras model.weights.h5 run.json spec.yaml"
        assert set(wanted.split()) < set(case["files"]), case


@pytest.mark.slow
def test_trainings_whose_disk_is_full(tmp_path: Path) -> None:
    rooms = [
        0,
        4096,
        8192,
        12288,
        16384,
        20480,
        32768,
        49152,
        65536,
        81920,
        98304,
        114688,
        131072,
        163840,
        200000,
        260000,
    ]
    trained("disk", tmp_path, *rooms)


@pytest.mark.slow
def test_trainings_with_a_file_size_limit(tmp_path: Path) -> None:
    trained("limit", tmp_path, 0, 100, 700, 1300, 2000, 5000, 10000, 20000)


def test_a_half_kept_program_goes_and_the_others_stay(tmp_path: Path) -> None:
    """As JAX leaves one in its cache when the disk is full, or the process is killed."""
    for name in ("one-cache", "one-atime", "half-cache"):
        (tmp_path / name).write_bytes(b"x")
    _mend(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != ".lockfile") == ["one-atime", "one-cache"]


CACHE = """
import os, subprocess, sys
from pathlib import Path
from tests.faults.writers import full
from tests.training.checkpoints.runs import write

write(Path(), "plain")
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "disk"], check=True)
os.environ["KSPEC_CACHE"] = os.path.abspath("disk")
commands = [["check", "spec.yaml"], ["fit", "spec.yaml", "--set", "fit.epochs=1", "-q"]]
for command in commands:
    with full(Path("disk"), int(sys.argv[1])):
        subprocess.run([sys.executable, "-m", "kspec", *command], check=True)
for command in commands:
    subprocess.run([sys.executable, "-m", "kspec", *command], check=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("room", [0, 65536])
def test_a_full_disk_for_the_cache_fails_nothing_then_and_later(room: int, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    done = subprocess.run(
        [*namespace(), sys.executable, "-c", CACHE, str(room)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_run_folder_that_cannot_be_written(in_tmp: Path) -> None:
    """A file where the folder's parent would be: root too is refused that."""
    from tests.training.checkpoints.runs import write

    write(Path(), "plain")
    Path("file").write_text("")
    found = run_kspec("fit", "spec.yaml", "-o", "file/run")
    assert found.status == 3
    assert found.err.count("error[file-write]") == 1
    assert "cannot make the run's folder `file/run`" in found.err
    assert "Traceback" not in found.text
    if os.getuid() == 0:  # who may write anywhere
        return
    Path("closed").mkdir(mode=0o555)
    found = run_kspec("fit", "spec.yaml", "-o", "closed/run")
    assert found.status == 3
    assert "cannot make the run's folder `closed/run`: permission denied" in found.err


def test_what_a_killed_write_left_in_a_run_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".kspec-0123456789ab.keras").write_bytes(b"half")
    (tmp_path / "history.jsonl").write_text("")
    Run(tmp_path).clean()
    assert [path.name for path in tmp_path.iterdir()] == ["history.jsonl"]
