"""From data files to a finished run: what `kspec fit` does, in two calls."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kspec.diagnostics import FileError, Problem, SpecError
from kspec.model.interface import Interface, interface_of
from kspec.spec.intervals import DEFAULT, every
from kspec.training.adapt import adapt
from kspec.training.checkpoints.keeper import Keeper
from kspec.training.checkpoints.store import Store, prepare_writing
from kspec.training.data.check import check_steps, checked
from kspec.training.data.match import Classes, Matched, Streamed, held_out, match, weights_in
from kspec.training.data.parts import Parts
from kspec.training.fit import History, fit, split
from kspec.training.loop import LoopName
from kspec.training.resuming import Resumed
from kspec.training.run import Run, State
from kspec.training.watch import Progress, Silent
from kspec.training.weights import weights_by_class

if TYPE_CHECKING:
    from kspec.spec.schema import Data, Fit


@dataclass(frozen=True)
class Prepared:
    """Data that fit the model and were checked; what is streamed is checked on its first way through.

    `labels` are the texts that whole numbers stand for, by the names of inputs and outputs.
    """

    train: Matched | Streamed
    validation: Matched | Streamed | None
    labels: Classes = field(default_factory=dict)
    seed: int = 0

    def describe(self) -> str:
        """What was matched, for a person: ``digits.npz: x → pixels, y → digit (1,797 rows)``."""
        parts = [("", self.train)] + ([("validation: ", self.validation)] if self.validation else [])
        return "\n".join(f"{label}{part.told()}" for label, part in parts)


def prepare(model: Any, settings: Fit, data: Data | Parts, *, allow_nan: bool = False) -> Prepared:
    """Open, match and check the data of ``data.train`` and ``data.validation`` before anything is written.

    Without a validation part, and without ``validation_split``, the ``x_test`` and ``y_test`` of the training file
    are validated on. Of data that are streamed the first block is checked here.

    Raises `FileError` and `SpecError`, each with what is wrong.
    """
    parts = data if isinstance(data, Parts) else Parts(data)
    interface = interface_of(model)
    weights_by_class(settings.class_weight, interface)
    source = parts.source("train")
    assert source is not None  # the caller knows where the data are
    known = parts.data.labels
    asked, fields = settings.sample_weight, parts.fields("train")
    train = match(source, interface, fields=fields, sample_weight=asked, labels=known, learn=parts.taught)
    validation = None
    if parts.data.validation is not None:
        validation = _validation(interface, parts, settings, {**known, **train.labels})
    elif not settings.validation_split:
        validation = held_out(source, interface, train)
    train = checked(train, model, interface, allow_nan=allow_nan)
    validation = checked(validation, model, interface, allow_nan=allow_nan) if validation is not None else None
    _refuse_split(train, settings)
    check_steps(train, settings, validation)
    return Prepared(train, validation, train.labels, parts.seed or 0)


def _validation(interface: Interface, parts: Parts, settings: Fit, labels: Classes) -> Matched | Streamed:
    source = parts.source("validation")
    assert source is not None  # there is such a part
    fields, weights = parts.fields("validation"), weights_in(source, settings.sample_weight)
    return match(source, interface, fields=fields, sample_weight=weights, part="test", labels=labels)


def _refuse_split(train: Matched | Streamed, settings: Fit) -> None:
    if isinstance(train, Streamed) and settings.validation_split:
        message = "`validation_split` takes the last rows of data in memory, and these are streamed"
        help = f"write `data: {{validation: {{fraction: {settings.validation_split:g}}}}}` in its place"
        raise SpecError(Problem("data-steps", message, ("fit", "validation_split"), help))


def train(
    model: Any,
    settings: Fit,
    prepared: Prepared,
    place: Resumed,
    progress: Progress | None = None,
    *,
    callbacks: Sequence[Any] = (),
    seed: int = 0,
    loop: LoopName = "auto",
) -> History:
    """Adapt, fit and save: the run's folder has the history and checkpoints as it goes, and the model at the end.

    However it ends, ``run.json`` says so; what was written before stays.
    """
    progress, (run, resumed) = progress or Silent(), place
    prepare_writing()
    keeper = Keeper(run.folder, every(settings.checkpoint_every or DEFAULT), resumed, progress.message)
    try:
        interface = interface_of(model)
        rows_to_see, _ = split(prepared.train, prepared.validation, settings)
        adapted = adapt(model, interface, rows_to_see, settings.batch_size, seed=prepared.seed)
        if adapted:
            progress.message(f"adapted to {_seen(prepared.train)}: {', '.join(adapted)}")
        history = fit(
            model,
            settings,
            prepared.train,
            prepared.validation,
            progress,
            callbacks=callbacks,
            on_row=run.append,
            seed=seed,
            loop=loop,
            keeper=keeper,
            rows=run.history,
        )
        run.save(model)
        keeper.wait()
    except KeyboardInterrupt:
        keeper.wait()
        _end(run, "interrupted")
        progress.message(f"→ {run.folder}: {_left(run)}")
        raise
    except BaseException as error:  # whatever it is goes on; the run only notes that it failed
        keeper.wait()
        _end(run, "failed", error=str(error))
        raise
    finally:
        run.unlock()
    facts = {"seconds": round(history.seconds, 3), "compiling": round(history.compiling, 3)}
    run.end("finished", best=history.best, **facts, **({"loop": history.choice._asdict()} if history.choice else {}))
    return history


def _end(run: Run, state: State, **facts: Any) -> None:
    """Say how the run ended, where there is room for that: a full disk may be why it did, which is what to tell."""
    with contextlib.suppress(FileError):
        run.end(state, **facts)


def _left(run: Run) -> str:
    """What a run that was interrupted has, and how to go on."""
    kept = Store(run.folder).all()
    if not kept:
        return "interrupted before the first checkpoint"
    facts = kept[-1].facts()
    epochs, step = facts["epoch"], facts["step"]
    where = f"{epochs} epoch{'s' * (epochs != 1)}" + (f" and {step:,} steps" if step else "")
    return f"interrupted after {where}, which are kept; `kspec fit --resume {run.folder}` goes on"


def _seen(data: Matched | Streamed) -> str:
    return "a sample of the training data" if isinstance(data, Streamed) else "the training data"
