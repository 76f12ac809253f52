"""The same model on the same batches, by `keras.Model.fit` and by kspec: equal histories and weights, to rounding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kspec.model.compile import compile_model
from kspec.model.quiet import without_keras_warnings
from kspec.spec.schema import Compile
from kspec.training import fit
from kspec.training.loop import LoopName
from tests.training.models import Recording, keras, layers, matched, settings, state

pytestmark = pytest.mark.usefixtures("in_our_order")

RANDOM = np.random.default_rng(0)
ROWS = 70  # a last batch of 6
X = RANDOM.normal(size=(ROWS, 6, 4)).astype("float32")
KIND = RANDOM.integers(0, 3, ROWS)
LEVEL = RANDOM.normal(size=(ROWS, 1)).astype("float32")

OPTIMIZERS: dict[str, dict[str, Any]] = {
    name: {}
    for name in sorted(vars(keras.optimizers))
    if isinstance(kind := getattr(keras.optimizers, name), type)
    and issubclass(kind, keras.optimizers.Optimizer)
    and kind is not keras.optimizers.Optimizer
    and name not in ("LossScaleOptimizer", "MultiOptimizer", "Adafactor", "Muon")
}


def optimizer(name: str) -> Any:
    """An optimizer by its class, or one of those with options."""
    of = keras.optimizers
    known: dict[str, Callable[[], Any]] = {
        "Adafactor": lambda: of.Adafactor(0.01),
        "Muon": lambda: of.Muon(0.01),
        "loss scale": lambda: of.LossScaleOptimizer(of.SGD(0.1), initial_scale=64.0, dynamic_growth_steps=3),
        "clipnorm": lambda: of.SGD(0.1, clipnorm=0.01),
        "global clipnorm": lambda: of.SGD(0.1, global_clipnorm=0.01),
        "clipvalue": lambda: of.SGD(0.1, clipvalue=0.001),
        "ema": lambda: of.Adam(0.01, use_ema=True, ema_momentum=0.9),
        "ema overwrites": lambda: of.Adam(0.01, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=2),
        "accumulation": lambda: of.Adam(0.01, gradient_accumulation_steps=3),
        "weight decay": lambda: of.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
        "schedule": lambda: of.SGD(of.schedules.CosineDecay(0.1, 8, warmup_target=0.2, warmup_steps=2)),
    }
    return known[name]() if name in known else getattr(of, name)()


OPTIONS = [
    *OPTIMIZERS,
    *("Adafactor", "Muon", "loss scale", "clipnorm", "global clipnorm", "clipvalue"),
    *("ema", "ema overwrites", "accumulation", "weight decay", "schedule"),
]


def both(
    make: Callable[[], Any],
    x: Any,
    y: Any,
    loop: LoopName,
    callbacks: Callable[[], list[Any]] = list,
    tolerance: float = 2e-5,
    **values: Any,
) -> None:
    """Train twice and compare; `x` and `y` are arrays by name, in the model's order."""
    chosen = settings(**({"epochs": 3} | values))
    ours, theirs = make(), make()
    history = fit(ours, chosen, matched(x, y), loop=loop, callbacks=callbacks())
    options = chosen.model_dump(exclude={"callbacks", "class_weight", "sample_weight", "checkpoint_every", "on_nan"})
    given, wanted = ([*part.values()] if len(part) > 1 else next(iter(part.values())) for part in (x, y))
    with without_keras_warnings():
        reference = theirs.fit(given, wanted, verbose=0, callbacks=callbacks(), **options).history
    assert [row["epoch"] for row in history.rows] == list(range(1, len(next(iter(reference.values()))) + 1))
    for key, found in reference.items():
        np.testing.assert_allclose([row[key] for row in history.rows], found, rtol=tolerance, atol=1e-6, err_msg=key)
    for mine, other, variable in zip(state(ours), state(theirs), ours.weights, strict=True):
        np.testing.assert_allclose(
            mine.astype("float32"), other.astype("float32"), rtol=1e-3, atol=2e-4, err_msg=variable.path
        )
    for mine, other in zip(ours.optimizer.variables, theirs.optimizer.variables, strict=True):
        np.testing.assert_allclose(np.asarray(mine.value), np.asarray(other.value), rtol=1e-3, atol=2e-4)


def small(chosen: Any = "sgd", **compile: Any) -> Any:
    """Flatten → dense → three classes."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((6, 4), name="x")
    hidden = layers.Dense(8, activation="tanh")(layers.Flatten()(inputs))
    model = keras.Model(inputs, layers.Dense(3, activation="softmax", name="kind")(hidden))
    model.compile(chosen, "sparse_categorical_crossentropy", **compile)
    return model


WAYS = [pytest.param("single", marks=pytest.mark.slow), "scan"]
COMMON = ("Adam", "RMSprop", "Muon", "loss scale", "global clipnorm", "ema overwrites", "accumulation", "schedule")


RARE = [pytest.param(name, marks=pytest.mark.slow) for name in OPTIONS if name not in COMMON]


@pytest.mark.parametrize("name", [*COMMON, *RARE])
def test_optimizers(name: str) -> None:
    """By the packed loop those that can be packed, the others by the plain one."""
    both(lambda: small(optimizer(name)), {"x": X}, {"kind": KIND}, "packed", tolerance=1e-4)


def noisy() -> Any:
    """Dropout, noise, BatchNormalization, a regularizer, and a loss of an activity."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((6, 4), name="x")
    hidden = layers.GaussianNoise(0.1)(layers.Flatten()(inputs))
    hidden = layers.Dense(8, kernel_regularizer="l2", activity_regularizer="l1")(hidden)
    hidden = layers.Dropout(0.3)(layers.Activation("relu")(layers.BatchNormalization()(hidden)))
    model = keras.Model(inputs, layers.Dense(3, activation="softmax", name="kind")(hidden))
    model.compile(
        "adam",
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        weighted_metrics=["sparse_categorical_crossentropy"],
    )
    return model


def recurrent() -> Any:
    keras.utils.set_random_seed(3)
    inputs = keras.Input((6, 4), name="x")
    hidden = layers.Bidirectional(layers.LSTM(4, return_sequences=True, dropout=0.2))(inputs)
    model = keras.Model(inputs, layers.Dense(1, name="level")(layers.GRU(3, recurrent_dropout=0.2)(hidden)))
    model.compile("rmsprop", "mse", metrics=["mae", "r2_score"])
    return model


def convolutional() -> Any:
    keras.utils.set_random_seed(3)
    inputs = keras.Input((6, 4), name="x")
    hidden = layers.SeparableConv1D(8, 3, padding="same")(inputs)
    hidden = layers.GlobalAveragePooling1D()(layers.Conv1D(4, 3)(layers.LayerNormalization()(hidden)))
    model = keras.Model(inputs, layers.Dense(3, name="kind")(hidden))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["sparse_top_k_categorical_accuracy"])
    return model


def attending() -> Any:
    keras.utils.set_random_seed(3)
    inputs = keras.Input((6, 4), name="x")
    hidden = layers.MultiHeadAttention(2, 4, dropout=0.1)(inputs, inputs)
    hidden = layers.SpectralNormalization(layers.Dense(4))(hidden)
    model = keras.Model(inputs, layers.Dense(1, name="level")(layers.Flatten()(hidden)))
    model.compile("nadam", "huber")
    return model


LARGER = (recurrent, convolutional, attending)


@pytest.mark.parametrize("loop", WAYS)
@pytest.mark.parametrize("make", [noisy, *(pytest.param(make, marks=pytest.mark.slow) for make in LARGER)])
def test_models(make: Callable[[], Any], loop: LoopName) -> None:
    model = make()
    y = {"level": LEVEL} if model.output_names == ["level"] else {"kind": KIND}
    both(make, {"x": X}, y, loop, tolerance=1e-4, validation_split=0.2)


@pytest.mark.parametrize("loop", WAYS)
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "float64"])
def test_policies(policy: str, loop: LoopName) -> None:
    """Mixed float16 trains with a LossScaleOptimizer, which Keras puts in by itself."""

    def make() -> Any:
        keras.utils.set_random_seed(3)
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy("float32" if policy == "float64" else policy)
        try:
            return small(keras.optimizers.SGD(0.05), metrics=["accuracy"])
        finally:
            keras.config.set_dtype_policy(before)

    x = X.astype("float64") if policy == "float64" else X
    both(make, {"x": x}, {"kind": KIND}, loop, tolerance=1e-5 if policy == "float64" else 5e-3)


def two() -> Any:
    keras.utils.set_random_seed(3)
    inputs, extra = keras.Input((6, 4), name="x"), keras.Input((1,), name="extra")
    hidden = layers.Concatenate()([layers.Flatten()(inputs), extra])
    kind = layers.Dense(3, activation="softmax", name="kind")(hidden)
    model = keras.Model([inputs, extra], [kind, layers.Dense(1, name="level")(hidden)])
    losses = {"kind": "sparse_categorical_crossentropy", "level": "mse"}
    metrics = {"kind": ["accuracy", keras.metrics.SparseCategoricalCrossentropy()], "level": ["mae"]}
    model.compile("adam", losses, loss_weights={"kind": 1.0, "level": 0.3}, metrics=metrics)
    return model


@pytest.mark.parametrize("loop", WAYS)
def test_several_inputs_and_outputs(loop: LoopName) -> None:
    both(two, {"x": X, "extra": LEVEL}, {"kind": KIND, "level": LEVEL}, loop, validation_split=0.2)


class OwnStep(keras.Model):  # type: ignore[misc]
    """A model with a training step of its own, whose logs are not its metrics."""

    def train_step(self, state: Any, data: Any) -> Any:
        logs, state = super().train_step(state, data)
        return {"loss": logs["loss"], "twice": 2 * logs["loss"]}, state


@pytest.mark.parametrize("loop", WAYS)
def test_a_step_of_ones_own(loop: LoopName) -> None:
    def make() -> Any:
        plain = small()
        model = OwnStep(plain.inputs, plain.outputs)
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    both(make, {"x": X}, {"kind": KIND}, loop)


@pytest.mark.parametrize("compile", [{"run_eagerly": True}, {"jit_compile": False}], ids=str)
def test_nothing_compiled(compile: dict[str, Any]) -> None:
    both(lambda: small(**compile), {"x": X}, {"kind": KIND}, "auto", epochs=1)


def turned(*, compiled: bool) -> Any:
    """The layers that Keras runs operation by operation; `compiled`, as kspec compiles models, they are not."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((6, 4, 1), name="x")
    y = layers.RandomZoom(0.2)(layers.RandomRotation(0.2)(inputs))
    y = layers.RandomShear(0.2, 0.2)(layers.RandomTranslation(0.2, 0.2)(y))
    y = layers.Dense(3, activation="softmax", name="kind")(layers.Flatten()(layers.RandomPerspective()(y)))
    model = keras.Model(inputs, y)
    compiling = Compile(optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    compile_model(model, compiling.model_copy(update={} if compiled else {"jit_compile": False}))
    assert model.jit_compile is compiled
    return model


def test_layers_that_only_jax_compiles() -> None:
    compiled = iter((True, False))
    both(lambda: turned(compiled=next(compiled)), {"x": X[..., None]}, {"kind": KIND}, "auto", validation_split=0.2)


CALLBACKS: dict[str, Callable[[], list[Any]]] = {
    "early stopping": lambda: [keras.callbacks.EarlyStopping("loss", min_delta=9.0, restore_best_weights=True)],
    "plateau": lambda: [keras.callbacks.ReduceLROnPlateau("loss", min_delta=9.0, patience=1)],
    "rates": lambda: [keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)],
    "a batch's": lambda: [Halving()],
    "nan": lambda: [keras.callbacks.TerminateOnNaN()],
}


class Halving(keras.callbacks.Callback):  # type: ignore[misc]
    """Changes the model between batches."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if batch == 1:
            self.model.layers[-1].bias.assign(self.model.layers[-1].bias / 2)


@pytest.mark.parametrize("loop", WAYS)
@pytest.mark.parametrize("name", CALLBACKS)
def test_callbacks(name: str, loop: LoopName) -> None:
    both(small, {"x": X}, {"kind": KIND}, loop, CALLBACKS[name], validation_split=0.2)


def test_swapped_averages() -> None:
    """SwapEMAWeights changes the weights for the validation, and back."""
    make = lambda: small(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9))  # noqa: E731
    both(make, {"x": X}, {"kind": KIND}, "scan", lambda: [keras.callbacks.SwapEMAWeights()], validation_split=0.2)


class Counting(keras.callbacks.Callback):  # type: ignore[misc]
    """Notes every call, with the numbers that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Any] = []

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if not name.startswith("on_"):
            return found

        def noted(*args: Any, **named: Any) -> Any:
            logs = [value for value in (*args, *named.values()) if isinstance(value, dict)]
            self.calls.append((name, args[:1] if args and not isinstance(args[0], dict) else (), *map(sorted, logs)))
            return found(*args, **named)

        return noted


@pytest.mark.parametrize("each", [1, 3])
def test_a_callback_is_called_as_by_keras(each: int) -> None:
    told = []
    for way in ("kspec", "keras"):
        counting, model = Counting(), small(steps_per_execution=each, metrics=["accuracy"])
        chosen = settings(validation_split=0.2)
        if way == "kspec":
            fit(model, chosen, matched({"x": X}, {"kind": KIND}), progress=Recording(), callbacks=[counting])
        else:
            with without_keras_warnings():
                model.fit(X, KIND, epochs=2, batch_size=16, validation_split=0.2, verbose=0, callbacks=[counting])
        told.append(counting.calls)
    assert told[0] == told[1]
