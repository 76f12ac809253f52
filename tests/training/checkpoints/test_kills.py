"""Processes that are killed: in the midst of anything, and at every step of writing a checkpoint."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kspec.training.checkpoints.store import Store
from tests.training.checkpoints.kills import STREAM, killed
from tests.training.checkpoints.test_store import same, snapshot


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kills"), [("plateau", 5), ("early", 5), ("mixed", 5), ("averaged", 5), (STREAM, 5)])
def test_a_training_that_is_killed_again_and_again(name: str, kills: int, tmp_path: Path) -> None:
    """The command is `python -m tests.training.checkpoints.kills`, for hundreds."""
    ended, done = killed(tmp_path, name, kills)
    assert done == kills
    assert ended >= 1


KILLED = """
import os, shutil, signal, sys
from pathlib import Path
from kspec.training.checkpoints import store
from tests.training.checkpoints.test_store import snapshot

left = int(sys.argv[2])

def counted(function):
    def call(*args, **given):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **given)
    return call

for module, name in ((os, "fsync"), (os, "rename"), (shutil, "rmtree"), (Path, "mkdir"), (Path, "write_text")):
    setattr(module, name, counted(getattr(module, name)))
store._save = counted(store._save)
store._hashed = counted(store._hashed)
store.Store(Path(sys.argv[1])).write(snapshot(4))
print("written")
"""


@pytest.mark.slow
def test_a_write_that_is_killed_anywhere_loses_nothing(tmp_path: Path) -> None:
    """The checkpoint before it is there, or it is; and the next write goes on."""
    written, points = False, 0
    while not written:
        points += 1
        folder = tmp_path / str(points)
        for epoch in (1, 2, 3):
            Store(folder).write(snapshot(epoch))
        command = [sys.executable, "-c", KILLED, str(folder), str(points)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3])
        written = done.stdout == "written\n"
        assert written or done.returncode == -9, done.stderr
        found = Store(folder).latest()
        assert found is not None
        assert same(found, snapshot(4 if Store(folder).all()[-1].number == 4 else 3))
        assert len(Store(folder).all()) >= 2
        for checkpoint in Store(folder).all():
            checkpoint.verify()
        Store(folder).write(snapshot(5))
        assert len(Store(folder).all()) == 2
        assert not [path for path in Store(folder).folder.iterdir() if path.name.startswith(".")]
    assert points > 15
