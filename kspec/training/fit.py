"""Training: matched data in, a history out, by the meaning of `keras.Model.fit` and a faster loop."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kspec.diagnostics import KspecError, NotANumber, Problem, TrainingError, UsageError
from kspec.model.backend import load_keras
from kspec.model.errors import cleaned
from kspec.model.interface import Interface, interface_of
from kspec.model.objects import make
from kspec.model.private import prepare_training
from kspec.model.quiet import without_keras_warnings
from kspec.training.checkpoints.keeper import Keeper
from kspec.training.data.check import check_steps, split_at
from kspec.training.data.match import Matched, Streamed
from kspec.training.interrupts import Interrupts
from kspec.training.loop import Choice, LoopName
from kspec.training.loop.epochs import Training
from kspec.training.loop.feed import example, feed
from kspec.training.loop.running import steps_of
from kspec.training.loop.testing import Data
from kspec.training.watch import Progress, Row, Silent, Told, Watch, best, monotonic
from kspec.training.weights import weights_by_class

if TYPE_CHECKING:
    from kspec.spec.schema import Fit

__all__ = ["History", "Progress", "fit", "split"]


Rows = Matched | Streamed


@dataclass(frozen=True)
class History:
    """What a training gave: a row for each epoch by Keras's own keys, the seconds it took and those that compiling took
    of them, and how steps were run."""

    rows: tuple[Row, ...]
    seconds: float
    choice: Choice | None = None
    compiling: float = 0.0

    @property
    def best(self) -> Row:
        """The row with the least validation loss, or the least loss without validation; empty without rows."""
        return best(self.rows)


def split(train: Rows, validation: Rows | None, settings: Fit) -> tuple[Rows, Rows | None]:
    """The rows to train on and those to validate on: the last part of the data where there is no validation set; of
    streamed data no part is cut off."""
    check_steps(train, settings, validation)
    if validation is not None or not settings.validation_split or isinstance(train, Streamed):
        return train, validation
    place = split_at(train.rows, settings.validation_split)
    return train.slice(0, place), train.slice(place, train.rows)


def fit(
    model: Any,
    settings: Fit,
    train: Rows,
    validation: Rows | None = None,
    progress: Progress | None = None,
    *,
    callbacks: Sequence[Any] = (),
    on_row: Callable[[Row], None] = lambda row: None,
    seed: int = 0,
    loop: LoopName = "auto",
    keeper: Keeper | None = None,
    rows: Sequence[Row] = (),
) -> History:
    """Train a compiled model; `callbacks` come after those of the settings, and `on_row` is told each epoch's row.

    `keeper` writes checkpoints, and has the one that is gone on with; `rows` is the history up to there.

    Histories and weights equal those of a plain `keras.Model.fit` with the same arrays in the same order, to rounding.
    The order of an epoch follows from `seed` and the epoch. `loop` says how steps are run: ``single``, one by one,
    ``scan``, many in a program, ``packed``, likewise with all weights in one array, or ``auto``, by measuring.

    Raises `TrainingError` for a loss that is no number (``training-nan``) and for whatever else stops Keras
    (``training-failed``, ``training-memory``), `SpecError` for class weights that do not fit the model, `FileError`
    (``data-steps``).
    """
    progress = progress or Silent()
    _check_own(model)
    interface = interface_of(model)
    by_class = weights_by_class(settings.class_weight, interface)
    train, validation = split(train, validation, settings)
    interrupts = Interrupts()
    own = [*make(list(settings.callbacks)), *callbacks]
    watch = Watch(progress, on_row, monotonic, interrupts)
    watch.rows += rows
    keeper = keeper or Keeper()
    begun, batch = monotonic(), _batch(settings, train)
    steps = settings.steps_per_epoch or steps_of(train.rows, batch)
    progress.start(settings.epochs, steps, _first(settings, keeper) + 1)
    try:
        with interrupts, _told(progress), failing():
            shuffled = seed if settings.shuffle else None
            prepare_training(model, example(train, interface, batch, by_class))
            training = Training(
                model,
                Data(feed(train, interface, batch, shuffled, by_class), batch, settings.steps_per_epoch),
                own,
                watch,
                settings.epochs,
                settings.initial_epoch,
                _validation(validation, interface, settings),
                settings.validation_freq,
                loop,
                keeper,
                settings.on_nan,
            )
            _run(training, watch)
        _say_early_end(progress, settings, own, len(watch.rows))
    finally:
        progress.stop()
    return History(tuple(watch.rows), monotonic() - begun, training.choice, training.compiling)


def _run(training: Training, watch: Watch) -> None:
    """Train; a loss that is no number is traced to where it comes from."""
    watch.leaves_out = training.on_nan == "skip"
    try:
        training.run()
    except NotANumber as error:
        if error.step is None:
            raise
        watch.tell(f"{error}: looking for where it comes from")
        (problem,), cause = error.problems, ""
        with contextlib.suppress(Exception):  # a search that fails, in whatever way, must not hide what was found
            cause = training.blamed(error)
        message = f"{problem.message}, first in {cause}" if cause else problem.message
        raise NotANumber(replace(problem, message=message), error.epoch, error.step) from error


def _batch(settings: Fit, train: Rows) -> int:
    """The rows of a batch: so many steps as are wanted use all rows."""
    return settings.batch_size or (-(-train.rows // settings.steps_per_epoch) if settings.steps_per_epoch else 32)


def _first(settings: Fit, keeper: Keeper) -> int:
    """The first epoch, counted from 0, that anything is done in."""
    return keeper.resumed.place.epoch if keeper.resumed is not None else settings.initial_epoch


def _validation(data: Rows | None, interface: Interface, settings: Fit) -> Data | None:
    """Class weights are for training alone, as in Keras."""
    if data is None:
        return None
    steps = settings.validation_steps
    batch = settings.validation_batch_size or settings.batch_size or (-(-data.rows // steps) if steps else 32)
    return Data(feed(data, interface, batch), batch, steps)


def _check_own(model: Any) -> None:
    """Raise `UsageError` for a class with a loop of its own, which would not be called."""
    keras = load_keras()
    for name in ("fit", "make_train_function"):
        if getattr(type(model), name) is not getattr(keras.Model, name):
            message = f"the class {type(model).__name__} has a `{name}` of its own, and kspec trains by its own loop"
            raise UsageError(Problem("not-supported", message, help="give it a `train_step` instead"))


@contextlib.contextmanager
def _told(progress: Progress) -> Iterator[None]:
    """What callbacks print is told to the progress."""
    with contextlib.redirect_stdout(Told(progress)), without_keras_warnings():
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
