"""Initial values are Keras's own, bit for bit: every initializer, shape, dtype and seed, and the gallery's models."""

from __future__ import annotations

import math
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kspec import api
from kspec.model import draws, initial
from kspec.model.draws import PIECE, Draw, can_draw, draw
from tests.conftest import SPECS
from tests.model import twins
from tests.model.twins import keras
from tests.spec.fuzzing import examples

of = keras.initializers

RANDOM = {
    "RandomNormal": lambda seed: of.RandomNormal(0.3, 2, seed=seed),
    "RandomNormal of a small deviation": lambda seed: of.RandomNormal(stddev=1e-30, seed=seed),
    "TruncatedNormal": lambda seed: of.TruncatedNormal(-7, 0.01, seed=seed),
    "RandomUniform": lambda seed: of.RandomUniform(-3, 0.1, seed=seed),
    "RandomUniform of one number": lambda seed: of.RandomUniform(2, 2, seed=seed),
    "VarianceScaling": lambda seed: of.VarianceScaling(3.0, "fan_avg", "untruncated_normal", seed=seed),
    "VarianceScaling along axes": lambda seed: of.VarianceScaling(input_axes=[-1], output_axes=[0], seed=seed),
    "GlorotUniform": lambda seed: of.GlorotUniform(seed=seed),
    "GlorotNormal": lambda seed: of.GlorotNormal(seed=seed),
    "HeNormal": lambda seed: of.HeNormal(seed=seed),
    "HeUniform": lambda seed: of.HeUniform(seed=seed),
    "LecunNormal": lambda seed: of.LecunNormal(seed=seed),
    "LecunUniform": lambda seed: of.LecunUniform(seed=seed),
    "Orthogonal": lambda seed: of.Orthogonal(0.7, seed=seed),
}
FIXED = {
    "Zeros": of.Zeros(),
    "Ones": of.Ones(),
    "Constant": of.Constant(0.1),
    "Constant, whole": of.Constant(3),
    "Constant, infinite": of.Constant(-math.inf),
    "Constant, tiny": of.Constant(1e-44),
    "Identity": of.Identity(0.3),
}
SHAPES = [(1, 1), (3, 3, 7, 13), (257, 311)]


def put_off(initializer: Any, shape: tuple[int, ...], dtype: str) -> Any:
    """A variable whose value waited."""
    with initial.values_put_off():
        return keras.Variable(initializer, shape=shape, dtype=dtype)


def assert_keras_s(variable: Any, value: Any) -> None:
    """A variable has the value that an initializer gives, and is as if it had never waited."""
    assert (variable._value.dtype, variable._value.shape) == (value.dtype, value.shape)
    assert np.asarray(variable._value).tobytes() == np.asarray(value).tobytes()
    assert (variable._value.committed, variable._value.weak_type) == (value.committed, value.weak_type)
    assert variable._initializer is None


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", RANDOM)
def test_every_random_initializer(name: str, shape: tuple[int, ...]) -> None:
    for seed in (0, 2**32 - 1):
        made = RANDOM[name](seed)
        assert_keras_s(put_off(made, shape, "float32"), made(shape, dtype="float32"))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["RandomNormal", "GlorotUniform", "HeNormal"])
def test_random_initializers_in_sixteen_bits(name: str, dtype: str) -> None:
    made = RANDOM[name](7)
    assert_keras_s(put_off(made, (5, 3), dtype), made((5, 3), dtype=dtype))


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        (name, dtype)
        for name in FIXED
        for dtype in ("float32", "float16", "bfloat16", "int32", "uint8", "int8", "bool")
        if "float" in dtype or name != "Constant, infinite"  # among whole numbers there is none
    ],
)
def test_every_initializer_without_chance(name: str, dtype: str) -> None:
    made = FIXED[name]
    for shape in [(2, 3)] if name == "Identity" else [(), (3,), (0, 2), (2, 3, 4)]:
        assert_keras_s(put_off(made, shape, dtype), made(shape, dtype=dtype))


KINDS = ["normal", "truncated_normal", "uniform"]
numbers = st.floats(-1e3, 1e3, width=32) | st.integers(-9, 9)


@given(
    st.sampled_from(KINDS),
    st.lists(st.integers(0, 40), max_size=4).map(tuple),
    numbers,
    numbers,
    st.integers(0, 2**32 - 1),
)
@examples(25)
def test_a_shape_only_cuts_the_numbers(kind: str, shape: tuple[int, ...], first: Any, second: Any, seed: int) -> None:
    asked = Draw(kind, shape, first, second, "float32", seed)
    assert can_draw(asked)
    theirs = getattr(keras.src.backend.random, kind)(shape, first, second, dtype="float32", seed=seed)
    ours = draw(asked)
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
    assert np.asarray(ours).tobytes() == np.asarray(theirs).tobytes()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [PIECE - 1, PIECE, PIECE + 1, 17 * PIECE + 3])
def test_many_pieces(kind: str, size: int) -> None:
    theirs = getattr(keras.random, kind)((size,), -0.5, 0.25, seed=3)
    assert np.asarray(draw(Draw(kind, (size,), -0.5, 0.25, "float32", 3))).tobytes() == np.asarray(theirs).tobytes()


def test_bits_beyond_four_billion_numbers() -> None:
    """JAX's own function, of key and places, where no array is so large."""
    from jax.extend.random import threefry_2x32

    places = np.arange(8, dtype=np.uint32) + np.uint32(2**32 - 8)
    for upper in (0, 1, 77):
        halves = np.concatenate([np.full(8, upper, np.uint32), places])
        one, other = np.split(np.asarray(threefry_2x32(np.array([5, 0], np.uint32), halves)), 2)
        start = np.array([5, 0, upper, 2**32 - 8], np.uint32)
        assert np.asarray(draws._random_bits(start, 32, (8,))).tolist() == (one ^ other).tolist()


def test_jax_s_older_numbers_are_left_to_jax() -> None:
    """There a number depends on how many there are."""
    made = of.HeNormal(seed=1)
    usual = np.asarray(made((9, 5)))
    with jax.threefry_partitionable(False):
        theirs = made((9, 5))
        assert np.asarray(theirs).tobytes() != usual.tobytes()
        assert_keras_s(put_off(made, (9, 5), "float32"), theirs)


# -- whole models ----------------------------------------------------------------------------------------------------

QUICK = ("digits_mlp", "digits_cnn", "lstm_states", "mixed_precision", "vae")
GALLERY = [
    pytest.param(path, marks=[] if path.stem in QUICK else [pytest.mark.slow], id=path.stem)
    for path in sorted(SPECS.glob("*.yaml"))
    if path.stem != "large_decoder"
]


@pytest.mark.parametrize("path", GALLERY)
def test_the_gallery_s_weights_are_those_that_keras_computes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same walk with Keras's own initializers; test_random_models holds the walk itself against plain Keras."""
    spec = api.load(path, trust=["custom_layers"], sets=["seed=11"])
    ours = spec.build()
    monkeypatch.setattr("kspec.model.build.values_put_off", nullcontext)
    monkeypatch.setattr("kspec.model.archive.values_put_off", nullcontext)
    twins.assert_same_weights(ours, spec.build())


@pytest.mark.slow
def test_resnet50_s_weights_are_those_of_keras_applications() -> None:
    ours = api.load(SPECS / "resnet50.yaml", sets=["seed=7"]).build()
    twin = twins.in_fresh_keras(lambda: keras.applications.ResNet50(weights=None), 7)
    for (path, one), (_, other) in zip(twins.values(ours), twins.values(twin), strict=True):  # names are the spec's own
        assert one.tobytes() == other.tobytes(), path


@pytest.mark.parametrize("seed", [0, 2**32 - 1])
@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16", "bfloat16"])
def test_a_script_s_weights_under_every_policy(policy: str, seed: int) -> None:
    ours = twins.built(f"""
    seed: {seed}
    dtype_policy: {policy}
    inputs: {{x: [6, 4]}}
    layers:
      - Conv1D: {{filters: 3, kernel_size: 6}}
      - BatchNormalization
      - Dropout: 0.5
      - Dense: {{units: 5, kernel_initializer: he_normal, bias_initializer: {{RandomUniform: {{seed: 3}}}}}}
    """)

    def script() -> Any:
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(policy)
        try:
            x = keras.Input((6, 4))
            y = keras.layers.BatchNormalization()(keras.layers.Conv1D(3, 6)(x))
            y = keras.layers.Dropout(0.5)(y)
            head = {"dtype": "float32"} if policy != "float32" else {}
            bias = of.RandomUniform(seed=3)
            dense = keras.layers.Dense(5, kernel_initializer="he_normal", bias_initializer=bias, **head)
            return keras.Model(x, dense(y))
        finally:
            keras.config.set_dtype_policy(before)

    twins.assert_same_weights(ours, twins.in_fresh_keras(script, seed))


def test_without_a_seed_no_two_models_are_alike() -> None:
    spec = twins.loaded(
        "inputs: {x: 300}\nlayers: [{Dense: 200}, {Dense: {units: 100, kernel_initializer: he_normal}}]"
    )
    one, other = ([np.asarray(variable.value) for variable in spec.build().weights] for _ in range(2))
    assert not np.array_equal(one[0], other[0])
    assert not np.array_equal(one[2], other[2])
    limit = math.sqrt(6 / 500)  # https://proceedings.mlr.press/v9/glorot10a.html, equation 16
    assert np.abs(one[0]).max() <= limit
    assert np.std(one[0]) == pytest.approx(limit / math.sqrt(3), rel=0.02)
    assert np.std(one[2]) == pytest.approx(math.sqrt(2 / 200), rel=0.03)  # https://arxiv.org/abs/1502.01852
    assert abs(np.mean(one[2])) < 0.003
    assert one[1].tolist() == [0] * 200
