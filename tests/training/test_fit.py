"""Training equals Keras's own, is told step by step, and ends in a problem where it fails."""

from __future__ import annotations

import contextlib
import signal
import warnings
from typing import Any

import numpy as np
import pytest

from kspec.diagnostics import FileError, TrainingError
from kspec.spec.objects import Object
from kspec.training import fit
from kspec.training.loop import LoopName
from tests.training.models import Recording, classifier, keras, layers, matched, rows, settings, state, two_headed

X, Y = rows(100)
DATA = matched({"pixels": X}, {"digit": Y})


def same(ours: Any, theirs: Any) -> None:
    for one, other in zip(state(ours), state(theirs), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "values",
    [
        {"epochs": 3},
        {"validation_split": 0.2, "validation_freq": 2},
        pytest.param({"shuffle": False}, marks=pytest.mark.slow),
        pytest.param({"batch_size": None}, marks=pytest.mark.slow),
        {"steps_per_epoch": 3, "validation_split": 0.25, "validation_steps": 1, "validation_batch_size": 5},
        {"initial_epoch": 1, "epochs": 3, "shuffle": False},
    ],
    ids=str,
)
@pytest.mark.parametrize("loop", [pytest.param("single", marks=pytest.mark.slow), "scan"])
@pytest.mark.usefixtures("in_our_order")
def test_histories_and_weights_equal_keras(values: dict[str, Any], loop: LoopName) -> None:
    """The seed is set by building the model; dropout follows from it."""
    chosen = settings(**values)
    ours = classifier()
    history = fit(ours, chosen, DATA, loop=loop)
    theirs = classifier()
    options = chosen.model_dump(exclude={"callbacks", "class_weight", "sample_weight", "checkpoint_every", "on_nan"})
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Your input ran out of data", UserWarning)
        reference = theirs.fit(X, Y, verbose=0, **options)
    assert [row["epoch"] for row in history.rows] == [epoch + 1 for epoch in reference.epoch]
    for key, values_of_key in reference.history.items():
        assert [row[key] for row in history.rows if key in row] == pytest.approx(values_of_key, rel=1e-5)
    same(ours, theirs)


def test_an_interrupt_that_someone_drops_stops_the_training() -> None:
    """As C code does that calls Python: the exception comes to nothing, and the next step raises it again."""
    steps = []

    class Dropping(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            steps.append(batch)
            with contextlib.suppress(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            fit(classifier(), settings(epochs=3), DATA, callbacks=[Dropping()])
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert steps == [0]


@pytest.mark.usefixtures("in_our_order")
def test_a_validation_set_and_sample_weights_equal_keras() -> None:
    x, y = rows(30, seed=5)
    weights, others = np.linspace(0, 2, 100), np.linspace(1, 2, 30)
    train = matched({"pixels": X}, {"digit": Y}, {"digit": weights})
    validation = matched({"pixels": x}, {"digit": y}, {"digit": others})
    ours = classifier(weighted_metrics=["accuracy"])
    history = fit(ours, settings(), train, validation)
    theirs = classifier(weighted_metrics=["accuracy"])
    reference = theirs.fit(
        X, Y, sample_weight=weights, validation_data=(x, y, others), epochs=2, batch_size=16, verbose=0
    ).history
    for key, values in reference.items():
        assert [row[key] for row in history.rows] == pytest.approx(values, rel=1e-5)
    same(ours, theirs)


@pytest.mark.parametrize("packing", ["list", "dict"])
@pytest.mark.usefixtures("in_our_order")
def test_several_inputs_and_outputs_are_fed_by_name(packing: str) -> None:
    x, y = {"right": X[:, :2], "left": X}, {"hard": (Y > 1) * 1.0, "kind": Y}
    ours = two_headed(packing=packing)
    history = fit(ours, settings(validation_split=0.1), matched(x, y))
    theirs = two_headed(packing=packing)
    targets = [y["kind"], y["hard"]] if packing == "list" else y
    reference = theirs.fit(
        [x["left"], x["right"]], targets, validation_split=0.1, epochs=2, batch_size=16, verbose=0
    ).history
    for key, values in reference.items():
        assert [row[key] for row in history.rows] == pytest.approx(values, rel=1e-5)
    same(ours, theirs)


def test_an_output_without_a_loss_is_trained_without_targets() -> None:
    model = two_headed(loss_weights=None)
    model.compile("adam", {"kind": "sparse_categorical_crossentropy", "hard": None}, metrics={"kind": ["accuracy"]})
    history = fit(model, settings(), matched({"left": X, "right": X[:, :2]}, {"kind": Y}))
    assert set(history.rows[0]) == {"epoch", "loss", "kind_accuracy"}


def test_a_model_that_makes_its_own_loss_needs_no_targets() -> None:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,), name="pixels")
    hidden = layers.Dense(2, activity_regularizer="l2")(inputs)
    model = keras.Model(inputs, layers.Dense(4, name="out")(hidden))
    model.compile("sgd")
    history = fit(model, settings(), matched({"pixels": X}))
    assert history.rows[1]["loss"] < history.rows[0]["loss"]


def test_an_optional_input_may_be_left_out() -> None:
    class Sum(layers.Layer):  # type: ignore[misc]
        def call(self, x: Any, y: Any = None) -> Any:
            return x if y is None else x + y

    first, second = keras.Input((4,), name="first"), keras.Input((4,), name="second", optional=True)
    model = keras.Model([first, second], layers.Dense(3, name="digit")(Sum()(first, second)))
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert len(fit(model, settings(), matched({"first": X}, {"digit": Y})).rows) == 2


def test_progress_is_told_everything_in_order_on_one_thread() -> None:
    progress = Recording()
    history = fit(classifier(), settings(validation_split=0.2), DATA, None, progress)
    assert progress.told[0] == ("start", 2, 5, 1)
    assert progress.told[-1] == ("stop",)
    assert [epoch for (epoch,) in progress.of("epoch_start")] == [1, 2]
    ends = progress.of("epoch_end")
    assert [{"epoch": epoch, **logs} for epoch, logs, _ in ends] == list(history.rows)
    assert all(seconds > 0 for _, _, seconds in ends)
    steps = progress.of("step")
    assert steps[-1][0] == 5  # the last step of an epoch is always told
    assert set(steps[-1][1]) == {"loss", "accuracy"}
    assert sum(seconds for _, _, seconds in ends) <= history.seconds


def test_the_best_epoch_is_the_one_of_least_validation_loss() -> None:
    history = fit(classifier(), settings(epochs=4, validation_split=0.3), DATA)
    assert history.best == min(history.rows, key=lambda row: row["val_loss"])


def test_callbacks_of_the_settings_run_and_what_they_print_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    stop = Object("callbacks", "EarlyStopping", {"monitor": "loss", "patience": 0, "min_delta": 100.0}, ())
    loud = Object("callbacks", "ReduceLROnPlateau", {"monitor": "loss", "patience": 1, "verbose": 1}, ())
    progress = Recording()
    history = fit(classifier(), settings(epochs=9, callbacks=(loud, stop)), DATA, None, progress)
    assert len(history.rows) == 2
    assert "learning_rate" in history.rows[0]
    assert ("message", "EarlyStopping: stopped after epoch 2 of 9") in progress.told
    assert capsys.readouterr().out == ""


def test_restored_weights_are_said() -> None:
    args = {"monitor": "loss", "patience": 0, "min_delta": 100.0, "restore_best_weights": True}
    progress = Recording()
    stop = Object("callbacks", "EarlyStopping", args, ())
    fit(classifier(), settings(epochs=9, callbacks=(stop,)), DATA, None, progress)
    ((text,),) = progress.of("message")
    assert text == "EarlyStopping: stopped after epoch 2 of 9; the weights are those of epoch 1"


class Poison:
    """Weights that are no number from one batch on."""

    def __init__(self, model: Any, epoch: int, batch: int) -> None:
        self.model, self.epoch, self.batch, self.now = model, epoch, batch, -1
        begin = {"on_epoch_begin": self.begin, "on_train_batch_begin": self.spoil}
        self.callback = keras.callbacks.LambdaCallback(**begin)

    def begin(self, epoch: int, logs: Any) -> None:
        self.now = epoch

    def spoil(self, batch: int, logs: Any) -> None:
        if (self.now, batch) == (self.epoch, self.batch):
            self.model.jax_state_sync()
            variable = self.model.trainable_variables[0]
            variable.assign(np.full(variable.shape, np.nan))


@pytest.mark.parametrize(
    ("kind", "batch"),
    [
        pytest.param("async", 2, id="async-in the middle"),
        pytest.param("sync", 6, id="sync-last step"),
        pytest.param("async", 6, id="async-last step", marks=pytest.mark.slow),
        pytest.param("sync", 2, id="sync-in the middle", marks=pytest.mark.slow),
    ],
)
def test_a_loss_that_is_no_number_stops_the_run_and_overwrites_nothing(batch: int, kind: str, tmp_path: Any) -> None:
    model = classifier()
    file = tmp_path / "last.weights.h5"
    saver = keras.callbacks.ModelCheckpoint(
        str(file), save_weights_only=True, save_freq=1 if kind == "sync" else "epoch"
    )
    progress, seen = Recording(), []
    with pytest.raises(TrainingError) as caught:
        fit(
            model,
            settings(epochs=5),
            DATA,
            None,
            progress,
            callbacks=[Poison(model, 1, batch).callback, saver],
            on_row=seen.append,
        )
    (problem,) = caught.value.problems
    assert (problem.code, caught.value.status) == ("training-nan", 4)
    assert problem.message == f"`loss` became not a number (NaN) in epoch 2, step {batch + 1}"
    assert [row["epoch"] for row in seen] == [1]
    assert progress.told[-1] == ("stop",)
    kept = classifier(seed=1)
    kept = keras.Model(kept.inputs, kept.outputs)  # without the optimizer, whose variables are in the file too
    kept.load_weights(file)
    assert all(np.isfinite(array).all() for array in state(kept))


def test_an_infinite_validation_loss_is_a_failure_too() -> None:
    model = keras.Sequential([keras.Input((4,), name="pixels"), layers.Dense(1, name="digit")])
    model.compile("sgd", "mse")
    validation = matched({"pixels": np.full((20, 4), 1e38, "float32")}, {"digit": Y[:20]})
    with pytest.raises(TrainingError, match="`val_loss` became infinite in epoch 1"):
        fit(model, settings(), DATA, validation)


def test_whatever_keras_raises_is_a_failed_training() -> None:
    def broken(y: Any, given: Any) -> Any:
        raise RuntimeError("the loss\nis broken")

    with pytest.raises(TrainingError) as caught:
        fit(classifier(loss=broken), settings(), DATA)
    (problem,) = caught.value.problems
    assert (problem.code, problem.message) == ("training-failed", "training stopped: RuntimeError: the loss is broken")
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_an_interrupt_goes_through() -> None:
    def stop(batch: int, logs: Any) -> None:
        raise KeyboardInterrupt

    progress = Recording()
    callback = keras.callbacks.LambdaCallback(on_train_batch_begin=stop)
    with pytest.raises(KeyboardInterrupt):
        fit(classifier(), settings(), DATA, None, progress, callbacks=[callback])
    assert progress.told[-1] == ("stop",)


def test_too_few_rows_are_refused_before_anything_runs() -> None:
    with pytest.raises(FileError, match="beyond the data"):
        fit(classifier(), settings(steps_per_epoch=100), DATA)
