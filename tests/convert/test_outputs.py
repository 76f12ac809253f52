"""Which output is which, whatever they are called: Keras sorts the names of a mapping, and a spec gives a name to each
output of a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kspec import api
from kspec.convert.sameness import difference, paired
from kspec.importing import import_model
from tests.convert.same import keras
from tests.model import twins
from tests.spec.fuzzing import examples

layers = keras.layers


def flat(made: Any) -> list[Any]:
    """Outputs one after another, those of a mapping as they were given."""
    items = made.values() if isinstance(made, Mapping) else made if isinstance(made, (list, tuple)) else [made]
    return [each for item in items for each in flat(item)] if isinstance(made, (Mapping, list, tuple)) else [made]


def assert_imports(model: Any) -> None:
    """The spec's model gives the numbers of each output in its place, and under its name where there is one."""
    again = api.loads(import_model(model)).build()
    for layer, twin in paired(model, again):
        for variable, value in zip(twin.weights, layer.weights, strict=True):
            variable.assign(value)
    (inputs,) = twins.random_inputs(model)
    made, remade = model(inputs), again(inputs)
    for value, same in zip(flat(made), flat(remade), strict=True):
        np.testing.assert_array_equal(value, same)
    if isinstance(made, Mapping):
        assert list(made) == list(remade)


def states() -> Any:
    inputs = keras.Input((6, 4))
    _, hidden, carry = layers.LSTM(4, return_state=True)(inputs)
    return keras.Model(inputs, [hidden, layers.Dense(3)(carry)])


def passed_on() -> Any:
    inputs = keras.Input((4,), name="zzz")
    return keras.Model(inputs, [inputs, layers.Dense(1, name="d")(inputs)])


def encoder(outputs: Any) -> Any:
    inputs = keras.Input((4,))
    return keras.Model(inputs, outputs(inputs), name="encoder")


def variational() -> Any:
    inputs = keras.Input((4,))
    mean, log_var = encoder(lambda x: [layers.Dense(2, name="mean")(x), layers.Dense(2, name="log_var")(x)])(inputs)
    return keras.Model(inputs, [layers.Dense(4, name="rec")(mean), mean, log_var])


def skipping() -> Any:
    inputs = keras.Input((4,))
    made = encoder(lambda x: {"z": layers.Dense(2)(x), "skip": layers.Dense(2)(x)})(inputs)
    return keras.Model(inputs, layers.Concatenate()([made["z"], made["skip"]]))


def twice() -> Any:
    inputs = keras.Input((4,))
    x, y = layers.Dense(2, name="zz")(inputs), layers.Dense(2, name="aa")(inputs)
    return keras.Model(inputs, [x, y, x])


@pytest.mark.parametrize("make", [states, passed_on, variational, skipping, twice])
def test_outputs(make: Any) -> None:
    assert_imports(make())


def test_names_are_held() -> None:
    inputs = keras.Input((4,))
    x, y = layers.Dense(2)(inputs), layers.Dense(2)(inputs)
    one = keras.Model(inputs, {"b": x, "a": y})
    assert difference(one, keras.Model(inputs, {"b": x, "a": y})) == ""
    assert "names" in difference(one, keras.Model(inputs, {"b": x, "c": y}))


NAMES = st.lists(st.text("abz", min_size=1, max_size=2), min_size=3, max_size=3, unique=True)


@given(NAMES, NAMES, st.sampled_from([list, dict]), st.sampled_from([list, dict]), st.permutations(range(5)))
@examples(8, shrink=False)
def test_random_names(inner: list[str], outer: list[str], within: Any, around: Any, order: list[int]) -> None:
    """A model that gives three tensors, in one that gives two of them, its input and twice a layer's output."""
    given = dict(zip("xyz", outer, strict=True))
    inputs = keras.Input((4,), name=f"input_{given['x']}")
    ends = [layers.Dense(2, name=f"{name}_of_{place}")(inputs) for place, name in enumerate(inner)]
    part = keras.Model(inputs, ends if within is list else dict(zip(reversed(inner), ends, strict=True)), name="part")
    taken = keras.Input((4,), name=f"in_{given['y']}")
    first, second, third = flat(part(taken))
    joined = layers.Dense(2, name=f"d_{given['z']}")(layers.Concatenate()([third, first]))
    found = [first, second, taken, joined, joined]
    made = [found[place] for place in order]
    names = [f"{outer[place % 3]}{place}" for place in order]
    assert_imports(keras.Model(taken, made if around is list else dict(zip(names, made, strict=True))))


def test_a_second_round_gives_the_same_text() -> None:
    text = import_model(skipping())
    assert import_model(api.loads(text).build()) == text


def test_lists_of_losses_go_to_the_same_outputs() -> None:
    inputs = keras.Input((4,))
    model = keras.Model(inputs, {"z": layers.Dense(1, name="p")(inputs), "b": layers.Dense(1, name="q")(inputs)})
    model.compile("sgd", loss=["mse", "mae"], loss_weights=[2, 3], metrics=[["mse"], ["mae"]])  # of b and z
    text = import_model(model)
    assert "outputs:\n  z: p\n  b: q\n" in text
    assert "loss: [mae, mse]\n  loss_weights: [3, 2]\n  metrics:\n    - [mae]\n    - [mse]\n" in text
