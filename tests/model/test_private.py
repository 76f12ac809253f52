"""The private names of Keras that kspec uses: each test fails by name when an upgrade moves one."""

from __future__ import annotations

import contextlib
import inspect
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from kspec.model import private
from kspec.model.draws import Draw
from kspec.model.private.variables import _Note as Note
from kspec.model.quiet import without_keras_warnings
from tests.model import twins
from tests.model.twins import keras


def chain() -> Any:
    x = keras.Input((3,), name="x")
    shared = keras.layers.Dense(3, name="shared")
    return keras.Model(x, keras.ops.tanh(shared(shared(x))))


def test_calls_are_forgotten() -> None:
    model = chain()
    layer = model.get_layer("shared")
    counts = len(layer._inbound_nodes), len(layer._outbound_nodes)
    with private.calls_forgotten([layer]):
        private.rename(layer, "other")
        layer(layer(keras.Input((3,))))
        assert len(layer._inbound_nodes) == counts[0] + 2
    assert (layer.name, len(layer._inbound_nodes), len(layer._outbound_nodes)) == ("shared", *counts)


def test_what_a_model_was_compiled_with() -> None:
    model, loss = chain(), keras.losses.Huber(delta=0.5)
    model.compile("sgd", loss)
    assert private.compiled_with(model)["loss"] is loss
    assert private.arguments_of(loss) == {"delta": 0.5}
    assert private.arguments_of("mse") == {}


def test_operation_of_and_rename() -> None:
    made = keras.ops.tanh(keras.Input((3,)))
    operation = private.operation_of(made)
    assert operation is made._keras_history.operation
    private.rename(operation, "squashed")
    assert operation.name == "squashed"
    private.tensor_name(made, "flat")
    assert made.name == "flat"


@pytest.mark.parametrize("wrap", [False, True])
def test_calls(wrap: bool) -> None:
    model = chain()
    if wrap:
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dense(1)])
    found = [(operation.name, len(tensors)) for operation, _, tensors, _ in private.calls(model)]
    assert [count for _, count in found] == [1] * len(found)
    assert len(found) == (2 if wrap else 3)
    if not wrap:
        assert [name for name, _ in found[:2]] == ["shared", "shared"]


def test_layers_by_path() -> None:
    inner = keras.Sequential([keras.layers.Dense(3, name="a")], name="inner")
    model = keras.Sequential([inner, keras.layers.TimeDistributed(keras.layers.Dense(1, name="a"), name="each")])
    found = {path: type(layer).__name__ for path, layer in private.layers_by_path(model)}
    assert found == {
        ("inner",): "Sequential",
        ("inner", "a"): "Dense",
        ("each",): "TimeDistributed",
        ("each", "a"): "Dense",
    }


def test_call_arguments() -> None:
    x = keras.Input((3, 4), name="x")
    layer = keras.layers.MultiHeadAttention(1, 2)
    layer(x, value=x, use_causal_mask=True)
    args, named = private.call_arguments(layer, 0)
    assert args == (x,)
    assert named == {"value": x, "use_causal_mask": True}


def test_abstract_variables_never_get_values() -> None:
    """Keras's own list of variables that wait for values, by the name that `private` knows it under."""
    from keras.src.backend.common import global_state

    with keras.StatelessScope(initialize_variables=False):
        waiting = keras.Variable(lambda shape, dtype: keras.ops.ones(shape, dtype), shape=(2,), dtype="float32")
    assert global_state.get_global_attribute("uninitialized_variables")[-1] is waiting
    with private.abstract_variables():
        abstract = keras.Variable(lambda shape, dtype: pytest.fail("made"), shape=(2,), dtype="float32")
    twins.built("inputs: {x: 2}\nlayers: [{Dense: 2}]")  # gives values to all that wait
    assert waiting.value.tolist() == [1, 1]
    assert abstract._value is None


def test_the_states_of_a_recurrent_layer_get_no_values_either() -> None:
    """`RNN._create_state_variables`, which is Keras's own again behind the block."""
    own = keras.layers.RNN._create_state_variables
    inputs = keras.Input(batch_shape=(1_000_000, 6, 3))
    cells = [keras.layers.LSTMCell(1_000_000), keras.layers.GRUCell(2)]
    with private.abstract_variables():
        layer = keras.layers.RNN(cells, stateful=True)
        assert layer(inputs).shape == (1_000_000, 2)
    shapes = [tuple(each.shape) for each in keras.tree.flatten(layer.states)]
    assert shapes == [(1_000_000, 1_000_000)] * 2 + [(1_000_000, 2)]
    assert all(private.is_put_off(each) for each in keras.tree.flatten(layer.states))
    assert len(layer.weights) == 2 * 3
    assert keras.layers.RNN._create_state_variables is own


def test_a_plan_costs_the_next_model_nothing() -> None:
    """40 GB of weights are planned, then a small model is built, in a process that has 4."""
    code = (
        "import resource, kspec\n"
        "text = 'kspec: 1\\ninputs: {x: 50000}\\nlayers: [{repeat: 4, layers: [{Dense: 50000}]}]\\n'\n"
        "assert kspec.loads(text).plan().weight_bytes > 40e9\n"
        "kspec.loads('kspec: 1\\ninputs: {x: 2}\\nlayers: [{Dense: 2}]\\n').build()\n"
        "assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 4e6\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr


def test_a_variable_asks_before_it_gets_its_value() -> None:
    """`_initialize_with_initializer` of the class that Keras makes variables of, and what a variable is before it."""
    asked: list[Any] = []

    def first(variable: Any, initializer: Any, dtype: str) -> bool:
        asked.append((variable.shape, dtype, initializer, variable._initializer, variable._layout))
        return private.put_off(variable, lambda shape, dtype: keras.ops.full(shape, len(asked), dtype))

    with private.variables_ask(first):
        made = keras.layers.Dense(2, use_bias=False)
        made.build((None, 3))
    [(shape, dtype, initializer, *others)] = asked
    assert (shape, dtype, others) == ((3, 2), "float32", [None, None])
    assert initializer is made.kernel_initializer
    assert private.is_put_off(made.kernel)
    assert made.kernel.value.tolist() == [[1, 1]] * 3  # Keras calls `_initializer` where `_value` is None
    assert private.is_put_off(made.kernel)
    private.give(made.kernel, keras.ops.zeros((3, 2)))
    assert not private.is_put_off(made.kernel)
    assert made.kernel.value.tolist() == [[0, 0]] * 3
    with private.variables_ask(lambda variable, initializer, dtype: False):
        assert keras.Variable(keras.initializers.Ones(), shape=(1,)).value.tolist() == [1]


def test_a_variable_that_keras_puts_off_is_not_put_off_again() -> None:
    answers = []

    def first(variable: Any, initializer: Any, dtype: str) -> bool:
        answers.append(private.put_off(variable, initializer))
        return answers[-1]

    with private.variables_ask(first), keras.StatelessScope():
        made = keras.Variable(keras.initializers.Ones(), shape=(1,))
    assert set(answers) == {False}  # of others too that waited
    assert made.value.tolist() == [1]


def test_what_keras_s_initializers_ask_for() -> None:
    """Their formulas run under another `random`, whose functions have the signatures of Keras's own."""
    of = keras.initializers
    for name in ("normal", "truncated_normal", "uniform"):
        theirs = inspect.signature(getattr(keras.src.backend.random, name)).parameters
        ours = inspect.signature(getattr(Note, name)).parameters
        assert [(each.name, each.default) for each in ours.values()] == [
            (each.name, each.default) for each in theirs.values()
        ]
    for method in (each.__call__ for each in (of.RandomNormal, of.TruncatedNormal, of.RandomUniform)):
        assert "random" in method.__code__.co_names
        assert method.__closure__ is None
    assert private.asked_of(of.RandomNormal(1.0, 2.0, seed=3), (4,), "float32") == Draw(
        "normal", (4,), 1.0, 2.0, "float32", 3
    )
    limit = math.sqrt(3 / 4)
    wanted = Draw("uniform", (2, 6), -limit, limit, "float32", 5)
    assert private.asked_of(of.GlorotUniform(seed=5), (2, 6), "float32") == wanted
    he = private.asked_of(of.HeNormal(seed=5), (2, 6), "float32")
    assert he is not None
    assert (he.kind, he.first) == ("truncated_normal", 0.0)
    for other in (of.Orthogonal(seed=1), of.Zeros(), keras.ops.ones):
        assert private.asked_of(other, (2, 2), "float32") is None


def test_made_by_and_graph_of() -> None:
    x = keras.Input((4,))
    layer = keras.layers.Dense(3, name="dense")
    first, second = layer(x), layer(x)
    assert [(made.name, index, place) for made, index, place in map(private.made_by, (first, second))] == [
        ("dense", 0, 0),
        ("dense", 1, 0),
    ]
    model = keras.Model(x, first)
    assert private.graph_of(model) is model
    assert private.graph_of(keras.Sequential([x, layer])).inputs


def test_structures_of_a_model() -> None:
    x = keras.Input((2,), name="x")
    model = keras.Model({"x": x}, [x + 1.0])
    assert private.structure_of_inputs(model) == {"x": x}
    assert private.structure_of_outputs(model) == model.outputs


def test_trained_by_nature() -> None:
    layer = keras.layers.BatchNormalization()
    layer.build((None, 4))
    layer.trainable = False
    assert [weight.name for weight in private.trained_by_nature(layer)] == ["gamma", "beta"]
    assert layer.trainable_weights == []


def test_scoped() -> None:
    """Every call of a model, and of a model in it, runs within its scope; `instead` may answer for one."""
    x = keras.Input((4,), name="x")
    shared = keras.layers.Dense(4, name="shared")
    inner = keras.Sequential([keras.Input((4,)), keras.layers.ReLU(name="relu")], name="inner")
    model = keras.Model(x, keras.ops.add(inner(shared(shared(x))), 1.0), name="model")
    seen: list[tuple[str, str]] = []

    def scope(owner: str, layer: str, index: int) -> contextlib.AbstractContextManager[None]:
        seen.append((owner, layer))
        return contextlib.nullcontext()

    value = np.ones((2, 4), "float32")
    plain = model(value)
    with private.scoped(model, scope):
        assert np.array_equal(model(value), plain)
    operation = model.operations[-1].name
    assert seen == [
        *[("model", "shared")] * 2,
        ("model", "inner"),
        ("inner", "relu"),
        ("model", operation),
    ]
    with private.scoped(model, scope, lambda call, args, given: args[0] * 0 if call[1] == operation else None):
        assert not np.any(model(value))
    seen.clear()
    model(value)
    assert seen == []


def test_training_is_prepared_from_shapes_and_gives_gradients() -> None:
    x = keras.Input((4,))
    model = keras.Model(x, keras.layers.Dense(3)(x))
    model.compile("adam", "mse", metrics=["mae"])
    batch = (jax.ShapeDtypeStruct((2, 4), "float32"), jax.ShapeDtypeStruct((2, 3), "float32"))
    with private.abstract_variables():
        private.prepare_training(model, batch)
        assert len(model.optimizer.variables) == 2 + 2 * 2
        lists = (
            model.trainable_variables,
            model.non_trainable_variables,
            model.optimizer.variables,
            model.metrics_variables,
        )
        assert len(lists[3]) == 2 * 2
        state = tuple([jax.ShapeDtypeStruct(each.shape, each.dtype) for each in of] for of in lists)
        with private.without_updates(model.optimizer):
            alone = len(jax.make_jaxpr(model.train_step)(state, batch).eqns)
        assert alone < len(jax.make_jaxpr(model.train_step)(state, batch).eqns)


def test_mask_of() -> None:
    rows = keras.Input((3, 2))
    masked = keras.layers.Masking()(rows)
    assert private.mask_of(rows) is None
    assert private.mask_of(masked).shape == (None, 3)


def test_the_state_of_a_training_is_lent() -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    private.prepare_training(model, (np.ones((1, 2)), np.ones((1, 1)), None))
    state = (
        *([variable.value + 1 for variable in part] for part in (model.trainable_variables, [])),
        [variable.value for variable in model.optimizer.variables],
        [variable.value for variable in model.metrics_variables],
    )
    callback = keras.callbacks.Callback()
    callback.set_model(model)
    private.lend_state(model, state)
    assert not private.state_is_back(model)
    before = np.asarray(model.layers[0].bias.value)
    assert callback.model is model
    assert private.state_is_back(model)
    np.testing.assert_array_equal(np.asarray(model.layers[0].bias.value), before + 1)
    private.forget_state(model)
    assert model._jax_state is None
    assert private.state_is_back(model)


def test_weights_that_are_spared_the_decay() -> None:
    chosen = keras.optimizers.AdamW()
    assert not private.spares_decay(chosen)
    chosen.exclude_from_weight_decay(var_names=["bias"])
    assert private.spares_decay(chosen)
    weight = keras.Variable([1.0])
    other = keras.optimizers.AdamW()
    other.exclude_from_weight_decay(var_list=[weight])
    assert private.spares_decay(other)


def test_optimizers_are_built_once() -> None:
    """A LossScaleOptimizer that is built twice has its own variables twice."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD()), "mse")
    private.prepare_training(model, (np.ones((1, 2)), np.ones((1, 1)), None))
    paths = [variable.path for variable in model.optimizer.variables]
    assert len(set(paths)) == len(paths)


def test_steps_of_ones_own_are_told_from_keras_own() -> None:
    class Own(keras.Model):  # type: ignore[misc]
        def train_step(self, state: Any, data: Any) -> Any:
            return super().train_step(state, data)

    made = chain()
    assert private.steps_are_keras_own(made)
    assert not private.steps_are_keras_own(Own(made.inputs, made.outputs))


def test_the_first_epoch_of_a_restored_training() -> None:
    model = chain()
    assert private.first_epoch(model) == 0
    model._initial_epoch = 3
    assert private.first_epoch(model) == 3
    source = inspect.getsource(keras.callbacks.BackupAndRestore)
    assert "self.model._initial_epoch" in source


def test_the_global_seed() -> None:
    private.restore_global_seed(np.array([1, 2], "uint32"))
    assert np.asarray(private.global_seed().value).tolist() == [1, 2]
    keras.random.uniform(())
    drawn = np.asarray(private.global_seed().value).tolist()
    assert drawn != [1, 2]
    one = np.asarray(keras.random.uniform(()))
    private.restore_global_seed(np.array(drawn, "uint32"))
    np.testing.assert_array_equal(one, np.asarray(keras.random.uniform(())))


def test_what_calls_gave_is_told() -> None:
    model, told = chain(), []
    with private.scoped(
        model, lambda *_: contextlib.nullcontext(), after=lambda place, made: told.append((place, made))
    ):
        made = model(np.ones((1, 3), "float32"))
    assert [place[1:] for place, _ in told[:2]] == [("shared", 0), ("shared", 1)]
    np.testing.assert_array_equal(told[-1][1], made)


def test_weights_are_opened(tmp_path: Path) -> None:
    import h5py

    model, paths = chain(), []

    def opened(path: Any) -> Any:
        paths.append(path)
        return h5py.File(path, "w")

    with private.weights_opened(opened), without_keras_warnings():
        model.save_weights(tmp_path / "small.weights.h5")
        model.save(tmp_path / "small.keras")  # in memory
    assert paths == [tmp_path / "small.weights.h5"]
    model.load_weights(tmp_path / "small.weights.h5")
    model.load_weights(tmp_path / "small.keras")


def test_kept_at(tmp_path: Path) -> None:
    """Every place is where Keras writes the variable, with the names that it writes there; also of LoRA's layers."""
    import h5py

    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, name="deep")], name="trunk")
    x = keras.Input((5, 4))
    y = keras.layers.Bidirectional(keras.layers.GRU(2), name="both")(keras.layers.TimeDistributed(inner)(x))
    model = keras.Model(x, keras.layers.Dense(3, name="head")(keras.layers.BatchNormalization()(y)))
    model.get_layer("head").enable_lora(2)
    for place, variable in enumerate(model.weights):
        variable.assign(np.full(variable.shape, 0 if "lora" in variable.path else place, "float32"))
    found, names = private.kept_at(model)
    assert model.get_layer("head").lora_enabled
    with without_keras_warnings():
        model.save_weights(tmp_path / "a.weights.h5")
    with h5py.File(tmp_path / "a.weights.h5") as file:
        written = []
        file.visititems(lambda name, item: written.append(name) if isinstance(item, h5py.Dataset) else None)
        assert sorted(place for place, _ in found) == sorted(written)
        for place, variable in found:
            np.testing.assert_array_equal(file[place][()], variable.value)
        for group, name in names.items():
            assert file[f"{group}/vars"].attrs["name"] == name
    assert {id(variable) for _, variable in found} == {id(each) for each in model.weights if "lora" not in each.path}
