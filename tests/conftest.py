"""What the tests share: the command line in this process, and golden files."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, settings

os.environ["KERAS_BACKEND"] = "jax"
os.environ["COLUMNS"] = "100"
# Small models spend their time in XLA's compiler, so tests ask it for no effort.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
# No folder, so that no test finds what another one has cached; those of the cache have one of their own.
os.environ["KSPEC_CACHE"] = __file__
# A shell lets what it starts in the background ignore Ctrl-C, and so would every process that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Likewise `nohup` and hanging up.
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
for variable in ("NO_COLOR", "FORCE_COLOR", "CI"):
    os.environ.pop(variable, None)

# How long a test takes is no mistake: machines are busy with other things.
settings.register_profile("kspec", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kspec")

ROOT = Path(__file__).resolve().parent.parent
SPECS = ROOT / "specs"


class Outcome(NamedTuple):
    """What a command printed and its exit status."""

    status: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Both streams and the status, as golden files hold them."""
        return f"exit {self.status}\n{self.out}{self.err}"


def run_kspec(*args: str | Path) -> Outcome:
    """The command line, in this process."""
    from kspec.cli import cli
    from kspec.cli.edge import guarded

    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    argv = sys.argv
    sys.argv = ["kspec", *map(str, args)]
    try:
        with redirect_stdout(out), redirect_stderr(err):
            status = guarded(cli)
    finally:
        sys.argv = argv
    out.flush()
    err.flush()
    return Outcome(status, out.buffer.getvalue().decode(), err.buffer.getvalue().decode())  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _own_modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A person's module that a test writes and imports is the next one's no more: many are called `mine`."""
    before, base = set(sys.modules), str(tmp_path_factory.getbasetemp())
    yield
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__dict__", {}).get("__file__")).startswith(base):
            del sys.modules[name]


@pytest.fixture
def kspec() -> Callable[..., Outcome]:
    return run_kspec


@pytest.fixture
def in_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check_golden(path: Path, text: str) -> None:
    """Compare with a golden file; KSPEC_GOLDEN=write writes it instead."""
    if os.environ.get("KSPEC_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert path.is_file(), f"no golden file {path.name}: run with KSPEC_GOLDEN=write, then read it"
    assert text == path.read_text(encoding="utf-8")
