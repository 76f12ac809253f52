"""`lora` and `quantize` against the same done with Keras itself: weights, numbers, files, training."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kspec
from kspec import catalog
from kspec.diagnostics import SpecError, UsageError
from kspec.model.private import layers_in
from kspec.model.quiet import without_keras_warnings
from kspec.model.save import save
from kspec.spec.adapting import having
from kspec.spec.graph import Lora, Quantize
from tests.conftest import SPECS, run_kspec
from tests.model.twins import keras

SPEC = """\
kspec: 1
name: small
seed: 3
inputs: {tokens: {shape: [6], dtype: int32}}
layers:
  - Embedding: {input_dim: 9, output_dim: 8}
  - Conv1D: {filters: 8, kernel_size: 3, activation: relu}
  - EinsumDense: {equation: "abc,cd->abd", output_shape: [4, 8], bias_axes: d}
  - LayerNormalization
  - Flatten
  - Dense: {units: 8, activation: relu}
  - Dense: 4
    name: kind
compile: {optimizer: {SGD: 0.01}, loss: {SparseCategoricalCrossentropy: {from_logits: true}}}
fit: {epochs: 2, batch_size: 16}
"""
LONG = pytest.mark.slow
"""XLA compiles what quantizes, and what is quantized, operation by operation."""
ENDINGS = (".keras", ".weights.h5", ".safetensors")
QUICK = [*(("lora: 2", ending) for ending in ENDINGS), ("quantize: int8", ".keras"), ("quantize: float8", ".keras")]
REST = [(change, ending) for change in ("quantize: int8", "quantize: int4\nlora: 2") for ending in ENDINGS]
REST.remove(QUICK[3])
TOKENS = np.random.default_rng(1).integers(0, 9, (64, 6)).astype("int32")
KINDS = TOKENS[:, 0] % 4


def spec(change: str = "", text: str = SPEC) -> Any:
    return kspec.loads(text.replace("inputs:", f"{change}\ninputs:") if change else text)


def model() -> Any:
    """The spec's model as a script makes it."""
    keras.utils.set_random_seed(3)
    tokens = keras.Input((6,), dtype="int32", name="tokens")
    x = keras.layers.Embedding(9, 8, name="embedding")(tokens)
    x = keras.layers.Conv1D(8, 3, activation="relu", name="conv1d")(x)
    x = keras.layers.EinsumDense("abc,cd->abd", output_shape=(4, 8), bias_axes="d", name="einsum_dense")(x)
    x = keras.layers.Flatten(name="flatten")(keras.layers.LayerNormalization(name="layer_normalization")(x))
    x = keras.layers.Dense(8, activation="relu", name="dense")(x)
    return keras.Model(tokens, keras.layers.Dense(4, name="kind")(x), name="small")


def adapted(made: Any, rank: int = 2, **more: Any) -> Any:
    for layer in made.layers:
        if hasattr(layer, "enable_lora"):
            layer.enable_lora(rank, **more)
    return made


def same(one: Any, other: Any) -> None:
    assert [(each.path, each.dtype, each.trainable) for each in one.weights] == [
        (each.path, each.dtype, each.trainable) for each in other.weights
    ]
    for mine, its in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(mine.value, its.value, err_msg=mine.path)
    np.testing.assert_array_equal(one(TOKENS), other(TOKENS))


def quantized(made: Any, mode: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made.quantize(mode)
    return made


# -- built -------------------------------------------------------------------------------------------------------------


def test_lora_is_keras_own() -> None:
    same(spec("lora: 2").build(), adapted(model()))
    found, own = spec("lora: {rank: 2, lora_alpha: 6}").build(), adapted(model(), lora_alpha=6)
    same(found, own)
    for each in (found, own):
        for layer in each.layers:
            if hasattr(layer, "lora_kernel_b") or hasattr(layer, "lora_embeddings_b"):
                b = layer.lora_kernel_b if hasattr(layer, "lora_kernel_b") else layer.lora_embeddings_b
                b.assign(np.full(b.shape, 0.1, "float32"))
    np.testing.assert_array_equal(found(TOKENS), own(TOKENS))
    assert found.get_layer("dense").lora_alpha == 6


@pytest.mark.parametrize("mode", ["int8", "float8", pytest.param("int4", marks=LONG)])
def test_quantized_is_keras_own(mode: str) -> None:
    same(spec(f"quantize: {mode}").build(), quantized(model(), mode))
    if mode == "float8":
        with pytest.raises(SpecError, match="no LoRA in float8"):
            spec("quantize: float8\nlora: 2")
    else:
        same(spec(f"quantize: {mode}\nlora: 2").build(), adapted(quantized(model(), mode)))


@pytest.mark.parametrize(
    "change",
    [
        *("lora: 2", "quantize: float8", "quantize: int8"),
        *(pytest.param(each, marks=LONG) for each in ("lora: 2\nquantize: int4", "quantize: int4")),
    ],
)
def test_nothing_is_computed_to_know_it(change: str) -> None:
    """Shapes, dtypes, what is trained: the same without values."""
    loaded = spec(change)
    (known, _), plan = loaded.abstract()[:2], loaded.plan()
    built = loaded.build()
    told = [(each.path, tuple(each.shape), each.dtype, each.trainable) for each in built.weights]
    assert [(each.path, tuple(each.shape), each.dtype, each.trainable) for each in known.model.weights] == told
    assert plan.params == sum(int(np.prod(each.shape)) for each in built.weights)
    assert plan.trainable == sum(int(np.prod(each.shape)) for each in built.trainable_weights)
    assert plan.weight_bytes == sum(each.value.nbytes for each in built.weights)


def test_attention_and_wrappers() -> None:
    text = """\
kspec: 1
inputs: {x: [5, 8]}
layers:
  - MultiHeadAttention: {num_heads: 2, key_dim: 4}
    from: {query: x, value: x}
    lora: 2
  - TimeDistributed: {Dense: 8}
    quantize: int8
  - Bidirectional: {LSTM: 3}
"""
    made = kspec.loads(text).build()
    attention, wrapper = made.layers[1:3]
    assert [each.lora_enabled for each in layers_in(attention) if hasattr(each, "enable_lora")] == [True] * 4
    assert wrapper.layer.kernel.dtype == "int8"
    kept = kspec.loads(text.replace("lora: 2", "quantize: int8")).build()
    with pytest.raises(UsageError, match="`multi_head_attention` is quantized inside"):
        save(kept, Path("a.keras"))


def test_every_layer_that_has_it_is_known() -> None:
    """What the catalogue's arguments say is what Keras's classes have."""
    for name in catalog.names("layers"):
        cls = getattr(keras.layers, name, None)
        if cls is None or not isinstance(cls, type):
            continue
        assert (name in having(Lora(1, None, ()))) == hasattr(cls, "enable_lora"), name
        assert (name in having(Quantize("int8", ()))) == (cls.quantize is not keras.layers.Layer.quantize), name
    layer = keras.layers.Embedding(3, 4)
    layer.build()
    with pytest.raises(NotImplementedError):
        layer.quantize("float8")


# -- weights and files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("change", "ending"), [*QUICK[:4], *(pytest.param(*each, marks=LONG) for each in REST)])
def test_weights_come_first(change: str, ending: str, in_tmp: Path) -> None:
    """Those of the plain model are loaded before LoRA is added, which learns from there; before they are quantized."""
    save(spec("", SPEC.replace("seed: 3", "seed: 8")).build(), Path(f"base{ending}"))
    found = spec(f"weights: base{ending}\n{change}").build()
    own = model()
    other = spec("", SPEC.replace("seed: 3", "seed: 8")).build()
    for mine, its in zip(own.weights, other.weights, strict=True):
        mine.assign(its)
    if "int" in change:
        quantized(own, "int8" if "int8" in change else "int4")
    if "lora" in change:
        adapted(own)
        a = found.get_layer("dense").lora_kernel_a
        assert np.abs(np.asarray(a.value)).max() > 0  # Keras's own loading makes it zero, and then nothing is learned
    np.testing.assert_array_equal(found(TOKENS), own(TOKENS))


@pytest.mark.parametrize(("change", "ending"), [*QUICK, *(pytest.param(*each, marks=LONG) for each in REST)])
def test_its_own_file_fits(change: str, ending: str, in_tmp: Path) -> None:
    made = spec(change).build()
    for layer in made.layers:
        if getattr(layer, "lora_enabled", False) and hasattr(layer, "lora_kernel_b"):
            layer.lora_kernel_b.assign(np.full(layer.lora_kernel_b.shape, 0.25, "float32"))
    save(made, Path(f"own{ending}"))
    again = spec(f"weights: own{ending}\n{change}", SPEC.replace("seed: 3", "seed: 9")).build()
    merged = "int4" in change and ending != ".safetensors"  # Keras merges into the four bits that there are
    np.testing.assert_allclose(again(TOKENS), made(TOKENS), rtol=0, atol=0.5 if merged else 1e-5)
    if ending == ".keras":
        with without_keras_warnings():
            plain = keras.saving.load_model("own.keras")
        np.testing.assert_allclose(plain(TOKENS), again(TOKENS), rtol=0, atol=1e-5)
        assert [each.dtype_policy.name for each in plain.layers] == [each.dtype_policy.name for each in made.layers]
        audit = kspec.audit("own.keras")
        assert audit["admitted"], audit
        listed = {each.path: each.dtype for each in kspec.list_weights("own.keras").entries}
        assert listed["dense/kernel"] == str(made.get_layer("dense")._kernel.dtype)


# -- trained -----------------------------------------------------------------------------------------------------------


def fit(change: str, output: str, *more: str) -> Any:
    Path("small.yaml").write_text(SPEC.replace("inputs:", f"{change}\ninputs:"), encoding="utf-8")
    np.savez("data.npz", tokens=TOKENS, kind=KINDS)
    return run_kspec("fit", "small.yaml", "--data", "data.npz", "-o", output, "-q", *more)


@pytest.mark.parametrize(
    "change", ["lora: 2", *(pytest.param(each, marks=LONG) for each in ("quantize: int8\nlora: 2", "quantize: float8"))]
)
def test_training_is_keras_own(change: str, in_tmp: Path) -> None:
    """kspec's loop changes what Keras's own changes: LoRA alone where a kernel is frozen, float8's scales too."""
    made, own = spec(change).build(), spec(change).build()
    before = {each.path: np.array(each.value) for each in made.weights}
    assert fit(change, "run").text == "exit 0\n"
    own.fit(TOKENS, KINDS, epochs=2, batch_size=16, shuffle=False, verbose=0)
    changed = {each.path for each in own.weights if (np.asarray(each.value) != before[each.path]).any()}
    frozen = {each.path for each in own.weights if not each.trainable}
    assert not changed & frozen
    if "lora" in change:
        assert {"dense/lora_kernel_a", "dense/lora_kernel_b", "kind/bias"} <= changed
        assert {"dense/kernel", "conv1d/kernel"} <= frozen
    history = [json.loads(line)["loss"] for line in Path("run/history.jsonl").read_text().splitlines()]
    assert history[1] < history[0]
    scores = run_kspec("evaluate", "run", "--data", "data.npz", "--json")
    assert scores.status == 0, scores.text
    with without_keras_warnings():
        plain = keras.saving.load_model("run/model.keras")
    assert json.loads(scores.out)["loss"] == pytest.approx(plain.evaluate(TOKENS, KINDS, verbose=0), rel=1e-4)


@pytest.mark.parametrize("change", ["lora: 2", pytest.param("quantize: int8\nlora: 2", marks=LONG)])
def test_resumed_is_unbroken(change: str, in_tmp: Path) -> None:
    assert fit(change, "whole", "--epochs", "3").status == 0
    assert fit(change, "parts", "--epochs", "1").status == 0
    assert run_kspec("fit", "--resume", "parts", "--epochs", "3", "-q").text == "exit 0\n"
    assert not kspec.diff_weights("whole", "parts")
    assert not kspec.diff_weights("whole/model.weights.h5", "parts/model.weights.h5")
    one, other = (
        [json.loads(line)["loss"] for line in Path(run, "history.jsonl").read_text().splitlines()]
        for run in ("whole", "parts")
    )
    assert one == other


@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_whole_numbers_do_not_learn(mode: str, in_tmp: Path) -> None:
    outcome = fit(f"quantize: {mode}", "run")
    assert outcome.status == 1
    assert f"small.yaml:4:11: error[not-supported] {mode} is for models that are trained" in outcome.err
    assert not Path("run").exists()
    frozen = SPEC.replace("    name: kind", "    name: kind\n    quantize: int8\n    trainable: false")
    assert spec("", frozen).check_trained() is None


@LONG
def test_evaluating_a_run_quantized(in_tmp: Path) -> None:
    """A spec quantizes what was trained without."""
    assert fit("", "run").status == 0
    scores = [
        json.loads(
            run_kspec(
                "evaluate", "small.yaml", "--weights", "run/model.weights.h5", "--data", "data.npz", "--json", *more
            ).out
        )
        for more in ([], ["--set", "quantize=int8"], ["--set", "layers.kind.quantize=int4"])
    ]
    assert scores[0] != scores[1] != scores[2]
    assert scores[1]["loss"] == pytest.approx(scores[0]["loss"], rel=0.1)


def test_a_gallery_spec_with_lora() -> None:
    plan = kspec.load(SPECS / "decoder.yaml", sets=["lora=4", "expect=null"]).plan()
    whole = kspec.load(SPECS / "decoder.yaml").plan()
    assert plan.trainable < whole.params < plan.params


def test_a_problem_has_its_place() -> None:
    with pytest.raises(SpecError) as caught:
        spec("lora: 9").build()
    assert all(problem.span is not None and problem.span.line == 4 for problem in caught.value.problems)


def test_what_changed_is_told(in_tmp: Path) -> None:
    Path("a.yaml").write_text(SPEC.replace("    name: kind", "    name: kind\n    lora: 2"), encoding="utf-8")
    Path("b.yaml").write_text(
        SPEC.replace("    name: kind", "    name: kind\n    lora: {rank: 2, lora_alpha: 4}\n    quantize: int8"),
        encoding="utf-8",
    )
    found = kspec.diff("a.yaml", "b.yaml")
    changed = {change.path: (change.before, change.after) for each in found.steps for change in each.changes}
    assert changed == {"lora": (2, {"rank": 2, "lora_alpha": 4}), "dtype": ("float32", "int8_from_float32")}
    sliced = kspec.load("b.yaml").slice("kind")
    assert "lora: {rank: 2, lora_alpha: 4}" in sliced
    assert "quantize: int8" in sliced


@pytest.mark.parametrize("word", ["lora: 2", "quantize: int8"])
def test_a_saved_model_is_adapted_inside(word: str, in_tmp: Path) -> None:
    """Every layer in it that has it; and where none has, that is told."""
    for name, layer in (("dense", "Dense: 4"), ("norm", "LayerNormalization")):
        text = (
            f"kspec: 1\ninputs: {{x: 6}}\nlayers: [{{{layer}}}]\n"
            if ":" in layer
            else "kspec: 1\ninputs: {x: 6}\nlayers: [LayerNormalization]\n"
        )
        save(kspec.loads(text).build(), Path(f"{name}.keras"))
    text = f"kspec: 1\ninputs: {{x: 6}}\nlayers:\n  - model: NAME.keras\n    {word}\n"
    made = kspec.loads(text.replace("NAME", "dense")).build()
    inside = [each for each in layers_in(made) if isinstance(each, keras.layers.Dense)]
    assert [(each.lora_enabled, each.quantization_mode) for each in inside] == [
        (True, None) if "lora" in word else (False, "int8")
    ]
    with pytest.raises(SpecError, match=r"finds no layer that has it") as caught:
        kspec.loads(text.replace("NAME", "norm")).plan()
    assert caught.value.problems[0].span is not None
    assert caught.value.problems[0].span.line == 5
