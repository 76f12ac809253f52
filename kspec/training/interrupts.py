"""Ctrl-C in a training. Libraries written in C drop an exception that comes while they call Python (a hash, a garbage
collector's callback), and with it the only word of the person's wish to stop."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Interrupts:
    """Notes a Ctrl-C beside raising it, so that it can be raised again; only on the main thread, and only where
    nobody else handles it."""

    def __init__(self) -> None:
        self._asked = False
        self._before: Any = None

    def __enter__(self) -> Interrupts:
        ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if ours and threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
        if kind is None:
            self.raise_again()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._asked = True
        signal.default_int_handler(number, frame)

    def raise_again(self) -> None:
        """Raise KeyboardInterrupt where there was one that came to nothing."""
        if self._asked:
            raise KeyboardInterrupt
