"""Requests in, outcomes out, in the same order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from kspec import cache, catalog
from kspec.checking.engine import engine
from kspec.checking.one import Outcome, Request
from kspec.checking.store import Store
from kspec.checking.workers import Done, one, processes, run
from kspec.diagnostics import FileError


def check_all(
    requests: Sequence[Request], *, cached: bool = True, say: Callable[[str], None] = lambda text: None
) -> Iterator[Outcome]:
    """The outcome of each request, in order, each as soon as it and those before it are known.

    With `cached` an outcome is taken from the person's cache folder as long as nothing that it came from has changed;
    `say` is told where that folder cannot be used.
    """
    if requests:  # the catalogue is chosen here, once: it is part of what results depend on, and workers find it made
        catalog.may_read_keras(not all(request.fast for request in requests))
        catalog.keras_version()
    store = _store(say) if cached and requests else None
    try:
        known = (
            {}
            if store is None
            else {index: found for index, request in enumerate(requests) if (found := store.find(request)) is not None}
        )
        missing = [(index, request) for index, request in enumerate(requests) if index not in known]
        yield from _in_order(known, missing, len(requests), store)
    finally:
        if store is not None:
            store.close()


def _store(say: Callable[[str], None]) -> Store | None:
    try:
        return Store(cache.folder(), engine(), say)
    except FileError as error:  # there is no home
        say(f"results are not cached: {error}")
        return None


def _in_order(
    known: dict[int, Outcome], missing: Sequence[tuple[int, Request]], count: int, store: Store | None
) -> Iterator[Outcome]:
    requests = dict(missing)
    fast = all(request.fast for request in requests.values())
    made: list[Done] = []
    following = 0
    alone = any(request.fix for request in requests.values())  # two may correct one file that both include
    work = run(missing, 1 if alone else processes(len(missing), fast))
    try:
        while following < count:
            if following in known:
                yield known.pop(following)
                following += 1
                continue
            done = next(work, None) or one((following, requests[following]))
            made.append(done)
            known[done[0]] = done[1]
    finally:
        if store is not None:
            store.keep((requests[index], outcome, reads) for index, outcome, reads in made)
