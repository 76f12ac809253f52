"""Training by epochs: what `keras.Model.fit` does around its steps, in the same order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any, Literal, NoReturn

from kspec.diagnostics import NotANumber, Stopped
from kspec.model import private
from kspec.model.backend import load_keras
from kspec.training.checkpoints.keeper import Keeper
from kspec.training.checkpoints.remembering import Remembered, close, forgotten, go_on_writing, remember
from kspec.training.checkpoints.snapshot import Place, Snapshot, taken
from kspec.training.loop import tasks
from kspec.training.loop.blame import blame
from kspec.training.loop.choice import Choice, LoopName, choose, key_of
from kspec.training.loop.cursor import Cursor
from kspec.training.loop.feed import Rows
from kspec.training.loop.holding import Held
from kspec.training.loop.hooks import want_batches
from kspec.training.loop.logs import end_of, logs_of, losses, plain, told
from kspec.training.loop.programs import batch_at, bytes_of
from kspec.training.loop.rerun import state_before
from kspec.training.loop.running import Part, Running, steps_of
from kspec.training.loop.testing import Data, Testing, is_compiled
from kspec.training.watch import Watch

OnNan = Literal["stop", "skip", "rollback"]
"""What to do at a step whose loss is no number: end, leave it out, or take the last checkpoint's weights and go on with
the next step."""

_ROLLBACKS = 10
"""In one epoch, at most."""


@dataclass
class Training:
    """One training of a compiled model whose variables are all there.

    `callbacks` are Keras's; they are called where `Model.fit` calls them, batch by batch where one of them looks at
    batches. `watch` is told of everything, before them where something is wrong and after them of what was done.
    """

    model: Any
    data: Data
    callbacks: Sequence[Any]
    watch: Watch
    epochs: int
    first: int = 0
    validation: Data | None = None
    validation_freq: int = 1
    loop: LoopName = "auto"
    keeper: Keeper = field(default_factory=Keeper)
    on_nan: OnNan = "stop"
    choice: Choice | None = None
    planned: int | None = None
    """Epochs for which the way to run steps is chosen; None: those that are trained."""

    def __post_init__(self) -> None:
        model, keras = self.model, load_keras()
        compiled = is_compiled(model)
        self._every = want_batches(self.callbacks, "train")
        task = tasks.training(model, every=self._every, skip=self.on_nan == "skip")
        self._running = Running(task, self.data.batch, compiled=compiled)
        self._cursor = Cursor(self.data.feed, self.data.batch, self.data.steps)
        steps = self.data.steps or steps_of(self.data.feed.rows, self.data.batch)
        recorder = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: self.watch.record(logs))
        self._list = keras.callbacks.CallbackList(
            [*self.callbacks, recorder], add_history=True, epochs=self.epochs, steps=steps, verbose=0, model=model
        )
        self._testing: Testing | None = None
        if self.validation is not None:
            self._testing = Testing(model, self.validation, compiled, self.watch.between, self.callbacks, self._list)

    @property
    def compiling(self) -> float:
        """Seconds that compiling took."""
        return self._running.seconds + (self._testing.running.seconds if self._testing is not None else 0.0)

    @property
    def memory(self) -> int | None:
        """Bytes that the program of the steps takes; None where there is none."""
        return self._running.programs(self.data.batch).memory(self._running.way)

    def run(self) -> None:
        """Train; whatever ends it, the model's variables have the state of the last step that was done.

        Raises `Stopped` where a signal asked for an end: when a step is done, and a checkpoint is written.
        """
        finished, logs = False, {}
        self.model.stop_training = False
        self._held = held = Held(self.model)
        try:
            with self.watch.put_off():
                logs = self._epochs()
            finished = True
        except Exception:  # whatever it is: threads that compile do not survive Python's orderly end
            self._settle()
            raise
        finally:
            self.data.feed.close()
            if held.end() and self.epochs > 0:
                self.model.optimizer.finalize_variable_values(self.model.trainable_weights)
            if finished:
                self._list.on_train_end(logs)
            else:
                close(self.callbacks)

    def _epochs(self) -> dict[str, Any]:
        """All epochs; the logs of the last one."""
        held, logs = self._held, {}
        if self.keeper.resumed is not None:
            go_on_writing(self.callbacks, self.keeper.resumed.facts["rows"])
        self._list.on_train_begin()
        place, stopped = self._begun()
        self._before = self.steps_before(place.epoch)
        for epoch in range(place.epoch, self.epochs) if not stopped else ():
            self.keeper.begin_epoch()
            if place.step == 0:
                held.begin_epoch()
                self.watch.begin(epoch + 1)
                self._list.on_epoch_begin(epoch)
            else:
                self.watch.begin(epoch + 1)
            logs = self._epoch_or_back(place)
            if self.callbacks:
                held.give_back()
            if self._testing is not None and (epoch + 1) % self.validation_freq == 0:
                logs |= {f"val_{name}": value for name, value in self._validated(self._testing, epoch, logs).items()}
            self.watch.verify(logs)
            self._list.on_epoch_end(epoch, logs)
            self._before += self._cursor.steps(epoch)
            place = Place(epoch + 1, 0)
            self._after_epoch(place)
            if self.model.stop_training:
                break
        return logs

    def _begun(self) -> tuple[Place, bool]:
        """Where the training begins, and whether a callback had ended it there: what is gone on with is put back."""
        first, held = Place(private.first_epoch(self.model) or self.first, 0), self._held
        resumed = self.keeper.resumed
        if resumed is None:
            self.keeper.begin(lambda: self._now(first), bytes_of(held.state))
            return first, False
        held.put(resumed.state(self.model))
        held.give_back()
        resumed.restore_rest(self._list.callbacks)
        for name in forgotten(resumed.facts["callbacks"]):
            self.watch.tell(f"`{name}` cannot be kept in a checkpoint, and is as the callback begins with it")
        if way := resumed.facts["way"]:
            self.choice = Choice(way, "as before it was broken off", {})
            self._running.way = way
        return resumed.place, resumed.facts["stopped"] and resumed.facts["epochs"] == self.epochs

    def steps_before(self, epoch: int) -> int:
        """The steps of all epochs before this one, counted from 0."""
        return sum(self._cursor.steps(number) for number in range(self.first, epoch))

    def blamed(self, error: NotANumber) -> str:
        """What of the step was the first that had a number which is none; empty where that is not found."""
        snapshot = self.keeper.last()
        if error.step is None or snapshot is None:
            return ""
        epoch, step = error.epoch - 1, error.step - 1
        state = state_before(self, self.steps_before(epoch) + step, snapshot)
        rows, first, _ = next(self._cursor.over(epoch, step))
        return blame(self.model, state, batch_at(rows, first * self.data.batch, self.data.batch))

    def _epoch_or_back(self, place: Place) -> dict[str, Any]:
        """An epoch; where its loss becomes no number and that is wanted, from the last checkpoint's weights on."""
        for _ in range(_ROLLBACKS):
            try:
                return self._epoch(place)
            except NotANumber as error:
                snapshot = self.keeper.last() if self.on_nan == "rollback" else None
                if snapshot is None or error.step is None:
                    raise
                self._held.put((*snapshot.state(self.model)[:3], self._held.fresh))
                since = f"epoch {snapshot.place.epoch}, step {snapshot.place.step}"
                self.watch.tell(f"{error}: back to the weights after {since}, and on with the next step")
                done = error.step == self._cursor.steps(place.epoch)
                place = Place(place.epoch, error.step, {} if done else None)
        return self._epoch(place)

    def _snapshot(self, place: Place, state: Any, callbacks: Remembered, **facts: Any) -> Snapshot:
        """What the training would be gone on with from here."""
        way = self.choice.way if self.choice is not None else None
        known = {"way": way, "epochs": self.epochs, "rows": len(self.watch.rows), "stopped": False}
        return taken(self.model, state, place, callbacks, **{**known, **facts})

    def _now(self, place: Place, **facts: Any) -> Snapshot:
        return self._snapshot(place, self._held.state, remember(self._list.callbacks), **facts)

    def _after_steps(self, place: Place) -> None:
        """Between two steps of an epoch: here a checkpoint is begun, and a training that is to end does."""
        if place.step == self._cursor.steps(place.epoch):
            return  # the end of the epoch is near
        if self.watch.asked is not None:
            self._stop(lambda: self._now(place))
        elif self.keeper.is_due(self._before + place.step):
            self.keeper.save(lambda: self._now(place))

    def _after_epoch(self, place: Place) -> None:
        """After an epoch and its callbacks: likewise, and at the end of the training."""
        row, stopped = self.watch.rows[-1], self.model.stop_training
        last, score = stopped or place.epoch == self.epochs, row.get("val_loss", row.get("loss"))

        def now() -> Snapshot:
            self._held.again()
            return self._now(place, score=score, stopped=stopped)

        if self.watch.asked is not None and not last:
            self._stop(now)
        elif last or self.keeper.is_due_at_end(place.epoch, self._before):
            self.keeper.save(now)

    def _stop(self, now: Callable[[], Snapshot]) -> NoReturn:
        """Write a checkpoint, and end."""
        self.keeper.save(now)
        self.keeper.wait()
        assert self.watch.asked is not None
        raise Stopped(self.watch.asked)

    def _settle(self) -> None:
        self._running.settle()
        if self._testing is not None:
            self._testing.running.settle()

    def _epoch(self, place: Place) -> dict[str, Any]:
        """The steps of an epoch from a place in it on; its logs."""
        if place.logs is not None:
            return dict(place.logs)
        parts = self._parts(place)
        return plain(self._batches(place, parts) if self._every else self._together(place, parts))

    def _parts(self, place: Place) -> Iterator[Part]:
        """The rows of an epoch, cut where a checkpoint is due."""
        done = self._before + place.step
        for rows, first, steps in self._cursor.over(place.epoch, place.step):
            while steps:
                count = min(steps, self.keeper.until(done) or steps)
                yield rows, first, count
                first, steps, done = first + count, steps - count, done + count

    def _together(self, place: Place, parts: Iterator[Part]) -> Any:
        """As many steps at a time as is fastest; what was done is told while the next ones are done."""
        held, first = self._held, next(parts)
        held.again()
        if self.choice is None:
            with self.watch.put_off(False):  # nothing is lost yet, and compiling may take long
                self.choice = self._chosen(first[0])
        started, told_of, last = place.step, place.step, None

        def put(state: Any, steps: int) -> None:
            nonlocal started
            held.put(state)
            started += steps
            self._after_steps(Place(place.epoch, started))

        for done in self._running.all(None, held.state, chain([first], parts), put):
            told_of, last = told_of + done.steps, done
            self.watch.steps(told_of, losses(done), partial(told, done))
        assert last is not None  # an epoch has a step
        return logs_of(last)

    def _batches(self, place: Place, parts: Iterator[Part]) -> Any:
        """One step at a time, or `steps_per_execution` of them, with everything that callbacks are promised."""
        held, model, each = self._held, self.model, self.model.steps_per_execution
        self.choice = Choice("single", "a callback looks at every batch", {})
        step, logs, total = place.step, None, self._cursor.steps(place.epoch)
        for rows, first, steps in parts:
            for number in range(first, first + steps):
                if step % each == 0:
                    self._list.on_train_batch_begin(step)
                held.again()
                state, done = self._running.start(None, held.state, rows, number, 1, one=True)
                held.put(state)
                logs, step = logs_of(done), step + 1
                self.watch.steps(step, losses(done), partial(told, done))
                if step % each == 0 or step == total:
                    self._list.on_train_batch_end(end_of(step, each), logs)
                    if model.stop_training:
                        return logs
                    held.again()
                    self._after_steps(Place(place.epoch, step))
        return logs

    def _validated(self, testing: Testing, epoch: int, logs: Mapping[str, Any]) -> dict[str, Any]:
        """Loss and metrics on the validation data, in the way in which training runs its steps."""
        held = self._held
        held.again()
        before = self._kept() if self.keeper.keeps else None
        self._list.on_test_begin()
        held.begin_epoch()
        testing.running.way = self._running.way
        reads, others, slots, metrics = held.state

        def put(state: Any, steps: int) -> None:
            held.put((reads, state[0], slots, state[1]))

        try:
            found = testing.run(reads, (others, metrics), put)
        except Stopped:
            if before is not None:
                place = Place(epoch, self._cursor.steps(epoch), logs)
                self.keeper.save(lambda: self._snapshot(place, *before))
                self.keeper.wait()
            raise
        if self.callbacks:
            held.give_back()
        self._list.on_test_end(found)
        return found

    def _kept(self) -> tuple[Any, Remembered]:
        """The state before validation, which gives some of it away, and what callbacks remember: one that is broken
        off is begun again."""
        import numpy as np

        trainable, others, slots, metrics = self._held.state
        copied = ([np.array(array) for array in part] for part in (others, metrics))
        return (trainable, next(copied), slots, next(copied)), remember(self._list.callbacks)

    def _chosen(self, rows: Rows) -> Choice:
        """The way to run steps; what is needed beside it is compiled meanwhile."""
        planned = (self.planned or self.epochs - self.first) * self._cursor.steps(0)
        key = key_of(self.model, self._running.task.name, self.data.batch, rows.data)
        choice = choose(self._running, None, self._held.state, rows, planned, self.loop, key)
        rest = rows.length % self.data.batch
        if rest and rows.length > rest:
            self._running.programs(rest).ahead("single", None, self._held.state, rows)
        if self._testing is not None:
            reads, others, _, metrics = self._held.state
            self._testing.ahead(choice.way, reads, (others, metrics))
        return choice
