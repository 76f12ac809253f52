"""How fast a spec's model trains here, against `keras.Model.fit` and loops written by hand: `kspec bench`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from kspec.diagnostics import Problem, SpecError, UsageError
from kspec.loaded import Loaded
from kspec.report.bench import Bench
from kspec.targets import known

if TYPE_CHECKING:
    from kspec.loaded import Pathlike

__all__ = ["bench"]


def bench(
    loaded: Loaded,
    data: Pathlike | None = None,
    *,
    rows: int | None = None,
    batch_size: int | None = None,
    repeats: int = 5,
    max_memory: int | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> Bench:
    """Measure training on `data`, else on the spec's own, else on `rows` random rows (by default 10,000).

    `max_memory` bounds what is built, as `Loaded.build` says.
    Raises SpecError, FileError, UsageError, TrainingError.
    """
    import jax

    from kspec.model.compilations import prepare_compiling
    from kspec.model.cost.peak import peak
    from kspec.model.interface import interface_of
    from kspec.training.bench.contenders import Setting
    from kspec.training.bench.measure import measure
    from kspec.training.data.stream import Streamed

    spec = loaded.compiled.spec
    loaded.check_trained()
    prepare_compiling(False)
    tell("building the model")
    build = partial(loaded.build, max_memory=max_memory)
    interface = interface_of(build())
    if data is not None and rows is not None:
        raise UsageError(Problem("usage", "`--rows` are random ones, and `--data` has its own"))
    if rows is None and (data is not None or (spec.data is not None and spec.data.train is not None)):
        matched = loaded.training_data(data)
        told = matched.told()
        if isinstance(matched, Streamed):
            matched = matched.sample(spec.seed or 0)
            told += f", of which {matched.rows:,} are taken"
    else:
        from kspec.training.bench.synthetic import synthetic

        matched = synthetic(interface, rows or 10_000)
        told = f"{matched.rows:,} random rows"
    batch = batch_size or (spec.fit.batch_size if spec.fit is not None else None) or 32
    if matched.rows < batch:
        raise UsageError(Problem("usage", f"there are {matched.rows:,} rows, and a batch has {batch:,}"))
    epochs = spec.fit.epochs if spec.fit is not None else 1
    setting = Setting(matched, interface, batch, spec.seed or 0, epochs)
    outcome = measure(build, setting, repeats=repeats, tell=tell)
    tell("counting FLOPs")
    flops = _flops(loaded, batch)
    device = jax.devices()[0].device_kind
    return Bench(loaded.name, told, outcome, device, flops, *peak(device, spec.dtype_policy))


def _flops(loaded: Loaded, batch: int) -> float | None:
    try:
        return known(loaded).cost(batch).training
    except (UsageError, SpecError):
        return None
