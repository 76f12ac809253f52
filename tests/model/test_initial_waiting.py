"""Values wait without anybody's noticing: read early they are there, filled from a file they are never computed."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import kspec
from kspec.diagnostics import SpecError
from kspec.model import initial
from kspec.model.initial import values_put_off
from kspec.model.quiet import without_keras_warnings
from tests.model import twins
from tests.model.twins import keras

of = keras.initializers


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is computed from now on: shapes, in order."""
    shapes: list[Any] = []
    maker = initial.maker

    def noted(initializer: Any, shape: Any, dtype: str) -> Any:
        make = maker(initializer, shape, dtype)
        return make and (lambda: (shapes.append(shape), make())[1])

    monkeypatch.setattr(initial, "maker", noted)
    return shapes


def variable(initializer: Any = "glorot_uniform", shape: tuple[int, ...] = (2, 3)) -> Any:
    return keras.Variable(of.get(initializer), shape=shape, dtype="float32")


# -- read before the end ---------------------------------------------------------------------------------------------


def test_a_value_is_computed_once_where_it_is_read(computed: list[Any]) -> None:
    with values_put_off():
        made, other = variable(of.HeNormal(seed=1)), variable("ones", (4,))
        assert computed == []
        value = made.value
        assert computed == [(2, 3)]
        assert made.value is value
    assert computed == [(2, 3), (4,)]
    assert made.value is value
    assert np.asarray(value).tobytes() == np.asarray(of.HeNormal(seed=1)((2, 3))).tobytes()
    assert other.value.tolist() == [1] * 4


def test_a_value_that_is_read_while_shapes_are_traced_is_a_number() -> None:
    """A layer may take a weight for a plain number in its `call`, of which Keras traces shapes only."""
    seen = []

    class Doubting(keras.layers.Layer):
        def build(self, shape: Any) -> None:
            self.scale = self.add_weight(shape=(), initializer=of.RandomUniform(1, 2, seed=5), name="scale")

        def call(self, x: Any) -> Any:
            seen.append(float(self.scale.value))
            return x * self.scale

    with values_put_off():
        x = keras.Input((3,))
        model = keras.Model(x, Doubting()(x))
    assert seen == [float(of.RandomUniform(1, 2, seed=5)(()))]
    assert not any(isinstance(each._value, jax.core.Tracer) for each in model.variables)


def test_a_variable_changed_before_the_end_stays_changed() -> None:
    with values_put_off():
        added, set_ = variable("ones"), variable("ones")
        added.assign_add(np.full((2, 3), 2, "float32"))
        set_.assign(np.full((2, 3), 7, "float32"))
    assert added.value.tolist() == [[3] * 3] * 2
    assert set_.value.tolist() == [[7] * 3] * 2


def test_variables_that_keras_itself_puts_off() -> None:
    with values_put_off():
        with keras.StatelessScope():
            inner = variable(of.GlorotNormal(seed=2))
        assert inner._value is not None  # Keras gives them values as its scope ends
    assert np.asarray(inner.value).tobytes() == np.asarray(of.GlorotNormal(seed=2)((2, 3))).tobytes()
    assert inner._initializer is None


def test_a_variable_made_while_a_layer_of_mixed_precision_computes() -> None:
    """Its own dtype is that of its value, whatever the layer sees."""
    from keras.src.backend import AutocastScope

    with values_put_off(), AutocastScope("float16"):
        made = variable(of.HeNormal(seed=1))
        assert made.dtype == "float16"
    assert made.value.dtype == "float32"
    assert np.asarray(made.value).tobytes() == np.asarray(of.HeNormal(seed=1)((2, 3))).tobytes()


# -- what must not wait ----------------------------------------------------------------------------------------------


def test_initializers_that_may_depend_on_more_are_called_at_once_and_in_order(computed: list[Any]) -> None:
    calls = []

    class Own(of.GlorotUniform):
        def __call__(self, shape: Any, dtype: Any = None) -> Any:
            calls.append(shape)
            return super().__call__(shape, dtype=dtype) * len(calls)

    def plain(shape: Any, dtype: Any) -> Any:
        calls.append("plain")
        return keras.ops.ones(shape, dtype)

    def make() -> list[Any]:
        calls.clear()
        keras.utils.set_random_seed(3)
        generator = keras.random.SeedGenerator(9)
        found = [variable(Own()), variable(plain), variable(Own(), (5, 2))]
        return [*found, *(variable(of.RandomNormal(seed=generator)) for _ in range(2)), generator.state]

    theirs = [np.asarray(each.value).tobytes() for each in make()]
    with values_put_off():
        ours = make()
        assert calls == [(2, 3), "plain", (5, 2)]
    assert computed == []
    assert [np.asarray(each.value).tobytes() for each in ours] == theirs


def test_an_initializer_is_taken_as_it_is_when_the_variable_is_made() -> None:
    for name in ("HeNormal", "Orthogonal", "Constant"):
        made = of.Constant(2.0) if name == "Constant" else getattr(of, name)(seed=1)
        expected = np.asarray(made((3, 3)))
        with values_put_off():
            kept = variable(made, (3, 3))
            made.seed, made.value = 2, 3.0
        assert np.asarray(kept.value).tolist() == expected.tolist(), name


@pytest.mark.parametrize("bad", [of.Orthogonal(seed=1), of.Identity(), of.RandomNormal(seed=-1)])
def test_what_keras_refuses_is_refused_where_the_variable_is_made(bad: Any) -> None:
    with pytest.raises((ValueError, OverflowError)) as theirs:
        variable(bad, (3,))
    with values_put_off(), pytest.raises(theirs.type) as ours:
        variable(bad, (3,))
    assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize("policy", ["float32", "bfloat16"])
def test_what_keras_refuses_is_a_problem_at_its_step(policy: str) -> None:
    """Of sixteen bits there is no orthogonal matrix; a bias is no matrix."""
    short = policy == "bfloat16"
    arguments = "kernel_initializer: orthogonal" if short else "bias_initializer: identity"
    layers = f"[{{Dense: {{units: 3, {arguments}}}}}, ops.tanh, {{Dense: 1}}]"
    with pytest.raises(SpecError) as caught:
        twins.built(f"dtype_policy: {policy}\ninputs: {{x: 4}}\nlayers: {layers}")
    assert [problem.span.line for problem in caught.value.problems if problem.span] == [4]


# -- the block itself ------------------------------------------------------------------------------------------------


def test_keras_is_left_as_it_was_and_other_threads_are_not_touched() -> None:
    found: list[Any] = []
    with values_put_off(), values_put_off():
        own = variable()
        thread = threading.Thread(target=lambda: found.append(variable()._value))
        thread.start()
        thread.join()
        assert own._value is None
    assert own._value is not None
    assert found[0] is not None
    assert "_initialize_with_initializer" not in vars(keras.Variable)
    with pytest.raises(ValueError, match="shape"), values_put_off():
        keras.Variable(of.Ones())
    assert "_initialize_with_initializer" not in vars(keras.Variable)
    assert variable()._value is not None


def test_after_an_exception_values_wait_on() -> None:
    made: list[Any] = []

    def fail() -> None:
        with values_put_off():
            made.append(variable("ones"))
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        fail()
    assert made[0]._value is None
    assert made[0].value.tolist() == [[1] * 3] * 2


# -- files -----------------------------------------------------------------------------------------------------------

CHAIN = """
inputs: {x: [5, 6]}
layers:
  - Bidirectional: {LSTM: 3}
  - BatchNormalization
  - Dense: {units: 6, kernel_initializer: identity}
"""


@pytest.mark.parametrize("ending", ["weights.h5", "keras"])
def test_of_a_model_whose_weights_are_in_a_file_none_are_computed(
    ending: str, in_tmp: Path, computed: list[Any]
) -> None:
    trained = twins.built("seed: 4" + CHAIN, in_tmp)
    with without_keras_warnings():
        trained.save_weights("w.weights.h5") if ending == "weights.h5" else trained.save("w.keras")
    computed.clear()
    loaded = twins.built(f"seed: 5\nweights: w.{ending}" + CHAIN, in_tmp)
    assert computed == []
    twins.assert_same_weights(loaded, trained, seeds=False)


def test_only_what_no_file_fills_is_computed(in_tmp: Path, computed: list[Any]) -> None:
    text = "seed: 1\ninputs: {x: 4}\nlayers: [{Dense: 3, name: body}, {Dense: 2, name: head}]"
    plain = twins.built(text)
    np.savez("body.npz", kernel=np.full((4, 3), 5, "float32"), bias=np.zeros(3, "float32"))
    computed.clear()
    made = twins.built(text.replace("name: body", "name: body, weights: body.npz"), in_tmp)
    assert computed == [(3, 2), (2,)]
    assert np.asarray(made.weights[0].value).tolist() == [[5] * 3] * 4
    assert np.asarray(made.weights[2].value).tobytes() == np.asarray(plain.weights[2].value).tobytes()


def test_a_saved_model_s_own_weights_are_not_computed(in_tmp: Path, computed: list[Any]) -> None:
    encoder = twins.built("inputs: {x: 4}\nlayers: [{Dense: 3}, {Dense: 2}]")
    with without_keras_warnings():
        encoder.save("encoder.keras")
    computed.clear()
    made = twins.built("inputs: {x: 4}\nlayers: [{model: encoder.keras}, {Dense: 7}]", in_tmp)
    assert computed == [(2, 7), (7,)]
    for one, other in zip(made.weights, encoder.weights, strict=False):
        assert np.asarray(one.value).tobytes() == np.asarray(other.value).tobytes()
    computed.clear()
    np.savez("data.npz", x=np.ones((3, 4), "float32"))
    kspec.predict("encoder.keras", "data.npz")
    assert computed == []


def test_weights_that_do_not_fit_are_refused_as_before(in_tmp: Path) -> None:
    with without_keras_warnings():
        twins.built("inputs: {x: 4}\nlayers: [{Dense: 3}]").save_weights("w.weights.h5")
    with pytest.raises(SpecError) as caught:
        twins.built("weights: w.weights.h5\ninputs: {x: 4}\nlayers: [{Dense: 2}]", in_tmp)
    assert [problem.code for problem in caught.value.problems] == ["weights"]
