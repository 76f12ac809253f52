"""The private names of Keras that kspec uses: each test fails by name when an upgrade moves one."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from kspec.model import private
from tests.model import twins
from tests.model.twins import keras


def chain() -> Any:
    x = keras.Input((3,), name="x")
    shared = keras.layers.Dense(3, name="shared")
    return keras.Model(x, keras.ops.tanh(shared(shared(x))))


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
