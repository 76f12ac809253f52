"""SIGTERM, SIGHUP and Ctrl-C, sent for real to commands that run: the status, one line, and no step lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kspec.training.checkpoints.store import Store
from tests.conftest import ROOT
from tests.training.checkpoints.runs import digest, write

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="these signals are Unix's")

SIGNALS = [
    (signal.SIGTERM, 143, "stopped by SIGTERM"),
    (signal.SIGHUP, 129, "stopped by SIGHUP"),
    (signal.SIGINT, 130, "interrupted"),
]
TRAIN = ["-m", "kspec", "fit", "spec.yaml", "-o", "run", "--loop", "scan", "-q", "--epochs"]
LONG = "100000"


class Command:
    """A process, and what it has said when it has ended."""

    def __init__(self, folder: Path, cache: Path, *args: str, before: str = "") -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "KSPEC_CACHE": str(cache)}
        self.folder = folder
        self.process = subprocess.Popen(
            [*before.split(), sys.executable, *args], cwd=folder, env=environment, stderr=subprocess.PIPE, text=True
        )

    def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until something is so; the process is running all the while."""
        end = time.monotonic() + 600
        while not is_so():
            assert self.process.poll() is None, self.process.communicate()[1]
            assert time.monotonic() < end
            time.sleep(0.005)

    def trains(self, epochs: int = 3) -> None:
        path = self.folder / "run" / "history.jsonl"
        self.until(lambda: path.exists() and path.read_bytes().count(b"\n") >= epochs)

    def end(self, number: int | None = None) -> tuple[int, str]:
        """The status and standard error, after a signal."""
        if number is not None:
            self.process.send_signal(number)
        try:
            _, err = self.process.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return self.process.returncode, err.strip()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compiled programs, so that processes start quickly."""
    return tmp_path_factory.mktemp("cache")


def lose_nothing(folder: Path, cache: Path, number: int, status: int, said: str) -> None:
    """A training that a signal ends, and that is gone on with, is the one that was not ended."""
    write(folder, "plain")
    stopped = Command(folder, cache, *TRAIN, LONG)
    stopped.trains()
    assert stopped.end(number) == (status, said)
    run = folder / "run"
    assert json.loads((run / "run.json").read_text())["state"] == "interrupted"
    assert not (run / "model.keras").exists()
    snapshot = Store(run).latest()
    assert snapshot is not None
    rows = (run / "history.jsonl").read_text().splitlines()
    # The checkpoint was written for the signal, and is of the epoch under way: no step that was done is done again.
    assert snapshot.place.epoch == len(rows) == snapshot.facts["rows"]
    epochs = str(len(rows) + 2)
    assert Command(folder, cache, *TRAIN, epochs, "--resume", "auto").end() == (0, "")
    (again,) = json.loads((run / "run.json").read_text())["resumed"]
    assert again["from"] == {"epoch": snapshot.place.epoch, "step": snapshot.place.step}
    assert (run / "history.jsonl").read_text().splitlines()[: len(rows)] == rows
    found = digest(run)
    run.rename(folder / "stopped")
    assert Command(folder, cache, *TRAIN, epochs).end() == (0, "")
    assert digest(run) == found


def test_a_sigterm_loses_no_step(tmp_path: Path, cache: Path) -> None:
    lose_nothing(tmp_path, cache, *SIGNALS[0])


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status", "said"), SIGNALS[1:])
def test_another_signal_loses_no_step(tmp_path: Path, cache: Path, number: int, status: int, said: str) -> None:
    lose_nothing(tmp_path, cache, number, status, said)


def test_a_second_signal_ends_a_training_at_once(tmp_path: Path, cache: Path) -> None:
    """Also while a step that is one long program, or as here a checkpoint, is not done."""
    write(tmp_path, "plain")
    program = (
        "import time; from pathlib import Path; from kspec.cli import main\n"
        "from kspec.training.checkpoints import store\n"
        "def slow(*args):\n    Path('writing').touch(); time.sleep(1000)\n"
        "store._save = slow\nimport sys; sys.argv = ['kspec', *sys.argv[1:]]; main()"
    )
    command = Command(tmp_path, cache, "-c", program, *TRAIN[2:], LONG)
    command.trains()
    command.process.send_signal(signal.SIGTERM)
    command.until((tmp_path / "writing").exists)
    begun = time.monotonic()
    status, said = command.end(signal.SIGTERM)
    assert (status, said.splitlines()[-1]) == (143, "stopped by SIGTERM")
    assert "Traceback" not in said
    assert time.monotonic() - begun < 300  # and not the 1,000 that the write takes


@pytest.mark.slow
def test_what_ignores_hanging_up_goes_on(tmp_path: Path, cache: Path) -> None:
    write(tmp_path, "plain")
    command = Command(tmp_path, cache, *TRAIN, LONG, before="nohup")
    command.trains()
    before = len((tmp_path / "run/history.jsonl").read_text().splitlines())
    command.process.send_signal(signal.SIGHUP)
    command.trains(before + 20)
    assert command.end(signal.SIGTERM) == (143, "stopped by SIGTERM")


AT = """
import os, signal, sys, time
number, module, name = int(sys.argv[1]), sys.argv[2], sys.argv[3]
sys.argv = ["kspec", *sys.argv[4:]]
from kspec.cli import main

class Meddler:
    def find_spec(self, wanted, path, target=None):
        if wanted == module and not name:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), number)
            time.sleep(0.1)

if name:
    import importlib
    owner = importlib.import_module(module)
    for part in name.split(".")[:-1]:
        owner = getattr(owner, part)
    last = name.split(".")[-1]
    own = getattr(owner, last)
    def call(*args, **given):
        os.kill(os.getpid(), number)
        time.sleep(0.1)
        return own(*args, **given)
    setattr(owner, last, call)
else:
    sys.meta_path.insert(0, Meddler())
main()
"""
"""A command that is sent a signal as it imports a module, or calls a function of one."""

PLACES = {
    "startup": ("numpy", ""),
    "import": ("keras", ""),
    "building": ("kspec.model.build", "build"),
    "compiling": ("kspec.training.loop.epochs", "choose"),
    "saving": ("keras.src.saving.saving_lib", "_save_state"),
    "renaming": ("os", "replace"),
}
QUICK = {"startup"}


@pytest.mark.parametrize(
    "place", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in PLACES]
)
def test_a_signal_at_any_time(place: str, tmp_path: Path, cache: Path) -> None:
    write(tmp_path, "plain")
    for number, status, said in SIGNALS[: 1 if place in QUICK else 3]:
        command = Command(tmp_path, cache, "-c", AT, str(int(number)), *PLACES[place], *TRAIN[2:], "1")
        assert command.end() == (status, said)
        left = [path.name for path in tmp_path.rglob(".*") if path.name not in (".lock", ".lockfile")]
        assert not left
        run = tmp_path / "run"
        assert not (run / "model.keras").exists()
        if place == "saving":  # the training is over, and its state is kept
            assert json.loads((run / "run.json").read_text())["state"] == "interrupted"
            assert Command(tmp_path, cache, *TRAIN, "1", "--resume", "auto").end() == (0, "")
            assert (run / "model.keras").exists()
            (run / "model.keras").unlink()
        for path in sorted(run.rglob("*"), reverse=True) if run.exists() else ():
            path.rmdir() if path.is_dir() else path.unlink()


DROPPED = """
import os, signal, sys
from kspec.cli import main
class Meddler:
    def find_spec(self, wanted, path, target=None):
        if wanted == "keras":
            sys.meta_path.remove(self)
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                for _ in range(10**6):
                    pass
            except BaseException:
                pass
sys.meta_path.insert(0, Meddler())
sys.argv = ["kspec", *sys.argv[1:]]
main()
"""


@pytest.mark.slow
def test_a_signal_that_a_library_drops_ends_a_training_before_it_begins(tmp_path: Path, cache: Path) -> None:
    write(tmp_path, "plain")
    command = Command(tmp_path, cache, "-c", DROPPED, *TRAIN[2:], LONG)
    assert command.end() == (143, "stopped by SIGTERM")
    assert not (tmp_path / "run/history.jsonl").exists()


@pytest.mark.slow
def test_a_signal_while_a_model_is_built_leaves_the_old_file(tmp_path: Path, cache: Path) -> None:
    write(tmp_path, "plain")
    (tmp_path / "model.keras").write_bytes(b"old")
    command = Command(
        tmp_path,
        cache,
        *("-c", AT, str(int(signal.SIGTERM)), *PLACES["saving"], "build", "spec.yaml", "-o", "model.keras"),
    )
    assert command.end() == (143, "stopped by SIGTERM")
    assert (tmp_path / "model.keras").read_bytes() == b"old"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
