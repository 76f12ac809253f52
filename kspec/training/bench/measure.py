"""Contenders measured in one process, in turn, so that a machine that is busy with other things is so for all."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kspec.model.compilations import keep_compilations
from kspec.model.cost.speed import Measured, Outcome
from kspec.model.quiet import without_keras_warnings
from kspec.training.bench.contenders import ByKspec, Setting, contenders
from kspec.training.fit import failing
from kspec.training.watch import Silent

_TURN = 0.5
"""Seconds that a turn of a contender should take at least."""


def measure(
    build: Callable[[], Any],
    setting: Setting,
    *,
    repeats: int = 5,
    tell: Callable[[str], None] = lambda text: None,
) -> Outcome:
    """Measure in `repeats` turns; `build` gives a new compiled model each time, with the same weights.

    Raises `TrainingError` where a contender fails.
    """
    with failing("the benchmark"), without_keras_warnings():
        tell("starting cold and warm")
        with TemporaryDirectory() as folder:
            cold, kspec = _first_step(build, setting, Path(folder))
            warm, _ = _first_step(build, setting, Path(folder))
        made: dict[str, Any] = {}
        found: dict[str, Measured] = {}
        for name, make in contenders(build, setting).items():
            tell(f"compiling: {name}")
            begun = time.monotonic()
            made[name] = make()
            made[name].run(1)
            found[name] = Measured(name, time.monotonic() - begun)
        epochs = {name: max(1, min(1000, round(_TURN / _timed(each, 1)))) for name, each in made.items()}
        for turn in range(repeats):
            for name, each in made.items():
                tell(f"turn {turn + 1} of {repeats}: {name}")
                found[name].epochs.append(_timed(each, epochs[name]))
    choice = made["kspec"].choice
    assert choice is not None  # it has trained
    compiling, memory = kspec.training.compiling, kspec.training.memory
    measured = tuple(found.values())
    return Outcome(setting.data.rows, setting.batch, measured, choice.way, choice.why, cold, warm, compiling, memory)


def _timed(contender: Any, epochs: int) -> float:
    """Seconds of an epoch."""
    begun = time.monotonic()
    contender.run(epochs)
    return (time.monotonic() - begun) / epochs


def _first_step(build: Callable[[], Any], setting: Setting, folder: Path) -> tuple[float, ByKspec]:
    """Seconds from a built model to the end of the first steps, with what is compiled kept in `folder`."""
    model = build()
    with _compiled_in(folder):
        begun = time.monotonic()
        first = _First()
        kspec = ByKspec(model, setting, setting.epochs, first)
        kspec.run(1)
    return first.step_at - begun, kspec


class _First(Silent):
    """Notes when it was told of the first steps."""

    step_at = math.inf

    def step(self, step: int, logs: Mapping[str, float]) -> None:
        """Steps are done."""
        self.step_at = min(self.step_at, time.monotonic())


@contextmanager
def _compiled_in(folder: Path) -> Iterator[None]:
    """Nothing is known of what was compiled before, but for what `folder` has."""
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    before, known = os.environ.get("KSPEC_CACHE"), jax.config.jax_compilation_cache_dir
    os.environ["KSPEC_CACHE"] = str(folder)
    try:
        _forget(None)
        compilation_cache.reset_cache()
        keep_compilations()
        yield
    finally:
        _forget(known)
        compilation_cache.reset_cache()
        if before is None:
            del os.environ["KSPEC_CACHE"]
        else:
            os.environ["KSPEC_CACHE"] = before


def _forget(folder: str | None) -> None:
    import jax

    jax.config.update("jax_compilation_cache_dir", folder)
    jax.clear_caches()
