"""From data files to a finished run: what `kspec fit` does, in two calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kspec.model.interface import interface_of
from kspec.training.adapt import adapt
from kspec.training.data.check import check
from kspec.training.data.match import Matched, held_out, match
from kspec.training.data.opening import open_source
from kspec.training.fit import History, fit, split
from kspec.training.run import Run
from kspec.training.watch import Progress, Silent
from kspec.training.weights import weights_by_class

if TYPE_CHECKING:
    from kspec.spec.schema import Data, DataFile, Fit


@dataclass(frozen=True)
class Prepared:
    """Data that fit the model and were checked."""

    train: Matched
    validation: Matched | None

    def describe(self) -> str:
        """What was matched, for a person: ``digits.npz: x → pixels, y → digit (1,797 rows)``."""
        parts = [("", self.train)] + ([("validation: ", self.validation)] if self.validation else [])
        return "\n".join(f"{label}{part.told()}" for label, part in parts)


def prepare(model: Any, settings: Fit, data: Data, *, allow_nan: bool = False) -> Prepared:
    """Open, match and check the data of ``data.train`` and ``data.validation`` before anything is written.

    Without a validation file, and without ``validation_split``, the ``x_test`` and ``y_test`` of the training file
    are validated on.

    Raises `FileError` and `SpecError`, each with what is wrong.
    """
    assert data.train is not None  # the caller knows where the data are
    interface = interface_of(model)
    weights_by_class(settings.class_weight, interface)
    source = open_source(data.train.path)
    train = match(source, interface, fields=data.train.fields, sample_weight=settings.sample_weight)
    validation = None
    if data.validation is not None:
        validation = _validation(interface, data.validation, settings)
    elif not settings.validation_split:
        validation = held_out(source, interface, train)
    for part in (train, validation):
        if part is not None:
            check(part, model, interface, allow_nan=allow_nan)
    split(train, validation, settings)
    return Prepared(train, validation)


def _validation(interface: Any, file: DataFile, settings: Fit) -> Matched:
    source = open_source(file.path)
    asked = settings.sample_weight
    names = [asked] if isinstance(asked, str) else list((asked or {}).values())
    # Validation data without the weights are validated without them.
    given = asked if names and all(name in source.fields for name in names) else None
    return match(source, interface, fields=file.fields, sample_weight=given, part="test")


def train(
    model: Any,
    settings: Fit,
    prepared: Prepared,
    run: Run,
    progress: Progress | None = None,
    *,
    callbacks: Sequence[Any] = (),
) -> History:
    """Adapt, fit and save: the run's folder has the history as it grows, and the model at the end.

    However it ends, ``run.json`` says so; what was written before stays.
    """
    progress = progress or Silent()
    try:
        interface = interface_of(model)
        rows, _ = split(prepared.train, prepared.validation, settings)
        adapted = adapt(model, interface, rows, settings.batch_size)
        if adapted:
            progress.message(f"adapted to the training data: {', '.join(adapted)}")
        history = fit(
            model, settings, prepared.train, prepared.validation, progress, callbacks=callbacks, on_row=run.append
        )
        run.save(model)
    except KeyboardInterrupt:
        run.end("interrupted")
        epochs = len(run.history)
        progress.message(f"→ {run.folder}: interrupted after {epochs} epoch{'s' * (epochs != 1)}, no model is saved")
        raise
    except BaseException as error:  # whatever it is goes on; the run only notes that it failed
        run.end("failed", error=str(error))
        raise
    run.end("finished", best=history.best, seconds=round(history.seconds, 3))
    return history
