"""Every case is refused with its message, within a second and 300 MB, with no socket and no file from elsewhere."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.case import Case
from tests.conftest import ROOT

SECRET = "the words of a secret file"
SECONDS, MEGABYTES = 3.0, 300
"""The slowest takes 0.6 s where one second is promised: what is left is for machines that do other things as well."""
MODULES = tuple(f"tests.attacks.{name}" for name in ("configs", "weights", "archives", "specs", "data"))
"""All in one process: to start it takes longer than the cases."""


def run(modules: tuple[str, ...], folder: Path) -> dict[str, Any]:
    """What a process of its own did with all cases."""
    root, outside = folder / "root", folder / "outside"
    for each in (root, outside, root / "tmp", root / "home"):
        each.mkdir()
    os.mkfifo(outside / "pipe.h5")
    (outside / "secret.txt").write_text(SECRET, encoding="utf-8")
    places = {"TMPDIR": root / "tmp", "HOME": root / "home", "KERAS_HOME": root / "home", "KSPEC_CACHE": root / "home"}
    env = (
        os.environ | {name: str(place) for name, place in places.items()} | {"PYTHONPATH": str(ROOT), "COLUMNS": "1000"}
    )
    command = [sys.executable, "-m", "tests.attacks.child", str(root), *modules]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads((root / "found.json").read_text(encoding="utf-8"))
    return found


def faults(case: Case, found: dict[str, Any]) -> Iterator[str]:
    """What is wrong with what was done."""
    if found["ran"]:
        yield "code of the stranger has run"
    for result in found["results"]:
        text, where = result["text"], result["command"]
        if result["status"] != (1 if where.startswith("check ") else case.status):
            yield f"{where}: exit {result['status']}: {text[-300:]}"
        if case.said not in text:
            yield f"{where}: does not say {case.said!r}: {text[:300]!r}"
        if "Traceback" in text or "defect" in text or SECRET in text or len(text) > 20_000:
            yield f"{where}: {text[-300:]!r}"
        if any(not each.isprintable() and each != "\n" for each in text):
            yield f"{where}: writes control characters to the terminal"
        if result["seconds"] > SECONDS or result["mb"] > MEGABYTES:
            yield f"{where}: {result['seconds']:.1f} s, {result['mb']:.0f} MB"
        yield from (f"{where}: {event}" for event in result["events"])


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is measured as Linux tells it")
def test_every_attack_is_refused(tmp_path: Path) -> None:
    cases = [case for module in MODULES for case in importlib.import_module(module).CASES]
    assert len({case.name for case in cases}) == len(cases)
    found = run(MODULES, tmp_path)
    wrong = [f"{case.name}: {fault}" for case in cases for fault in faults(case, found[case.name])]
    assert not wrong, "\n".join(wrong)
