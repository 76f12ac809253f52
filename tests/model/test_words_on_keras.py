"""kspec's words beside the steps, on real Keras models: freezing, policies, weights, saved models, own code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kspec
from kspec.model.backend import load_keras
from kspec.model.quiet import without_keras_warnings

keras = load_keras()


def build(text: str, **options: Any) -> Any:
    return kspec.loads("kspec: 1\n" + text, **options).build()


def weights(model: Any) -> list[Any]:
    with without_keras_warnings():
        return [np.asarray(weight) for weight in model.get_weights()]


CHAIN = """
inputs: {x: 4}
seed: 1
layers:
  - Dense: {units: 5, activation: relu}
    name: body
  - Dense: 2
    name: head
"""


def test_trainable_freezes_layers_blocks_and_nested_models() -> None:
    model = build("""
inputs: {x: 4}
blocks:
  plain: {layers: [{Dense: 3}, {Dense: 3}]}
  inner: {nested: true, layers: [{Dense: 3}]}
layers:
  - plain:
    trainable: false
  - inner:
    trainable: false
  - Dense: 3
    trainable: false
  - Dense: 1
""")
    assert len(model.trainable_weights) == 2
    assert len(model.non_trainable_weights) == 8


@pytest.mark.parametrize(("policy", "compute"), [("mixed_float16", "float16"), ("mixed_bfloat16", "bfloat16")])
def test_mixed_precision_keeps_heads_in_float32(policy: str, compute: str) -> None:
    model = build(f"""
dtype_policy: {policy}
inputs: {{x: 4}}
blocks: {{end: {{nested: true, layers: [{{Dense: 3}}, {{Activation: softmax}}]}}}}
layers:
  - Dense: 5
    name: body
  - Dense: 5
    name: own
    dtype: float32
  - Dense: 5
    name: last
  - end:
    name: kind
    from: body
  - ops.softmax:
    name: other
    from: last
outputs: [kind, other]
compile: {{optimizer: adam, loss: {{kind: mse, other: mse}}}}
""")
    assert model.get_layer("body").compute_dtype == compute
    assert model.get_layer("body").variable_dtype == "float32"
    assert model.get_layer("own").compute_dtype == "float32"
    assert [str(output.dtype) for output in model.outputs] == ["float32", "float32"]
    assert model.output_names == ["kind", "other"]
    scaled = type(model.optimizer).__name__ == "LossScaleOptimizer"
    assert scaled is (policy == "mixed_float16")


def test_weights_beside_a_step_and_at_the_top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    trained = build(CHAIN)
    kernel, bias, *_ = weights(trained)
    np.savez("body.npz", kernel=kernel, bias=bias)
    np.save("table.npy", np.arange(12, dtype="float32").reshape(6, 2))
    with without_keras_warnings():
        trained.save_weights("whole.weights.h5")
        trained.save("whole.keras")
    other = CHAIN.replace("seed: 1", "seed: 2")
    beside = build(other.replace("    name: body\n", "    name: body\n    weights: body.npz\n"))
    assert np.array_equal(weights(beside)[0], kernel)
    assert not np.array_equal(weights(beside)[2], weights(trained)[2])
    for file in ("whole.weights.h5", "whole.keras"):
        top = build(other + f"weights: {file}\n")
        assert all(map(np.array_equal, weights(top), weights(trained)))
    table = build(
        "inputs: {t: {shape: [3], dtype: int32}}\nlayers:\n  - Embedding: [6]\n".replace(
            "[6]", "{input_dim: 6, output_dim: 2}\n    weights: table.npy"
        )
    )
    assert weights(table)[0][5].tolist() == [10.0, 11.0]
    with pytest.raises(kspec.SpecError) as caught:
        build(
            CHAIN.replace("units: 5", "units: 6").replace("    name: body\n", "    name: body\n    weights: body.npz\n")
        )
    assert [problem.code for problem in caught.value.problems] == ["weights"]


def test_a_normalization_computes_with_the_arrays_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("n.npz", mean=np.full(4, 5, "float32"), variance=np.full(4, 4, "float32"), count=np.int32(7))
    model = build("inputs: {x: 4}\nlayers: [{Normalization: {}, weights: n.npz}]\n")
    assert np.asarray(model(np.full((1, 4), 9, "float32"))).tolist() == [[2.0] * 4]


def test_saved_models_and_specs_as_layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    trained = build(CHAIN)
    with without_keras_warnings():
        trained.save("chain.keras")
    Path("chain.yaml").write_text("kspec: 1\n" + CHAIN, encoding="utf-8")
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    for file, same in (("chain.keras", True), ("chain.yaml", False)):
        model = build(
            f"inputs: {{x: 4}}\nlayers:\n  - model: {file}\n    output: body\n    trainable: false\n  - Dense: 1\n"
        )
        assert len(model.trainable_weights) == 2
        cut = model.layers[1]
        wanted = np.maximum(x @ weights(trained)[0] + weights(trained)[1], 0)
        assert np.allclose(cut(x), wanted, atol=1e-6) is same


CODE = '''
import keras
from keras import ops


class Scale(keras.layers.Layer):
    """Times a learned number."""

    def __init__(self, start=1.0, **kwargs):
        super().__init__(**kwargs)
        self.start = start

    def build(self, shape):
        self.factor = self.add_weight(name="factor", shape=(), initializer=keras.initializers.Constant(self.start))

    def call(self, x):
        return x * self.factor

    def get_config(self):
        return {**super().get_config(), "start": self.start}


def off_by(y_true, y_pred):
    return ops.mean(ops.abs(y_true - y_pred), axis=-1)


class Off(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return off_by(y_true, y_pred)


class Counting(keras.Model):
    steps = 0

    def compute_loss(self, *args, **kwargs):
        Counting.steps += 1
        return super().compute_loss(*args, **kwargs)
'''
CUSTOM = """
custom: [my_parts.layers]
class: my_parts.layers.Counting
inputs: {x: 4}
layers:
  - Scale: 3.0
  - Dense: 1
    name: y
compile: {optimizer: sgd, loss: LOSS, metrics: [off_by]}
fit: {epochs: 1}
"""


def test_code_of_one_s_own_runs_only_when_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    package = tmp_path / "my_parts"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "layers.py").write_text(CODE, encoding="utf-8")
    with pytest.raises(kspec.SpecError) as caught:
        build(CUSTOM.replace("LOSS", "Off"))
    assert {problem.code for problem in caught.value.problems} == {"untrusted-code"}
    assert "my_parts" not in sys.modules
    np.savez("data.npz", x=np.ones((8, 4), "float32"), y=np.ones((8, 1), "float32"))
    for loss in ("Off", "off_by"):
        spec = kspec.loads("kspec: 1\n" + CUSTOM.replace("LOSS", loss), trust=["my_parts"])
        result = spec.fit("data.npz", output=f"run_{loss}")
        assert type(result.model).__name__ == "Counting"
        assert result.model.layers[1].start == 3.0
        assert result.history[0]["off_by"] == pytest.approx(result.history[0]["loss"], rel=1e-5)
        assert type(result.model).steps > 0


def test_a_saved_model_loads_where_kspec_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with without_keras_warnings():
        build(CHAIN).save("model.keras")
    code = (
        "import sys; sys.modules['kspec'] = None\nimport keras\n"
        "model = keras.saving.load_model('model.keras'); assert model.count_params() == 37, model.count_params()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("steps", ["- repeat: 10_000\n    layers: [{Dense: 4}]", "\n  ".join(["- Dense: 4"] * 10_000)])
def test_ten_thousand_layers(steps: str) -> None:
    text = f"kspec: 1\ninputs: {{x: 4}}\nlayers:\n  {steps.replace('10_000', '10000')}\n"
    assert kspec.loads(text).plan().params == 10_000 * 20


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16", "bfloat16"])
def test_heads_stay_float32_under_every_short_policy(policy: str) -> None:
    text = f"dtype_policy: {policy}\ninputs: {{x: 4}}\nlayers: [{{Dense: 3}}, {{Dense: 2}}]\n"
    first, last = build(text).layers[-2:]
    assert first.compute_dtype == policy.removeprefix("mixed_")
    assert (last.compute_dtype, last.variable_dtype) == ("float32", "float32")
    chosen = build(text.replace("{Dense: 2}", "{Dense: 2, dtype: " + policy + "}")).layers[-1]
    assert chosen.dtype_policy.name == policy


@pytest.mark.parametrize("structure", ["list", "mapping"])
def test_a_saved_model_takes_its_inputs_by_name(in_tmp: Path, structure: str) -> None:
    a, b = keras.Input((3,), name="a"), keras.Input((2,), name="b")
    end = keras.layers.Concatenate()([keras.layers.Dense(2)(a), b])
    with without_keras_warnings():
        keras.Model({"a": a, "b": b} if structure == "mapping" else [a, b], end).save("two.keras")
    text = "inputs: {x: 2, y: 3}\nlayers:\n  - model: two.keras\n    from: {b: x, a: y}\n"
    model, twin = build(text), keras.saving.load_model("two.keras")
    x, y = np.ones((4, 2), "float32"), np.full((4, 3), 2.0, "float32")
    expected = twin({"a": y, "b": x} if structure == "mapping" else [y, x])
    assert np.asarray(model([x, y])).tobytes() == np.asarray(expected).tobytes()
    with pytest.raises(kspec.SpecError) as caught:
        build(text.replace("a: y", "c: y"))
    assert caught.value.problems[0].message == "`two` takes `a`, `b`, not `b`, `c`"


def test_an_activation_with_arguments_is_a_layer() -> None:
    """As in Keras, a layer may be an activation; in sixteen bits it keeps a head in float32."""
    text = (
        "kspec: 1\nseed: 3\ndtype_policy: mixed_float16\ninputs: {x: 4}\nlayers:\n"
        "  - Dense: {units: 5, activation: {LeakyReLU: 0.3}}\n  - Dense: {units: 3, activation: {Softmax: -1}}\n"
    )
    model = kspec.loads(text).build()
    hidden, head = model.layers[1:]
    assert isinstance(hidden.activation, keras.layers.LeakyReLU)
    assert hidden.activation.negative_slope == 0.3
    assert (hidden.compute_dtype, head.activation.compute_dtype) == ("float16", "float32")
    assert model.output.dtype == "float32"
    x = np.random.default_rng(3).normal(size=(2, 4)).astype("float32")
    plain = keras.ops.matmul(x, hidden.kernel)
    wanted = keras.ops.leaky_relu(plain, negative_slope=0.3)
    np.testing.assert_allclose(hidden(x), wanted, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("ending", ["yaml", "keras"])
def test_an_output_of_a_model_that_is_a_step_by_name(tmp_path: Path, ending: str) -> None:
    inner = (
        "kspec: 1\nseed: 1\ninputs: {x: 4}\nlayers:\n"
        "  - Dense: 3\n    name: zeta\n  - Dense: 2\n    name: alpha\n    from: x\n"
    )
    (tmp_path / "mapped.yaml").write_text(inner + "outputs: {zz: zeta, aa: alpha}\n", encoding="utf-8")
    (tmp_path / "listed.yaml").write_text(inner + "outputs: [zeta, alpha]\n", encoding="utf-8")
    for name in ("mapped", "listed"):
        model = kspec.load(tmp_path / f"{name}.yaml").build()
        with without_keras_warnings():
            model.save(tmp_path / f"{name}.keras")
    text = (
        f"kspec: 1\nseed: 1\ninputs: {{x: 4}}\nlayers:\n  - model: mapped.{ending}\n    name: m\n    from: x\n"
        f"  - model: listed.{ending}\n    name: l\n    from: x\n"
        "  - reuse: m\n    name: again\n    from: x\n"
        "outputs: {a: m.zz, b: m.aa, c: l.zeta, d: l.alpha, e: again.aa}\n"
    )
    made = kspec.loads(text, folder=tmp_path).build()(np.ones((1, 4), "float32"))
    assert {name: tuple(value.shape) for name, value in made.items()} == {
        "a": (1, 3),
        "b": (1, 2),
        "c": (1, 3),
        "d": (1, 2),
        "e": (1, 2),
    }
    with without_keras_warnings():
        np.testing.assert_array_equal(np.asarray(made["b"]), np.asarray(made["e"]))
    for wrong, message in (("m.z", "`m` has no output `z`"), ("l.q", "`l` has no output `q`")):
        with pytest.raises(kspec.SpecError) as caught:
            kspec.loads(text.replace("c: l.zeta", f"c: {wrong}"), folder=tmp_path).plan()
        assert caught.value.problems[0].message == message
