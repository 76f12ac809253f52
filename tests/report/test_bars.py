"""The live display: its lines at several widths, and that it leaves the terminal as it was."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kspec.report.bars import Bars, finished, running
from kspec.report.figures import arranged_logs
from kspec.report.meter import Meter

from .golden import same
from .test_progress import Broken, Clock, Counted, run

MANY = ("accuracy", "loss", "mean_absolute_error", "digit_top_k_categorical_accuracy", "auc")
FEW = {"loss": 0.5, "accuracy": 0.75}
TEN = dict.fromkeys(MANY, 0.5) | {f"val_{name}": 0.25 for name in MANY} | {"auc": float("nan")}


def meter(step: int, steps: int | None, seconds: float = 2.0) -> Meter:
    """An epoch that got to `step` in `seconds` after a first step."""
    clock = Clock()
    found = Meter(clock)
    found.start(20, steps)
    found.epoch_start(3)
    clock.wait(1)
    found.at(1)
    clock.wait(seconds)
    found.at(step)
    return found


def test_lines_at_several_widths() -> None:
    parts = []
    for width in (24, 40, 60, 80, 140):
        parts.append(f"-- {width} columns " + "-" * (width - 12 - len(str(width))))
        for logs in ({"loss": 0.5}, FEW, TEN, {}):
            shown = arranged_logs({name: value for name, value in logs.items() if not name.startswith("val_")})
            parts.append(running(meter(376, 400), shown, width).plain)
        parts.append(running(meter(1, 1_234_567), {}, width).plain)
        parts.append(running(meter(400, 400), FEW, width).plain)
        parts.append(running(meter(376, None), FEW, width).plain)
        parts.append(running(meter(3, 4, 100.0), FEW, width).plain)
        rows = ({"loss": 0.5}, FEW | {f"val_{name}": 0.25 for name in FEW}, TEN, {})
        parts += [finished(3, 20, logs, 1.5, width).plain for logs in rows]
    text = "\n".join(parts) + "\n"
    same("bars.txt", text)


@pytest.mark.parametrize("width", [*range(30, 200, 7)])
def test_a_live_line_never_wraps(width: int) -> None:
    """A line as long as the terminal would leave its remains on the screen at each drawing."""
    for logs in (FEW, TEN, {"x" * 300: 1.0}, {f"metric_{n}": 1.0 for n in range(100)}):
        for state in (meter(376, 400), meter(1, 10**9), meter(5, None)):
            lines = running(state, logs, width).plain.split("\n")
            assert all(len(line) < width for line in lines)
            assert len(lines) <= 7


def test_the_bar_keeps_its_length() -> None:
    firsts = [running(meter(step, 400), FEW, 80).plain.split("\n")[0] for step in (1, 77, 200, 390, 400)]
    assert len({sum(line.count(piece) for piece in "━╸─") for line in firsts}) == 1
    assert [line.count("─") == 0 for line in firsts] == [False, False, False, False, True]  # full when all is done


def test_a_whole_run_on_no_terminal_is_its_epoch_lines() -> None:
    stream, clock = io.StringIO(), Clock()
    run(Bars(stream, width=100, timer=clock), clock)
    assert stream.getvalue() == (
        "epoch 1/3  2.00 s  loss 1.2500  accuracy 0.5000  val_loss 3.0000  val_accuracy 0.2500\n"
        "epoch 2/3    1:40  loss 1.2500  accuracy 0.5000  val_loss 3.0000  val_accuracy 0.2500\n"
        "epoch 3/3  2.00 s  loss nan  accuracy 0.5000  val_loss 3.0000  val_accuracy 0.2500\n"
        "stopped early:\nval_loss did not improve\n"
    )


def test_between_drawings_logs_are_not_looked_at() -> None:
    clock, logs = Clock(), Counted({"loss": 1.0})
    shown = Bars(io.StringIO(), width=80, timer=clock)
    shown.start(1, 100_000, 1)
    shown.epoch_start(1)
    shown.step(1, logs)
    first = logs.looks
    for step in range(2, 900):
        clock.wait(1e-4)
        shown.step(step, logs)
    shown.stop()
    assert logs.looks == first


def test_a_reader_that_leaves_does_not_end_the_training() -> None:
    stream, clock = Broken(), Clock()
    run(Bars(stream, width=80, timer=clock), clock)


def test_an_unfinished_epoch_leaves_a_line() -> None:
    stream, clock = io.StringIO(), Clock()
    shown = Bars(stream, width=80, timer=clock)
    shown.start(20, 400, 1)
    shown.epoch_start(1)
    shown.step(17, FEW)
    shown.stop()
    assert stream.getvalue() == "epoch  1/20  stopped at step 17 of 400  loss 0.5000  accuracy 0.7500\n"


SCRIPT = """
import sys, time
from kspec.report.display import make_progress
shown = make_progress("auto", sys.stderr)
shown.start(9, 1000, 1)
def train():
    for epoch in range(1, 10):
        shown.epoch_start(epoch)
        for step in range(1, 1001):
            time.sleep(0.001)
            shown.step(step, {"loss": 1 / step})
            if step == 300:
                print("a callback speaks")
        shown.epoch_end(epoch, {"loss": 0.5}, 1.0)
if HOW == "finally":
    try:
        train()
    finally:
        shown.stop()
else:
    train()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("how", ["finally", "forgotten"])
def test_ctrl_c_gives_the_cursor_back(how: str) -> None:
    """On a real (pseudo-)terminal: bars are drawn, an interrupt ends them, the cursor is shown again."""
    import pty

    master, slave = pty.openpty()
    environ = {key: value for key, value in os.environ.items() if key not in ("CI", "NO_COLOR", "COLUMNS")}
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.replace("HOW", repr(how))],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**environ, "TERM": "xterm-256color", "PYTHONPATH": str(Path(__file__).parents[2])},
        start_new_session=True,
    )
    os.close(slave)
    output = b""
    interrupted = False
    until = time.monotonic() + 300
    try:
        while time.monotonic() < until:
            try:
                piece = os.read(master, 4096)
            except OSError:  # the other side is closed: the process has ended
                break
            if not piece:
                break
            output += piece
            if not interrupted and b"a callback speaks" in output and output.count("━".encode()) > 20:
                process.send_signal(signal.SIGINT)
                interrupted = True
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()
        os.close(master)
    assert interrupted
    assert b"\x1b[?25l" in output
    assert output.rfind(b"\x1b[?25h") > output.rfind(b"\x1b[?25l")
    assert b"KeyboardInterrupt" in output
    assert b"stopped at step" in output
