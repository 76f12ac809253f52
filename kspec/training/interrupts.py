"""Ctrl-C, SIGTERM and SIGHUP in a training. Libraries written in C drop an exception that comes while they call Python
(a hash, a garbage collector's callback), and with it the only word of the wish to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType, TracebackType
from typing import Any

from kspec import signals
from kspec.diagnostics import Stopped


class Interrupts:
    """Notes a signal beside raising `Stopped`, so that it can be raised again; only on the main thread, and only where
    nobody else handles or ignores it."""

    def __init__(self) -> None:
        self.asked: int | None = None
        """The signal that came."""
        self._put_off = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        if (number := signals.asked()) is not None:  # a library dropped what was raised as it was imported
            raise Stopped(number)
        if threading.current_thread() is threading.main_thread():
            for number in (getattr(signal, name) for name in signals.NAMES if hasattr(signal, name)):
                if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL, signals.stop):
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if kind is None:
            self.raise_again()

    def _note(self, number: int, frame: FrameType | None) -> None:
        again, self.asked = self.asked is not None, self.asked or number
        if again or not self._put_off:
            raise Stopped(number)

    @contextmanager
    def put_off(self, on: bool = True) -> Iterator[None]:
        """A signal in here is noted only, for `raise_again`; a second one stops at once. With `on` False the first one
        does, within something that puts it off."""
        before, self._put_off = self._put_off, on
        try:
            yield
        finally:
            self._put_off = before

    def between(self) -> AbstractContextManager[None]:
        """Between two pieces of work: raises where a signal came to nothing; none comes in what the context
        surrounds."""
        self.raise_again()
        return self.put_off()

    def raise_again(self) -> None:
        """Raise `Stopped` where a signal came to nothing."""
        if self.asked is not None:
            raise Stopped(self.asked)
