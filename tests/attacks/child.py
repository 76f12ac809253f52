"""Runs cases in a process of its own that notes whatever it opens, connects to and starts: `child.py ROOT MODULE…`.

Prints, as JSON, for each case and command what was said, seconds, MB and what was noted.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import shlex
import sys
import time
from pathlib import Path
from typing import Any

NOTED = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "pty.", "pickle.find_class")
WRITES = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.symlink", "os.link", "os.chmod", "os.truncate")
HARMLESS = ("/proc/", "/sys/", "/dev/null", "/dev/urandom")
LIMIT = 90
"""Seconds after which a command hangs."""


class Watch:
    """An audit hook: it cannot be removed, so it is switched on and off."""

    def __init__(self, root: Path) -> None:
        self.root, self.on, self.events = os.path.realpath(root), False, list[str]()
        kspec = Path(__file__).resolve().parents[2]
        self.own = tuple(map(str, {sys.prefix, sys.base_prefix, sys.exec_prefix, kspec / "kspec"}))
        sys.addaudithook(self._hook)

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event.startswith(NOTED):
            self.events.append(f"{event} {args!r:.200}")
        elif event == "open" and isinstance(args[0], (str, bytes)):
            self._path(event, args[0], bool(isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)))
        elif event in WRITES and isinstance(args[0], (str, bytes)):
            self._path(event, args[0], True)

    def _path(self, event: str, name: str | bytes, writes: bool) -> None:
        path = os.path.realpath(os.fsdecode(name))
        inside = path == self.root or path.startswith(self.root + os.sep)
        read = not writes and path.startswith(self.own)
        if not inside and not read and not path.startswith(HARMLESS):
            self.events.append(f"{event} {path!r:.300}")


def peak(reset: bool = False) -> float:
    """The most memory since the last reset, in MB."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def measured(command: str, watch: Watch) -> dict[str, Any]:
    """One command. Seconds are those of the processor where it was busy with other things meanwhile."""
    from tests.conftest import run_kspec

    before, wall, cpu = peak(reset=True), time.monotonic(), time.process_time()
    watch.events.clear()
    watch.on = True
    outcome = run_kspec(*shlex.split(command))
    watch.on = False
    seconds = min(time.monotonic() - wall, time.process_time() - cpu)
    found = {"command": command, "status": outcome.status, "text": outcome.out + outcome.err, "seconds": seconds}
    return found | {"mb": peak() - before, "events": list(watch.events)}


def prepare(root: Path) -> None:
    """A project, a good model, good data; every command runs once, so that start-up is behind us."""
    cache = os.environ["KSPEC_CACHE"]
    import tests.conftest  # which takes the cache away

    os.environ["KSPEC_CACHE"] = cache
    os.chdir(root)
    import keras
    import numpy as np

    run_kspec = tests.conftest.run_kspec
    model = keras.Sequential([keras.Input((8,), name="x"), keras.layers.Dense(600)])
    model.compile("adam", "mse")
    model.save("good.keras")
    model.optimizer = None
    model.save_weights("good.weights.h5")
    np.savez("ok.npz", x=np.ones((8, 8), "float32"), y=np.ones((8, 1), "float32"))
    Path("pyproject.toml").write_text("", encoding="utf-8")
    spec = "kspec: 1\ninputs: {x: 8}\nlayers: [{model: good.keras}, {Dense: 1, name: y}]\ncompile: {loss: mse}\n"
    Path("good.yaml").write_text(spec, encoding="utf-8")
    for command in ("audit good.keras", "summary good.keras", "predict good.keras --data ok.npz -o p.npz"):
        assert run_kspec(*command.split()).status == 0, run_kspec(*command.split())
    for command in ("check good.yaml", "build good.yaml -o b.keras", "fit good.yaml --data ok.npz --epochs 1 -o run"):
        assert run_kspec(*command.split()).status == 0, run_kspec(*command.split())


def main(root: Path, modules: list[str]) -> None:
    from tests.attacks.case import Case, Outside

    outside = Outside(root.parent / "outside")
    prepare(root)
    watch, found = Watch(root), dict[str, Any]()
    cases: list[Case] = [case for module in modules for case in importlib.import_module(module).CASES]
    for number, case in enumerate(cases):
        folder = root / f"case{number}"
        folder.mkdir()
        os.chdir(folder)
        case.make(outside)
        results = []
        for command in case.commands:
            faulthandler.dump_traceback_later(LIMIT, exit=True)
            print(case.name, command, file=sys.stderr)
            results.append(measured(command, watch))
            faulthandler.cancel_dump_traceback_later()
        found[case.name] = {"results": results, "ran": os.path.exists(outside.mark)}
    (root / "found.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
