"""Many checks in several processes; each imports Keras once."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from kspec import catalog
from kspec.checking.one import Outcome, Request, check
from kspec.reads import Reads, recording

WORTH = {True: 200, False: 100}
"""So many checks pay for another process: with and without `fast`. A process takes the import of Keras to begin."""

Done = tuple[int, Outcome, Reads]
"""A check's place among the requests, what it found and what it read."""


def processes(count: int, fast: bool) -> int:
    """How many processes `count` checks are worth."""
    return max(1, min(_cores(), count // WORTH[fast]))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(requests: Sequence[tuple[int, Request]], count: int) -> Iterator[Done]:
    """Check in `count` processes (1: in this one); outcomes come as they are found.

    Of a process that is ended from outside, for want of memory say, some are missing.
    """
    if count == 1:
        yield from map(one, requests)
        return
    context = multiprocessing.get_context("spawn")  # forked, JAX's threads would be missing
    workers: list[Any] = []
    ends: list[Any] = []
    try:
        for index in range(count):
            end, other = context.Pipe(duplex=False)
            worker = context.Process(target=_work, args=(other, requests[index::count]), daemon=True)
            worker.start()
            other.close()
            workers.append(worker)
            ends.append(end)
        while ends:
            ready: list[Any] = wait(ends)
            for end in ready:
                try:
                    yield end.recv()
                except EOFError:
                    ends.remove(end)
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join()


def _work(end: Connection, requests: Sequence[tuple[int, Request]]) -> None:
    """A worker: it sends what it finds, and leaves Ctrl-C to the process that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    catalog.may_read_keras(False, quiet=True)  # what can be had is made by now, and the rest was told
    for request in requests:
        end.send(one(request))
    end.close()


def one(request: tuple[int, Request]) -> Done:
    """A check in this process."""
    with recording() as reads:
        outcome = check(request[1])
    return request[0], outcome, reads
