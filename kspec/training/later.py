"""Work that another thread does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Later(Generic[T]):
    """The outcome of work that another thread does; what it raises is raised where it is asked for."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._outcome: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="kspec-later", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._outcome.append(self._work())
        except BaseException as error:  # whatever it is, it is raised again where the outcome is needed
            self._error = error

    def wait(self) -> None:
        """Wait for the end of the work, whatever it is."""
        self._thread.join()

    def result(self) -> T:
        """The outcome, waited for."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._outcome[0]
