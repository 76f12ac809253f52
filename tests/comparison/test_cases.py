"""Pairs of specs, and all that is told of their steps."""

from __future__ import annotations

import time
from typing import Any

import pytest

import kspec
from kspec.comparison.difference import ABSENT
from kspec.comparison.sketch import Step, Wire
from kspec.comparison.wiring import Wiring
from kspec.report.diff.entries import entries
from tests.comparison.helpers import diff_of, diff_of_models, told
from tests.conftest import SPECS
from tests.model.twins import keras

CHAIN = """
inputs: {x: 8}
layers:
  - Dense: {units: 16, activation: relu}
    name: hidden
  - Dropout: 0.5
  - Dense: 3
    name: kind
"""
TOWERS = """
inputs: {x: 8}
layers:
  - Dense: 4
    name: left
    from: x
  - Dense: 4
    name: right
    from: x
  - Concatenate:
    from: [left, right]
    name: both
  - Dense: 2
    name: out
"""
REPEATED = """
inputs: {x: [6, 8]}
blocks:
  cell:
    layers:
      - residual: [LayerNormalization, {Dense: {units: 8, activation: gelu}}]
layers:
  - repeat: 3
    layers: [cell]
  - Dense: 2
    name: out
"""


@pytest.mark.parametrize(
    ("before", "change", "expected"),
    [
        (CHAIN, {}, []),
        (CHAIN, {"units: 16": "units: 32"}, ["~ hidden; units 16 > 32; output [None, 16] > [None, 32]"]),
        (CHAIN, {"activation: relu": "activation: tanh"}, ["~ hidden; activation relu > tanh"]),
        (CHAIN, {"name: hidden": "name: wide"}, ["~ wide; was hidden"]),
        (CHAIN, {"name: kind": "name: sort"}, ["~ sort; was kind"]),
        (
            CHAIN,
            {"units: 16, activation: relu}\n    name: hidden": "units: 32, activation: relu}\n    name: wide"},
            ["~ wide; was hidden; units 16 > 32; output [None, 16] > [None, 32]"],
        ),
        (CHAIN, {"  - Dropout: 0.5\n": ""}, ["- dropout; hidden > kind"]),
        (CHAIN, {"  - Dropout: 0.5\n": "  - Dropout: 0.5\n  - ReLU\n"}, ["+ re_lu; dropout > kind"]),
        (
            CHAIN,
            {"  - Dropout: 0.5\n": "", "layers:\n": "layers:\n  - Dropout: 0.5\n"},
            ["~ dropout; moved; from hidden > x; output [None, 16] > [None, 8]"],
        ),
        (
            CHAIN,
            {"Dropout: 0.5": "GaussianNoise: 0.5"},
            ["- dropout; hidden > kind", "+ gaussian_noise; hidden > kind"],
        ),
        (CHAIN, {"Dense: 3\n": "Dense: 3\n    trainable: false\n"}, ["~ kind; trainable True > False"]),
        (
            CHAIN,
            {"Dense: 3\n": "Dense: 3\n    dtype: float16\n"},
            ["~ kind; dtype float32 > float16; output_dtype float32 > float16"],
        ),
        (
            CHAIN,
            {"activation: relu": "activation: relu, kernel_regularizer: {L2: 0.1}"},
            ["~ hidden; kernel_regularizer None > {'L2': {'l2': 0.1}}"],
        ),
        (
            CHAIN,
            {"Dropout: 0.5\n": "Dropout: 0.5\n    call: {training: true}\n"},
            ["~ dropout; call.training none > True"],
        ),
        (CHAIN, {"{x: 8}": "{x: {shape: [8], dtype: int32}}"}, ["~ x; dtype float32 > int32"]),
        (CHAIN, {"{x: 8}": "{y: 8}"}, ["~ y; was x"]),
        (TOWERS, {"[left, right]": "[right, left]"}, ["~ both; from [left, right] > [right, left]"]),
        (
            TOWERS,
            {"[left, right]": "[left, right, x]"},
            ["~ both; from [left, right] > [left, right, x]; output [None, 8] > [None, 16]"],
        ),
        (TOWERS, {"name: left": "name: first", "[left,": "[first,"}, ["~ first; was left"]),
        (
            TOWERS,
            {"  - Concatenate": "  - ReLU:\n    from: left\n  - Concatenate", "[left,": "[re_lu,"},
            ["+ re_lu; left > both"],
        ),
        (
            TOWERS,
            {"name: right\n    from: x": "name: right\n    from: left"},
            ["~ right; from x > left"],
        ),
        (
            REPEATED,
            {"gelu": "relu"},
            [f"~ cell{count}.dense; activation gelu > relu" for count in ("", "_1", "_2")],
        ),
        (
            REPEATED,
            {"repeat: 3": "repeat: 4"},
            [
                "+ cell_3.layer_normalization; cell_2.add > cell_3.dense",
                "+ cell_3.dense; cell_3.layer_normalization > cell_3.add",
                "+ cell_3.add; [cell_3.dense, cell_2.add] > out",
            ],
        ),
    ],
)  # fmt: skip
def test_what_is_told(before: str, change: dict[str, str], expected: list[str]) -> None:
    after = before
    for old, new in change.items():
        assert old in after
        after = after.replace(old, new)
    found = diff_of(before, after)
    assert told(found) == expected
    assert bool(found) == bool(expected)
    back = diff_of(after, before)
    signs = {"+": "-", "-": "+", "~": "~"}
    assert sorted(line[0] for line in told(back)) == sorted(signs[line[0]] for line in expected)


def test_automatic_names_shift_and_are_renames() -> None:
    """A layer in front of others counts their names up: they are the same ones all the same."""
    before = "inputs: {x: 8}\nlayers: [{Dense: 16}, {Dense: 32}, {Dense: 2}]"
    after = "inputs: {x: 8}\nlayers: [{Dense: 8}, {Dense: 16}, {Dense: 32}, {Dense: 2}]"
    found = diff_of(before, after)
    assert told(found) == [
        "+ dense; x > dense_1",
        "~ dense_1; was dense",
        "~ dense_2; was dense_1",
        "~ dense_3; was dense_2",
    ]
    assert [(each.before, each.after) for each in found.weights.renamed] == [
        *(("dense/kernel", "dense_1/kernel"), ("dense/bias", "dense_1/bias")),
        *(("dense_1/kernel", "dense_2/kernel"), ("dense_1/bias", "dense_2/bias")),
        *(("dense_2/kernel", "dense_3/kernel"), ("dense_2/bias", "dense_3/bias")),
    ]


def test_a_name_given_by_a_person_is_the_step_s() -> None:
    """Two equal layers that change places have moved; no names were exchanged."""
    before = "inputs: {x: 8}\nlayers:\n- {Dense: 8, name: a}\n- {Dense: 8, name: b}\n- {Dense: 2, name: c}"
    after = "inputs: {x: 8}\nlayers:\n- {Dense: 8, name: b}\n- {Dense: 8, name: a}\n- {Dense: 2, name: c}"
    found = diff_of(before, after)
    assert told(found) == ["~ a; moved; from x > b"]
    assert found.weights.complete
    assert not found.weights.renamed


def test_thousands_of_moved_steps_are_soon_counted() -> None:
    def chain(places: list[int]) -> list[Step]:
        steps, last = [], ("x", 0)
        for place in places:
            key, wires = (f"step_{place}", 0), (Wire("x", last),)
            steps.append(Step(key, key[0], "ReLU", "ReLU", {}, {}, wires, (), "", True, 0, ()))
            last = key
        return steps

    count = 6_000
    swapped = [place ^ 1 for place in range(count)]
    begun = time.perf_counter()
    wiring = Wiring(chain([*range(count)]), chain(swapped), dict(enumerate(swapped)))
    assert time.perf_counter() - begun < 3  # it was seven seconds
    assert len(wiring.rewired) == count  # more than are looked at one by one
    assert not wiring.moved


def test_outputs() -> None:
    one = "inputs: {x: 8}\nlayers:\n- {Dense: 8, name: a}\n- {Dense: 3, name: b}\noutputs: "
    found = diff_of(one + "[a, b]", one + "b")
    assert [tuple(each)[:2] for each in found.outputs] == [("a", [None, 8])]
    found = diff_of(one + "{left: a, right: b}", one + "{left: b, right: b}")
    assert [tuple(each) for each in found.outputs] == [
        ("left.from", "a", "b"),
        ("left.shape", [None, 8], [None, 3]),
    ]
    found = diff_of(one + "{left: a, right: b}", one + "{links: a, right: b}")
    assert [tuple(each) for each in found.outputs] == [("left", "left", "links")]
    assert diff_of(one + "[a, b]", one + "[b, a]").outputs == (("order", ["a", "b"], ["b", "a"]),)
    assert not diff_of(one + "[a, b]", one + "[a, b]")


@pytest.mark.parametrize(
    ("name", "after", "expected"),
    [
        ("lstm", (0, 1), []),
        ("lstm", (2, 1), [("lstm.from", "lstm", "lstm.2")]),
        ("lstm", (0,), [("lstm_1", [None, 4], ABSENT)]),
        ("memory", (0, 1), []),
        ("memory", (0, 2), [("lstm_1", [None, 4], ABSENT), ("memory_1", ABSENT, [None, 4])]),
    ],
)
def test_outputs_of_one_layer(name: str, after: tuple[int, ...], expected: list[Any]) -> None:
    """Keras has them all under the layer's name."""

    def recurrent(name: str, outputs: tuple[int, ...]) -> Any:
        x = keras.Input((5, 3), name="x")
        made = keras.layers.LSTM(4, return_state=True, name=name)(x)
        return keras.Model(x, [made[place] for place in outputs])

    found = diff_of_models(recurrent("lstm", (0, 1)), recurrent(name, after))
    assert [tuple(each) for each in found.outputs] == expected


def test_sections_are_compared_key_by_key() -> None:
    one = """
    seed: 1
    inputs: {x: 4}
    layers: [{Dense: 2}]
    compile: {optimizer: adam, loss: mse, metrics: [mae]}
    fit: {epochs: 3, callbacks: [{EarlyStopping: {monitor: loss, patience: 3}}, TerminateOnNaN]}
    """
    other = """
    inputs: {x: 4}
    layers: [{Dense: 2}]
    compile: {optimizer: {Adam: 1e-2}, loss: mae, metrics: [mae, mse]}
    fit: {epochs: 4, batch_size: 8, callbacks: [{EarlyStopping: {monitor: loss, patience: 5}}]}
    """
    found = diff_of(one, other)
    assert [f"{each.path} {each.before} > {each.after}" for each in found.sections] == [
        "seed 1 > ABSENT",
        "compile.optimizer.Adam.learning_rate ABSENT > 0.01",
        "compile.loss mse > mae",
        "compile.metrics ['mae'] > ['mae', 'mse']",
        "fit.epochs 3 > 4",
        "fit.callbacks.EarlyStopping.patience 3 > 5",
        "fit.callbacks.TerminateOnNaN {} > ABSENT",
        "fit.batch_size ABSENT > 8",
    ]


def test_a_policy_is_told_once() -> None:
    one = "inputs: {x: 8}\nlayers: [{Dense: 8}, {Dense: 8}, {Dense: 2}]"
    found = diff_of(one, f"dtype_policy: mixed_bfloat16\n{one}")
    assert told(found) == []
    assert [each.path for each in found.sections] == ["dtype_policy"]


def test_a_model_as_a_step_is_compared_inside() -> None:
    one = """
    inputs: {x: 8}
    blocks: {tower: {nested: true, layers: [{Dense: {units: 4, activation: relu}}, {Dense: 2}]}}
    layers: [{tower: {}, name: encoder}, {Dense: 3}]
    """
    found = diff_of(one, one.replace("relu", "tanh"))
    assert told(found) == ["~ encoder/dense; activation relu > tanh"]
    assert [each.before for each in found.weights.carried][:2] == ["encoder/dense/kernel", "encoder/dense/bias"]
    assert told(diff_of(one, one.replace("name: encoder", "name: encoder, trainable: false"))) == [
        "~ encoder; trainable True > False"
    ]


def test_the_weights_of_a_layer_whose_later_call_comes_first() -> None:
    """Keras may come to the second call before the first: both only take inputs."""
    found = kspec.diff(kspec.load(SPECS / "siamese_twin.yaml"), kspec.load(SPECS / "siamese_twin.yaml"))
    assert [each.before for each in found.weights.carried] == [
        *("left_code.dense/kernel", "left_code.dense/bias", "left_code.dense_1/kernel", "left_code.dense_1/bias"),
        *("same_digit/kernel", "same_digit/bias"),
    ]


def test_a_layer_called_again() -> None:
    one = """
    inputs: {a: 4, b: 4}
    layers:
      - {Dense: 4, name: tower, from: a}
      - {reuse: tower, name: other, from: b}
      - {Add: , from: [tower, other]}
    """
    assert told(diff_of(one, one.replace("Dense: 4", "Dense: 5"))) == [
        "~ tower; units 4 > 5; output [None, 4] > [None, 5]",
    ]
    assert told(diff_of(one, one.replace("other", "second"))) == ["~ second; was other"]


def test_what_keras_works_out_is_not_told() -> None:
    """`value_dim` is `key_dim` where nobody gives it."""
    one = "inputs: {x: [6, 8]}\nlayers: [{MultiHeadAttention: {num_heads: 2, key_dim: 4}, from: {query: x, value: x}}]"
    assert told(diff_of(one, one.replace("key_dim: 4", "key_dim: 8"))) == ["~ multi_head_attention; key_dim 4 > 8"]
    masked = "inputs: {x: [6, 8]}\nlayers: [Masking, {LSTM: 4}]"
    assert not diff_of(masked, masked)


def test_two_models_with_nothing_in_common() -> None:
    one = "inputs: {a: 4}\nlayers: [{Dense: 2, name: first}]"
    other = "inputs: {b: [8, 8, 1]}\nlayers: [{Conv2D: {filters: 3, kernel_size: 3}}, Flatten, {PReLU: }]"
    found = diff_of(one, other)
    assert not found.related
    assert found.matched == 0
    assert found


def test_the_list_is_short() -> None:
    """Copies are one line, whether a step is put into each, changed in each, or all are new."""
    inside = REPEATED.replace("{Dense: {units: 8, activation: gelu}}]", "{Dense: {units: 8, activation: gelu}}, ReLU]")
    assert [tuple(each) for each in entries(diff_of(REPEATED, inside))] == [
        ("+", "ReLU in all 3 copies (cell.re_lu, cell_1.re_lu, cell_2.re_lu)", ())
    ]
    assert [tuple(each) for each in entries(diff_of(REPEATED, REPEATED.replace("gelu", "relu")))] == [
        ("~", "Dense in all 3 copies (cell.dense, cell_1.dense, cell_2.dense)", ("activation gelu → relu",))
    ]
    assert [tuple(each) for each in entries(diff_of(REPEATED, REPEATED.replace("repeat: 3", "repeat: 5")))] == [
        ("+", "2 copies of cell (cell_3, cell_4)", ("3 steps, 88 parameters each",))
    ]
    single = "inputs: {x: 4}\nlayers:\n- {repeat: 2, layers: [{Dense: 4}]}\n- {Dense: 3, name: out}"
    assert [tuple(each) for each in entries(diff_of(single, single.replace("repeat: 2", "repeat: 3")))] == [
        ("+", "Dense dense_2", ("units 4", "from dense_1 to out"))
    ]
