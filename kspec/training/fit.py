"""Training by `keras.Model.fit`: matched data in, a history out."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kspec.diagnostics import KspecError, Problem, TrainingError
from kspec.model.errors import cleaned
from kspec.model.interface import Interface, interface_of
from kspec.model.objects import make
from kspec.model.quiet import without_keras_warnings
from kspec.training.data.check import check_steps, split_at
from kspec.training.data.match import Matched
from kspec.training.interrupts import Interrupts
from kspec.training.watch import Progress, Row, Silent, Told, Watch, monotonic
from kspec.training.weights import sample_weights, weights_by_class

if TYPE_CHECKING:
    from kspec.spec.schema import Fit

__all__ = ["History", "Progress", "fit", "split"]


@dataclass(frozen=True)
class History:
    """What a training gave: a row for each epoch by Keras's own keys, and the seconds it took."""

    rows: tuple[Row, ...]
    seconds: float

    @property
    def best(self) -> Row:
        """The row with the least validation loss, or the least loss without validation; empty without rows."""
        key = "val_loss" if any("val_loss" in row for row in self.rows) else "loss"
        rows = [row for row in self.rows if key in row]
        return dict(min(rows, key=lambda row: row[key])) if rows else {}


def split(train: Matched, validation: Matched | None, settings: Fit) -> tuple[Matched, Matched | None]:
    """The rows to train on and those to validate on: the last part of the data where there is no validation set."""
    check_steps(train, settings, validation)
    if validation is not None or not settings.validation_split:
        return train, validation
    place = split_at(train.rows, settings.validation_split)
    return train.slice(0, place), train.slice(place, train.rows)


def fit(
    model: Any,
    settings: Fit,
    train: Matched,
    validation: Matched | None = None,
    progress: Progress | None = None,
    *,
    callbacks: Sequence[Any] = (),
    on_row: Callable[[Row], None] = lambda row: None,
) -> History:
    """Train a compiled model; `callbacks` come after those of the settings, and `on_row` is told each epoch's row.

    Histories and weights equal those of a plain `keras.Model.fit` with the same arrays.

    Raises `TrainingError` for a loss that is no number (``training-nan``) and for whatever else stops Keras
    (``training-failed``, ``training-memory``), `SpecError` for class weights that do not fit the model, `FileError`
    (``data-steps``).
    """
    progress = progress or Silent()
    interface = interface_of(model)
    by_class = weights_by_class(settings.class_weight, interface)
    train, validation = split(train, validation, settings)
    interrupts = Interrupts()
    watch = Watch(progress, on_row, monotonic, interrupts)
    guard, recorder = watch.callbacks()
    own = [*make(list(settings.callbacks)), *callbacks]
    steps = settings.steps_per_epoch or math.ceil(train.rows / (settings.batch_size or 32))
    begun = monotonic()
    progress.start(settings.epochs, steps, settings.initial_epoch + 1)
    try:
        with interrupts, _told(progress), failing():
            model.fit(
                x=interface.pack_inputs(train.x),
                y=targets(train, interface),
                sample_weight=sample_weights(train, interface, by_class),
                validation_data=_validation(validation, interface),
                batch_size=settings.batch_size,
                epochs=settings.epochs,
                initial_epoch=settings.initial_epoch,
                shuffle=settings.shuffle,
                steps_per_epoch=settings.steps_per_epoch,
                validation_steps=settings.validation_steps,
                validation_batch_size=settings.validation_batch_size,
                validation_freq=settings.validation_freq,
                callbacks=[guard, *own, recorder],
                verbose=0,
            )
        _say_early_end(progress, settings, own, len(watch.rows))
    finally:
        progress.stop()
    return History(tuple(watch.rows), monotonic() - begun)


def targets(data: Matched, interface: Interface) -> Any:
    """Targets in the model's structure; an output that needs none gets zeros, because Keras wants one for each."""
    if not data.y:
        return None
    import numpy as np

    blank = np.zeros((data.rows, 1), "uint8")
    return interface.pack_outputs({output.name: data.y.get(output.name, blank) for output in interface.outputs})


def _validation(data: Matched | None, interface: Interface) -> Any:
    """Class weights are for training alone, as in Keras."""
    if data is None:
        return None
    parts = (interface.pack_inputs(data.x), targets(data, interface), sample_weights(data, interface, {}))
    return parts[:2] if parts[2] is None else parts


@contextlib.contextmanager
def _told(progress: Progress) -> Iterator[None]:
    """What callbacks print is told to the progress; Keras's remark about a shorter epoch is no warning here."""
    with contextlib.redirect_stdout(Told(progress)), without_keras_warnings(), warnings.catch_warnings():
        # `check_steps` has refused too many steps; fewer than the data has make every other epoch a short one.
        warnings.filterwarnings("ignore", "Your input ran out of data", UserWarning)
        yield


@contextlib.contextmanager
def failing(what: str = "training") -> Iterator[None]:
    """Whatever Keras, JAX or a person's own layers raise is a failed training, the cause kept."""
    try:
        yield
    except KspecError:
        raise
    except Exception as error:  # user code runs here, so anything at all may come
        text = cleaned(error)
        if "RESOURCE_EXHAUSTED" in text or isinstance(error, MemoryError):
            message, help = f"out of memory: {text}", "lower `batch_size`, or make the model smaller"
            raise TrainingError(Problem("training-memory", message, help=help)) from error
        message = f"{what} stopped: {type(error).__name__}: {text}"
        raise TrainingError(Problem("training-failed", message, help="`--traceback` shows where")) from error


def _say_early_end(progress: Progress, settings: Fit, callbacks: list[Any], done: int) -> None:
    """A run that ended before its last epoch says why; one that did not is only told what was restored."""
    planned = settings.epochs - settings.initial_epoch
    for callback in callbacks:
        stopped = getattr(callback, "stopped_epoch", 0)
        if not stopped or done >= planned:
            continue
        text = f"{type(callback).__name__}: stopped after epoch {stopped + 1} of {settings.epochs}"
        if getattr(callback, "restore_best_weights", False) and hasattr(callback, "best_epoch"):
            text += f"; the weights are those of epoch {callback.best_epoch + 1}"
        progress.message(text)
