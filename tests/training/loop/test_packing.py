"""Weights in one array: for which optimizers, and that it is the same training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

from kspec.training import fit
from kspec.training.loop import tasks
from kspec.training.loop.holding import Held
from tests.training.loop.test_equals_keras import OPTIONS, optimizer
from tests.training.models import classifier, keras, layers, matched, rows, settings

X, Y = rows(80)
WHOLE = ("loss scale", "clipnorm", "global clipnorm", "Adafactor", "Muon", "Lamb", "ScheduleFreeAdamW")
"""Optimizers that look at a weight as a whole, or at all of them, or wrap another one."""


def network(chosen: Any, **first: Any) -> Any:
    keras.utils.set_random_seed(3)
    inputs = keras.Input((4,), name="pixels")
    hidden = layers.Dense(8, activation="tanh", **first)(inputs)
    model = keras.Model(inputs, layers.Dense(3, activation="softmax", name="digit")(hidden))
    model.compile(chosen, "sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    return model


@pytest.mark.parametrize("name", OPTIONS)
def test_optimizers_that_treat_every_number_by_itself_are_packed(name: str) -> None:
    assert (tasks.training(network(optimizer(name)), every=False).packing is None) == (name in WHOLE)


def test_a_packed_state_is_unpacked_to_what_it_was() -> None:
    model = network(keras.optimizers.RMSprop(momentum=0.9, centered=True, use_ema=True, gradient_accumulation_steps=2))
    packing = tasks.training(model, every=False).packing
    assert packing is not None
    random = np.random.default_rng(0)
    state = jax.tree.map(lambda leaf: random.normal(size=leaf.shape).astype(leaf.dtype), Held(model).state)
    packed = packing.pack(state)
    assert [len(part) for part in packed] == [1, 0, 7, len(state[3])]
    for one, other in zip(jax.tree.leaves(packing.unpack(packed)), jax.tree.leaves(state), strict=True):
        np.testing.assert_array_equal(one, other)


def large() -> Any:
    model = keras.Sequential([keras.Input((600,)), layers.Dense(500)])
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def spared() -> Any:
    chosen = keras.optimizers.AdamW()
    chosen.exclude_from_weight_decay(var_names=["bias"])
    return network(chosen)


class Own(keras.optimizers.SGD):  # type: ignore[misc]
    """A person's own, which may do anything."""


class Schedule(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """One that cannot be described."""

    def __call__(self, step: Any) -> Any:
        return 0.1


PLAIN: dict[str, Callable[[], Any]] = {
    "weights that are spared the decay": spared,
    "a constraint": lambda: network("adam", kernel_constraint="non_neg"),
    "weights of two dtypes": lambda: network("adam", dtype="float16"),
    "an optimizer of one's own": lambda: network(Own()),
    "a schedule of one's own": lambda: network(keras.optimizers.SGD(Schedule())),
    "many weights": large,
}


@pytest.mark.parametrize("name", PLAIN)
def test_what_is_not_packed(name: str) -> None:
    assert tasks.training(PLAIN[name](), every=False).packing is None


def test_neither_callbacks_nor_left_out_steps_are_packed() -> None:
    model = network("adam")
    assert tasks.training(model, every=True).packing is None
    assert tasks.training(model, every=False, skip=True).packing is None


def test_the_optimizer_is_the_model_s_own_afterwards() -> None:
    model = classifier()
    before = model.optimizer
    fit(model, settings(), matched({"pixels": X}, {"digit": Y}), loop="packed")
    assert model.optimizer is before
    assert int(before.iterations) == 2 * 5
