"""The catalogue as its readers see it: facts known by heart, look-ups, speed, and no Keras on the way."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from kspec import catalog
from kspec.catalog import Argument, Entry, Parameter


def entry(kind: str, name: str) -> Entry:
    found = catalog.find(kind, name)
    assert found is not None
    return found


def parameter(kind: str, name: str, which: str) -> Parameter:
    found = entry(kind, name).parameter(which)
    assert found is not None
    return found


def test_dense() -> None:
    dense = entry("layers", "Dense")
    assert [each.name for each in dense.parameters][:4] == ["units", "activation", "use_bias", "kernel_initializer"]
    assert [each.name for each in dense.parameters if each.required] == ["units"]
    assert parameter("layers", "Dense", "units")[:6] == ("units", True, None, "int", None, None)
    assert parameter("layers", "Dense", "units").doc == "Positive integer, dimensionality of the output space."
    assert parameter("layers", "Dense", "activation")[1:6] == (False, None, "null", None, "activations")
    assert parameter("layers", "Dense", "use_bias")[1:4] == (False, True, "bool")
    assert parameter("layers", "Dense", "kernel_initializer")[2:6] == ("glorot_uniform", "null", None, "initializers")
    assert {"name", "dtype", "trainable", "autocast", "activity_regularizer"} <= {
        each.name for each in dense.parameters
    }
    assert dense.parameter("unit") is None
    assert dense.call == (Argument("inputs", True, "one", None), Argument("training", False, None, None))
    assert not dense.open
    assert not dense.jax
    assert (dense.path, dense.config) == ("keras.layers.Dense", "keras.layers>Dense")


def test_conv2d() -> None:
    conv = entry("layers", "Conv2D")
    assert conv.identifiers == ("Convolution2D",)
    assert entry("layers", "Convolution2D") is conv
    assert [each.name for each in conv.parameters if each.required] == ["filters", "kernel_size"]
    assert parameter("layers", "Conv2D", "kernel_size").type == "int|list"
    assert parameter("layers", "Conv2D", "strides").default == [1, 1]
    padding = parameter("layers", "Conv2D", "padding")
    assert padding.choices == ("valid", "same")
    assert catalog.allows(padding, "SAME")
    assert not catalog.allows(padding, "causal")
    assert parameter("layers", "Conv1D", "padding").choices == ("valid", "same", "causal")
    assert parameter("layers", "Conv2D", "data_format").type == "str|null"
    assert conv.parameter("rank") is None


def test_multi_head_attention() -> None:
    attention = entry("layers", "MultiHeadAttention")
    assert [(each.name, each.required, each.tensor) for each in attention.call] == [
        ("query", True, "one"),
        ("value", True, "one"),
        ("key", False, "one"),
        ("query_mask", False, "one"),
        ("value_mask", False, "one"),
        ("key_mask", False, "one"),
        ("attention_mask", False, "one"),
        ("return_attention_scores", False, None),
        ("training", False, None),
        ("use_causal_mask", False, None),
    ]
    assert [each.name for each in attention.parameters if each.required] == ["num_heads", "key_dim"]


def test_lstm_and_its_wrappers() -> None:
    lstm = entry("layers", "LSTM")
    assert [each.name for each in lstm.parameters if each.required] == ["units"]
    assert lstm.parameter("cell") is None
    assert {"implementation", "zero_output_for_mask"} <= {each.name for each in lstm.parameters}
    assert lstm.argument("initial_state") == Argument("initial_state", False, "any", None)
    assert parameter("layers", "LSTM", "use_cudnn")[3:5] == ("str|bool", ("auto",))
    assert parameter("layers", "Bidirectional", "layer")[1:6] == (True, None, None, None, "layers")
    assert parameter("layers", "Bidirectional", "merge_mode")[2:5] == (
        "concat",
        "str|null",
        ("concat", "sum", "mul", "ave"),
    )
    assert parameter("layers", "RNN", "cell").object == "layers"


def test_merging_layers_take_a_list() -> None:
    for name in ("Add", "Concatenate", "Dot", "Subtract", "Attention"):
        assert entry("layers", name).call[0][1:3] == (True, "list"), name
    assert parameter("layers", "Concatenate", "axis")[2:4] == (-1, "int")
    assert entry("layers", "RMSNormalization").call == (Argument("x", True, "one", None),)


def test_functions() -> None:
    matmul = entry("ops", "ops.matmul")
    assert matmul.call == (Argument("x1", True, "any", None), Argument("x2", True, "any", None))
    assert matmul.parameters == ()
    assert matmul.identifiers == ("ops.numpy.matmul",)
    assert matmul.config == "keras.src.ops.numpy>Matmul"
    concatenate = entry("ops", "ops.concatenate")
    assert concatenate.call == (Argument("xs", True, "list", None),)
    assert [(each.name, each.default, each.type) for each in concatenate.parameters] == [("axis", 0, "int")]
    einsum = entry("ops", "ops.einsum")
    assert (einsum.variadic, einsum.call, einsum.open) == ("operands", (), True)
    assert [(each.name, each.required, each.type) for each in einsum.parameters] == [("subscripts", True, "str")]
    assert entry("ops", "ops.nn.relu").name == "ops.relu"
    assert entry("ops", "ops.linalg.norm").name == "ops.norm"
    assert entry("ops", "ops.image.resize").path == "keras.ops.image.resize"
    assert entry("ops", "ops.hard_swish").name == "ops.hard_silu"
    assert entry("ops", "ops.abs").config == "keras.src.ops.numpy>Absolute"
    assert [each.name for each in entry("ops", "ops.clip").parameters] == ["x_min", "x_max"]
    assert "Python function" in entry("ops", "ops.map").jax


def test_training_objects() -> None:
    adam = entry("optimizers", "adam")
    assert adam.name == "Adam"
    assert parameter("optimizers", "Adam", "learning_rate")[1:6] == (False, 0.001, "float", None, "schedules")
    assert not adam.open
    decay = entry("schedules", "CosineDecay")
    assert [each.name for each in decay.parameters if each.required] == ["initial_learning_rate", "decay_steps"]
    assert decay.path == "keras.optimizers.schedules.CosineDecay"
    loss = entry("losses", "sparse_categorical_crossentropy")
    assert loss.name == "SparseCategoricalCrossentropy"
    assert loss.parameters[0].name == "from_logits"
    assert parameter("losses", "SparseCategoricalCrossentropy", "reduction").type == "str|null"
    stopping = entry("callbacks", "EarlyStopping")
    assert [each.name for each in stopping.parameters][:3] == ["monitor", "min_delta", "patience"]
    assert parameter("callbacks", "EarlyStopping", "mode").choices == ("auto", "min", "max")
    assert parameter("callbacks", "EarlyStopping", "patience").type == "int"
    assert entry("losses", "mse").name == entry("metrics", "MSE").name == "MeanSquaredError"
    assert entry("initializers", "glorot_uniform").name == "GlorotUniform"
    assert entry("dtype_policies", "mixed_bfloat16").name == "DTypePolicy"
    assert entry("activations", "swish").name == "silu"


def test_look_ups() -> None:
    assert catalog.find("layers", "Denes") is None
    assert catalog.kinds_of("Dense") == ("layers",)
    assert catalog.kinds_of("CosineSimilarity") == ("losses", "metrics")
    assert catalog.kinds_of("mse") == ("losses", "metrics")
    assert catalog.kinds_of("nothing") == ()
    assert catalog.names("layers") == tuple(catalog.entries("layers"))
    assert list(catalog.names("layers")) == sorted(catalog.names("layers"))
    assert "Dense" in catalog.entries("layers")
    for look_up in (catalog.entries, catalog.names):
        with pytest.raises(KeyError):
            look_up("layer")


@pytest.mark.parametrize("kind", catalog.KINDS)
def test_no_two_entries_of_a_kind_share_a_name(kind: str) -> None:
    spelled = [name for each in catalog.entries(kind).values() for name in (each.name, *each.identifiers)]
    assert len(spelled) == len(set(spelled))
    for each in catalog.entries(kind).values():
        assert each.kind == kind
        assert each == catalog.find(kind, each.name)
        names = [parameter.name for parameter in each.parameters] + [argument.name for argument in each.call]
        assert len(names) == len(set(names)) or kind == "layers", each.name


@pytest.mark.parametrize("kind", catalog.KINDS)
def test_types_and_defaults_agree(kind: str) -> None:
    kinds = {"int", "float", "bool", "str", "list", "dict", "null"}
    for each in catalog.entries(kind).values():
        for one in each.parameters:
            assert one.type is None or set(one.type.split("|")) <= kinds, (each.name, one)
            assert one.object is None or one.object in catalog.KINDS, (each.name, one)
            assert not one.required or one.default is None
            json.dumps(one.default)
            if one.choices and isinstance(one.default, str):
                assert catalog.allows(one, one.default), (each.name, one)


def test_counts() -> None:
    """At least what Keras 3.15 has: 163 layer classes and 337 functions, aliases counted."""
    layers = [name for each in catalog.entries("layers").values() for name in (each.name, *each.identifiers)]
    functions = [name for each in catalog.entries("ops").values() for name in (each.name, *each.identifiers)]
    assert len(layers) >= 163
    assert len([name for name in functions if name.count(".") == 1]) >= 337


@pytest.mark.parametrize("kind", catalog.KINDS)
def test_a_reason_says_what_to_do(kind: str) -> None:
    for each in catalog.entries(kind).values():
        if each.jax:
            assert ":" in each.jax, (each.name, each.jax)
            assert each.jax[0].islower()
            assert each.jax[-1] not in ". "


def test_paths_of_callbacks_are_their_parameters() -> None:
    for name, which in catalog.PATHS.items():
        assert parameter("callbacks", name, which).type == "str"


def test_reading_imports_neither_keras_nor_numpy() -> None:
    script = (
        "import sys; from kspec import catalog; [list(catalog.entries(kind).values()) for kind in catalog.KINDS];"
        "print(sorted({'keras', 'jax', 'numpy', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_look_up_is_cheap_beside_parsing_the_file() -> None:
    """One entry costs less than parsing the kind's whole file, both cold; measured side by side, best of five."""

    def cold() -> float:
        start = time.perf_counter()
        store = catalog.Store(catalog.DATA)
        assert store.entries("layers")["Dense"].parameters
        return time.perf_counter() - start

    def whole() -> float:
        start = time.perf_counter()
        json.loads((catalog.DATA / "layers.json").read_text("utf-8"))
        return time.perf_counter() - start

    assert min(cold() for _ in range(5)) < min(whole() for _ in range(5))
