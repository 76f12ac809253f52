"""Layers that must see data are given what Keras's own `adapt` gives them on the array that reaches them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kspec.diagnostics import FileError, SpecError
from kspec.training import fit, interface_of
from kspec.training.adapt import adapt
from tests.training.models import keras, layers, matched, settings

X = np.random.default_rng(0).normal(3, 2, (200, 4)).astype("float32")


def adapted(model: Any, **x: np.ndarray) -> tuple[str, ...]:
    return adapt(model, interface_of(model), matched(x))


def statistics(layer: Any) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(layer.adapt_mean.value), np.asarray(layer.adapt_variance.value)


def reference(array: np.ndarray, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    layer = layers.Normalization(**options)
    layer.adapt(array)
    return statistics(layer)


@pytest.mark.parametrize("axis", [-1, None])
def test_on_an_input_it_equals_keras(axis: int | None) -> None:
    layer = layers.Normalization(axis=axis, name="norm")
    model = keras.Sequential([keras.Input((4,), name="x"), layer, layers.Dense(1)])
    assert adapted(model, x=X) == ("norm",)
    for ours, theirs in zip(statistics(layer), reference(X, axis=axis), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_allclose(np.asarray(layer(X)).mean(0), 0, atol=0.6 if axis is None else 1e-5)


def test_further_in_shared_and_nested() -> None:
    inner_input = keras.Input((4,))
    deep = layers.Normalization(name="deep")
    before = layers.Dense(4, name="before")
    inner = keras.Model(inner_input, layers.Dense(2)(deep(before(inner_input))), name="inner")
    first, second = keras.Input((4,), name="first"), keras.Input((4,), name="second")
    shared = layers.Normalization(name="shared")
    middle = layers.Dense(4, name="middle")
    a, b = shared(first), shared(second)
    model = keras.Model([first, second], layers.Concatenate()([inner(middle(a)), inner(middle(b))]))
    assert set(adapted(model, first=X, second=2 * X)) == {"shared", "inner.deep"}

    mean, variance = reference(np.concatenate([X, 2 * X]))
    np.testing.assert_allclose(statistics(shared)[0], mean, rtol=1e-5)
    np.testing.assert_allclose(statistics(shared)[1], variance, rtol=1e-5)
    reaching = [np.asarray(before(middle(shared(array)))) for array in (X, 2 * X)]
    np.testing.assert_allclose(statistics(deep)[0], reference(np.concatenate(reaching))[0], rtol=1e-4, atol=1e-5)
    assert adapted(model, first=X, second=X) == ()


def test_what_was_given_stays() -> None:
    given = layers.Normalization(mean=[0.0] * 4, variance=[2.0] * 4)
    bins = layers.Discretization(bin_boundaries=[0.0, 1.0])
    model = keras.Sequential([keras.Input((4,), name="x"), given, bins])
    assert adapted(model, x=X) == ()
    assert bins.bin_boundaries == [0.0, 1.0]


def test_discretization_by_the_steps_of_its_own_adapt() -> None:
    layer = layers.Discretization(num_bins=4, output_mode="one_hot", name="bins")
    model = keras.Sequential([keras.Input((1,), name="x"), layer, layers.Dense(1)])
    assert adapted(model, x=X[:, :1]) == ("bins",)
    np.testing.assert_allclose(layer.bin_boundaries, np.quantile(X[:, 0], [0.25, 0.5, 0.75]), atol=0.15)
    assert model.predict(X[:, :1], verbose=0).shape == (200, 1)


def test_too_few_values_for_the_bins() -> None:
    layer = layers.Discretization(num_bins=8, output_mode="one_hot", name="bins")
    model = keras.Sequential([keras.Input((1,), name="x"), layer, layers.Dense(1)])
    with pytest.raises(FileError, match="`bins` wants 8 bins, and the training data give 5"):
        adapted(model, x=X[:5, :1])


def test_inside_a_wrapper_it_is_said() -> None:
    wrapped = layers.TimeDistributed(layers.Normalization(), name="each")
    model = keras.Sequential([keras.Input((2, 4), name="x"), wrapped])
    with pytest.raises(SpecError, match="`each` holds a layer that must see data"):
        adapted(model, x=X.reshape(100, 2, 4))


def test_a_compiled_step_does_not_keep_the_old_statistics() -> None:
    layer = layers.Normalization()
    model = keras.Sequential([keras.Input((4,), name="x"), layer])
    model.predict(X, verbose=0)
    adapted(model, x=X)
    np.testing.assert_allclose(model.predict(X, verbose=0), np.asarray(layer(X)), rtol=1e-6)


@pytest.mark.usefixtures("in_our_order")
def test_training_after_it_equals_keras() -> None:
    def build() -> Any:
        keras.utils.set_random_seed(3)
        layer = layers.Normalization()
        model = keras.Sequential([keras.Input((4,), name="x"), layer, layers.Dense(1, name="y")])
        model.compile("sgd", "mse")
        return model, layer

    ours, _ = build()
    theirs, layer = build()
    data = matched({"x": X}, {"y": X[:, 0]})
    adapt(ours, interface_of(ours), data)
    layer.adapt(X)
    keras.utils.set_random_seed(1)
    history = fit(ours, settings(), data)
    keras.utils.set_random_seed(1)
    reference = theirs.fit(X, X[:, 0], epochs=2, batch_size=16, verbose=0).history["loss"]
    assert [row["loss"] for row in history.rows] == pytest.approx(reference, rel=1e-5)
