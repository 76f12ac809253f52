"""The signals that ask a process to end, for the command line. A leaf: it imports diagnostics only.

Python raises an exception for Ctrl-C alone; SIGTERM and SIGHUP end it on the spot, with half a file left behind.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from types import FrameType

from kspec.diagnostics import Stopped

__all__ = ["NAMES", "asked", "hear_no_more", "listen", "send_again", "stop", "told"]

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
_PATIENCE = 1.0
"""Seconds that this process has to end by itself after a second signal."""

_came: list[int] = []
_again: list[int] = []
"""Signals that this process sends itself, and that count for none."""


def listen() -> None:
    """From now on the signals raise `Stopped` in this, the main thread; one that is ignored (`nohup`) stays so.

    Python runs a handler between two of its own steps, and a program that XLA compiles is one step of minutes: a
    second signal is seen by a thread, and ends the process.
    """
    numbers = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
    numbers = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    for number in numbers:
        signal.signal(number, stop)
    if numbers and os.name == "posix":  # on Windows a pipe would not do
        end, other = os.pipe()
        os.set_blocking(other, False)
        signal.set_wakeup_fd(other, warn_on_full_buffer=False)
        threading.Thread(target=_watch, args=(end, frozenset(numbers)), name="kspec-signals", daemon=True).start()


def hear_no_more() -> None:
    """The work is done: a signal ends the process, and loses nothing."""
    for number in (getattr(signal, name) for name in NAMES if hasattr(signal, name)):
        if signal.getsignal(number) is stop:
            signal.signal(number, signal.SIG_DFL)


def stop(number: int, frame: FrameType | None) -> None:
    """Note the signal, and raise `Stopped`."""
    _came.append(number)
    raise Stopped(number)


def asked() -> int | None:
    """The first signal for which `stop` raised: what was raised may have come to nothing in a library."""
    return _came[0] if _came else None


def send_again(number: int) -> None:
    """Send this process a signal whose exception was dropped."""
    _again.append(number)
    signal.raise_signal(number)


def told(number: int) -> str:
    """A signal, for a person."""
    return "interrupted" if number == signal.SIGINT else f"stopped by {signal.Signals(number).name}"


def _watch(end: int, numbers: frozenset[int]) -> None:
    """End the process after a second signal, if it does not by itself."""
    count = 0
    while data := os.read(end, 1):
        if data[0] in _again:
            _again.remove(data[0])
            continue
        count += data[0] in numbers
        if count == 2:
            time.sleep(_PATIENCE)
            print(told(data[0]), file=sys.stderr, flush=True)
            os._exit(128 + data[0])
