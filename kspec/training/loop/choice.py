"""Which way to run steps is the fastest: by measuring on the model itself, remembered for the next time.

No rule would do. On a CPU a loop is four times as fast as single steps for a small dense network, and eleven times
slower for a convolution, which XLA computes otherwise inside a loop.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import time
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, get_args

from kspec import cache
from kspec.diagnostics import FileError
from kspec.files import write_atomically
from kspec.model.backend import load_keras
from kspec.model.device import cores, training_bound
from kspec.training.loop.feed import Rows
from kspec.training.loop.programs import FEW, LOOPS, Way, bytes_of
from kspec.training.loop.running import WAIT, Running
from kspec.training.loop.tasks import State

LoopName = Literal["auto", "single", "scan", "packed"]

_LONG = 0.01
"""Seconds of a step from which starting a program for each costs nothing that can be measured."""
_COMPILING = 0.5
"""Seconds that compiling a further program takes at least; about as long as the first one took."""
_START = 3e-4
"""Seconds that starting a program costs at most, which is what can be saved of a step."""
_TRIAL = 0.03
"""Seconds that a way is tried for in each turn, at least."""
_TURNS = 5
_CLEARLY = 0.95
"""The part of the time of single steps from which another way is taken: what is gained must be no chance."""


class Choice(NamedTuple):
    """A way to run steps, why, and the seconds that a step took in each way that was tried."""

    way: Way
    why: str
    seconds: Mapping[str, float]


def choose(
    running: Running,
    reads: Any,
    state: State,
    rows: Rows,
    planned: int,
    asked: LoopName = "auto",
    key: str | None = None,
) -> Choice:
    """Try the ways on copies of the state and set `running` to the fastest for `planned` steps in all.

    `key` tells models apart: what was found under it before is taken again, so that a run that is repeated computes
    the same.
    """
    if asked != "auto":
        running.way = asked
        return Choice(asked, f"`--loop {asked}`", {})
    if not running.compiled:
        return Choice("single", "nothing is compiled", {})
    if rows.length < 2 * running.batch:
        return Choice("single", "there is one step only", {})
    found = _remembered(key) or _measured(running, reads, state, rows, planned)
    running.way = found.way
    if found.way in found.seconds:
        running.pace.note(1, found.seconds[found.way])
    if key is not None and len(found.seconds) > 1:
        _remember(key, found)
    return found


def key_of(model: Any, task: str, batch: int, data: Any) -> str | None:
    """What tells a model, its data and this machine from others; None for a model that cannot be described."""
    import jax

    from kspec.model.quiet import without_keras_warnings

    try:
        with without_keras_warnings():
            told = [model.get_config(), model.get_compile_config()]
        text = json.dumps(told, sort_keys=True, default=str)
    except Exception:  # a person's own layer may have no configuration, and say so in any way
        return None
    leaves = [(leaf.shape[1:], str(leaf.dtype)) for leaf in jax.tree.leaves(data)]
    device = jax.devices()[0]
    frozen = [variable.trainable for variable in model.variables]
    machine = [device.platform, device.device_kind, cores(), jax.__version__, load_keras().__version__]
    parts = [text, task, batch, leaves, frozen, machine, _FORMAT]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


_FORMAT = 3


def _measured(running: Running, reads: Any, state: State, rows: Rows, planned: int) -> Choice:
    if 4 * bytes_of(state) > training_bound():
        return Choice("single", "the state is too large to try ways on a copy", {})
    ways: tuple[Way, ...] = ("scan", "packed", "unrolled")
    trials: dict[Way, Trial] = {"single": Trial(running, "single", reads, state, rows)}
    first = trials["single"].time()
    if first >= _LONG:
        first = min(first, trials["single"].time())  # the machine may have been busy for a moment
    if first >= _LONG:
        return Choice("single", f"a step takes {first * 1e3:.1f} ms, and starting it little", {"single": first})
    compiling = max(_COMPILING, running.programs(running.batch).seconds)
    if min(first, _START) * planned < compiling:
        return Choice("single", "compiling a loop takes longer than it could save in so many steps", {"single": first})
    for way in ways:
        looped = "scan" in trials and trials["scan"].time() < trials["single"].time()
        if way == "unrolled" and (looped or rows.length < FEW * running.batch):
            continue
        if way == "packed" and (not looped or running.task.packing is None):
            continue
        trials[way] = Trial(running, way, reads, state, rows)
    turns = [{way: trial.time() for way, trial in trials.items()} for _ in range(_TURNS)]
    # Each turn has its own measure, since machines are faster and slower for seconds on end.
    ratios = {way: statistics.median(turn[way] / turn["single"] for turn in turns) for way in trials}
    best = min(ratios, key=lambda way: ratios[way])
    best = best if ratios[best] < _CLEARLY else "single"
    seconds: dict[str, float] = {way: statistics.median(turn[way] for turn in turns) for way in trials}
    told = ", ".join(f"{way} {value * 1e6:,.0f} µs" for way, value in seconds.items())
    return Choice(best, f"the fastest of those tried, for a step: {told}", seconds)


class Trial:
    """A way that is tried, on a copy of the state."""

    def __init__(self, running: Running, way: Way, reads: Any, state: State, rows: Rows) -> None:
        import jax
        from jax import numpy as jnp

        self._programs, self._way, self._reads, self._rows = running.programs(running.batch), way, reads, rows
        self._state = jax.tree.map(jnp.copy, state)
        self._whole = rows.length // running.batch
        self._most = self._programs.most(way, reads, state, rows) if way in LOOPS else self._whole
        self._count = min(FEW, self._most, self._whole)
        self._run()  # compiles

    def time(self) -> float:
        """Seconds of a step, in a turn of some starts."""
        steps, spent = 0, 0.0
        while spent < _TRIAL:
            spent += self._run()
            steps += self._count
            # so many that they take as long together as they do in earnest
            self._count = max(1, min(self._most, self._whole, int(WAIT * steps / spent)))
        return spent / steps

    def _run(self) -> float:
        import jax

        begun = time.monotonic()
        self._state, done = self._programs.run(self._way, self._reads, self._state, self._rows, 0, self._count)
        jax.block_until_ready((self._state, done.kept))
        return time.monotonic() - begun


def _remembered(key: str | None) -> Choice | None:
    if key is None:
        return None
    try:
        found = json.loads((cache.folder() / "loops" / f"{key}.json").read_text(encoding="utf-8"))
        choice = Choice(found["way"], "the fastest when it was tried before", found["seconds"])
        return choice if choice.way in get_args(Way) and choice.seconds[choice.way] > 0 else None
    except (OSError, ValueError, KeyError, TypeError, FileError):
        return None


def _remember(key: str, choice: Choice) -> None:
    try:
        folder = cache.folder() / "loops"
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / f"{key}.json", json.dumps({"way": choice.way, "seconds": dict(choice.seconds)}))
    except (OSError, FileError):
        return  # it is tried again next time
