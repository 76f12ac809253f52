"""Trainings killed at random, and gone on with: ``python -m tests.training.checkpoints.kills [KILLS] [NAME…]``

Each spec of `runs.SPECS` (or those named) is trained once without a break, and then again and again in processes that
are killed (kill -9) at any moment from their start to a little after their end, until KILLS (200) are done. Every run
that comes to its end must have the same whole state, bit by bit, and the same history.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.training.checkpoints.runs import SPECS, digest, write

FEW = "5 steps"
STREAM = "streamed"
"""The plain spec, whose data are not held in memory."""


def command(run: str) -> list[str]:
    return [sys.executable, "-m", "kspec", "fit", "spec.yaml", "-o", run, "--resume", "auto", "--loop", "scan", "-q"]


def start(folder: Path, run: str, name: str) -> subprocess.Popen[bytes]:
    """Train in a process of its own; compiled programs are kept, so that starting is quick."""
    root = Path(__file__).parents[3]
    environment = {**os.environ, "KSPEC_CACHE": str(folder / "cache"), "PYTHONPATH": str(root)}
    if name == STREAM:
        environment["KSPEC_DATA_MEMORY"] = "4KB"
    with open(folder / "log", "ab") as log:
        return subprocess.Popen(
            [*command(run), "--checkpoint-every", FEW], cwd=folder, env=environment, stdout=log, stderr=log
        )


def killed(folder: Path, name: str, kills: int, seed: int = 0) -> tuple[int, int]:
    """How many trainings came to their end, all as the one that was not broken off, and how many kills there were."""
    write(folder, "plain" if name == STREAM else name)
    assert start(folder, "warm", name).wait() == 0, (folder / "log").read_text()
    begun = time.monotonic()
    assert start(folder, "whole", name).wait() == 0, (folder / "log").read_text()
    whole, wanted = time.monotonic() - begun, digest(folder / "whole")
    draws, done, ended = random.Random(seed), 0, 0
    while done < kills:
        process = start(folder, "run", name)
        try:
            status = process.wait(draws.uniform(0.1, 1.1) * whole)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            done += 1
            continue
        assert status == 0, (folder / "log").read_text()
        ended += _compared(folder, wanted)
    assert start(folder, "run", name).wait() == 0, (folder / "log").read_text()
    return ended + _compared(folder, wanted), done


def _compared(folder: Path, wanted: object) -> int:
    assert digest(folder / "run") == wanted
    shutil.rmtree(folder / "run")
    return 1


def main() -> None:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    names = sys.argv[2:] or [*SPECS, STREAM]
    for number, name in enumerate(names):
        share = kills // len(names) + (number < kills % len(names))
        with tempfile.TemporaryDirectory() as folder:
            ended, done = killed(Path(folder), name, share, seed=number)
        print(f"{name}: killed {done} times; {ended} trainings ended, all bit-identical", flush=True)


if __name__ == "__main__":
    main()
