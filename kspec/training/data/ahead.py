"""A generator that runs ahead of whoever takes from it, on a thread of its own."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

T = TypeVar("T")

_WAIT = 0.1
"""Seconds after which a thread looks whether anybody still waits for what it makes."""


def ahead(items: Iterator[T], most: int) -> Generator[T, None, None]:
    """The same items, up to `most` of them made before they are asked for.

    What making them raises is raised where they are taken. Closing the generator ends the thread; so does the end of
    the program, since the thread is a daemon.
    """
    made: queue.Queue[tuple[str, T | BaseException | None]] = queue.Queue(most)
    closed = threading.Event()

    def put(kind: str, item: T | BaseException | None) -> bool:
        while not closed.is_set():
            try:
                made.put((kind, item), timeout=_WAIT)
                return not closed.is_set()
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not put("item", item):
                    break
                del item  # or it would be held until the next one is made
            else:
                put("end", None)
        except BaseException as error:  # told where the items are taken
            put("error", error)
        finally:
            close = getattr(items, "close", None)
            if close is not None:  # a generator's readers and files are closed on its own thread
                close()

    thread = threading.Thread(target=work, name="kspec-data", daemon=True)
    thread.start()
    try:
        while True:
            kind, item = made.get()
            if kind == "end":
                return
            if kind == "error":
                assert isinstance(item, BaseException)
                raise item
            yield item  # type: ignore[misc]
            del item
    finally:
        closed.set()
        with contextlib.suppress(queue.Empty):
            while True:
                made.get_nowait()  # a thread that waits for room goes on at once, and ends
        thread.join()
