"""ONNX files compute what Keras computes, by ONNX Runtime itself, under the names and with the axes of the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import keras
import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kspec.convert.export import onnx as room
from kspec.convert.export.float32 import in_float32
from kspec.diagnostics import FileError
from kspec.exporting import export
from tests.convert.export.models import arrays_for, by_keras, by_onnxruntime, check_same, gallery, names

FEW = {
    "custom_layer": "what is traced down to JAX's operations",
    "two_headed_mlp": "sixteen bits, two outputs",
    "wide_and_deep": "tokens",
}


@pytest.mark.parametrize("name", names(FEW))
def test_gallery(name: str, tmp_path: Path) -> None:
    """Exported, and run here on batches of other sizes than those that were compared before it was written."""
    model = gallery(name)
    notes: list[str] = []
    found = export(model, tmp_path / "model.onnx", tell=notes.append)
    assert found.difference is not None
    assert found.difference <= 1e-5
    onnx.checker.check_model(tmp_path / "model.onnx", full_check=True)
    plain = in_float32(model) if notes else model
    assert bool(notes) is (name in ("two_headed_mlp", "mixed_precision", "weighted_heads"))
    for batch in (2, 7):
        arrays = arrays_for(model, batch)
        check_same(by_keras(plain, arrays), by_onnxruntime(tmp_path / "model.onnx", arrays))


APPLICATIONS = {
    "MobileNetV2": 64,
    "MobileNetV3Small": 64,
    "EfficientNetB0": 64,
    "ResNet50": 64,
    "DenseNet121": 64,
    "NASNetMobile": 64,
    "InceptionV3": 96,
    "VGG16": 64,
    "Xception": 96,
    "ConvNeXtTiny": 64,
}


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", APPLICATIONS)
def test_applications(name: str, tmp_path: Path) -> None:
    size = APPLICATIONS[name]
    keras.utils.set_random_seed(11)
    # Logits: behind a softmax over a thousand classes any number is small.
    how: dict[str, Any] = {"weights": None, "input_shape": (size, size, 3), "classifier_activation": None}
    model = getattr(keras.applications, name)(**how)
    found = export(model, tmp_path / "model.onnx")
    assert found.difference is not None
    assert found.difference <= 1e-5
    arrays = arrays_for(model, 2)
    (ours,), (theirs,) = by_keras(model, arrays).values(), by_onnxruntime(tmp_path / "model.onnx", arrays).values()
    # Fresh weights make small numbers of large ones: those are compared by their own size.
    assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(ours).max()


@given(data=st.data())
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_pooling_of_any_size(data: st.DataObject, tmp_path: Path) -> None:
    rank = data.draw(st.integers(1, 3))
    sizes = st.tuples(*[st.integers(1, 3)] * rank)
    kind = getattr(keras.layers, f"{data.draw(st.sampled_from(['Max', 'Average']))}Pooling{rank}D")
    padding = data.draw(st.sampled_from(["valid", "same"]))
    layer = kind(data.draw(sizes), strides=data.draw(st.none() | sizes), padding=padding)
    given = keras.Input((*(data.draw(st.integers(3, 7)) for _ in range(rank)), 2), name="x")
    model = keras.Model(given, layer(given))
    export(model, tmp_path / "model.onnx")
    arrays = arrays_for(model, 2)
    check_same(by_keras(model, arrays), by_onnxruntime(tmp_path / "model.onnx", arrays))


def test_names_stay_those_of_the_model(tmp_path: Path) -> None:
    """Also where the graph has values of these names, where an output is an input, or comes out twice."""
    x, y = keras.Input((3,), name="var_1"), keras.Input((None, 3), name="in_0")
    both = keras.layers.Add(name="sum")([x, keras.layers.GlobalAveragePooling1D()(y)])
    outputs = {"var_1": x, "out_0": both, "again": both, "const": keras.ops.relu(both)}
    model = keras.Model({"var_1": x, "in_0": y}, outputs)
    found = export(model, tmp_path / "model.onnx")
    assert [str(each) for each in found.inputs] == ["in_0 float32 (batch, in_0_1, 3)", "var_1 float32 (batch, 3)"]
    assert [str(each) for each in found.outputs] == [
        f"{name} float32 (batch, 3)" for name in ("again", "const", "out_0", "var_1_out")
    ]
    arrays = arrays_for(model, 4)
    expected = by_keras(model, arrays)
    made = by_onnxruntime(tmp_path / "model.onnx", arrays)
    assert list(made) == ["again", "const", "out_0", "var_1_out"]
    for name, array in made.items():
        np.testing.assert_allclose(array, expected[name.removesuffix("_out")], atol=1e-6)


def test_shapes_are_those_of_the_file(tmp_path: Path) -> None:
    """An output's axis has the name of the input's that it is as long as; where two must be equal, they have one."""
    x, y = keras.Input((None, 3), name="x"), keras.Input((None, 3), name="y")
    found = export(keras.Model(x, keras.layers.Dense(2, name="d")(x)), tmp_path / "model.onnx")
    assert [str(each) for each in found.outputs] == ["d float32 (batch, x_1, 2)"]
    found = export(keras.Model([x, y], keras.layers.Add(name="a")([x, y])), tmp_path / "model.onnx")
    graph = onnx.load(tmp_path / "model.onnx").graph
    for told, held in zip((*found.inputs, *found.outputs), (*graph.input, *graph.output), strict=True):
        assert told.name == held.name
        assert told.shape == tuple(each.dim_param or each.dim_value for each in held.type.tensor_type.shape.dim)


def odd() -> dict[str, Any]:
    """Models of what converters stumble over."""
    x, i = keras.Input((4,), name="x"), keras.Input((3,), name="i", dtype="int32")
    image, tokens = keras.Input((6, 6, 2), name="image"), keras.Input((None,), name="t", dtype="int32")
    padded = keras.layers.ZeroPadding2D(((1, 0), (2, 3)))(keras.layers.Resizing(5, 5)(image))
    masked = keras.layers.Embedding(9, 4, mask_zero=True)(tokens)
    return {
        "argmax": keras.Model(x, keras.ops.argmax(keras.ops.concatenate([x, -x], 1), -1)),
        "a mask": keras.Model(tokens, keras.layers.Bidirectional(keras.layers.GRU(3))(masked)),
        "an input that nobody takes": keras.Model([x, i], keras.layers.Dense(2)(x)),
        "places": keras.Model([x, i], keras.ops.take_along_axis(x, keras.ops.clip(i, 0, 3), 1)),
        "one number": keras.Model(y := keras.Input((), name="y"), keras.ops.expand_dims(y, -1)),
        "padding with an open batch": keras.Model(image, padded),
    }


@pytest.mark.parametrize("name", odd())
def test_odd_models(name: str, tmp_path: Path) -> None:
    model = odd()[name]
    export(model, tmp_path / "model.onnx")
    arrays = arrays_for(model, 5)
    made = by_onnxruntime(tmp_path / "model.onnx", arrays)
    check_same(by_keras(model, arrays), made)


def test_a_layer_that_does_not_go_is_named(tmp_path: Path) -> None:
    x = keras.Input((6, 6, 6, 2))
    inner = keras.Sequential([keras.Input((6, 6, 6, 2)), keras.layers.Conv3D(2, 3, name="deep")], name="inner")
    with pytest.raises(FileError) as caught:
        export(keras.Model(x, keras.layers.Flatten()(inner(x))), tmp_path / "model.onnx")
    (problem,) = caught.value.problems
    assert problem.code == "export-model"
    assert problem.message.startswith("`deep` cannot be exported to ONNX (conv_general_dilated): ")
    assert problem.help == "StableHLO has every operation that JAX has: `-o model.stablehlo`"
    assert not list(tmp_path.iterdir())


def test_sizes_may_be_fixed(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((None, 3), name="x"), keras.layers.Conv1D(2, 3), keras.layers.LSTM(2)])
    found = export(model, tmp_path / "model.onnx", batch_size=2, length=9)
    assert (found.inputs[0].shape, found.batches) == ((2, 9, 3), (2,))
    (value,) = onnx.load(tmp_path / "model.onnx").graph.input
    assert [each.dim_value for each in value.type.tensor_type.shape.dim] == [2, 9, 3]


def test_what_was_traced_for_onnx_is_not_met_afterwards(tmp_path: Path) -> None:
    """jax2onnx replaces functions of JAX while it traces, and JAX keeps what it has traced."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
    x = np.ones((2, 4), "float32")
    before = model.predict_on_batch(x)
    scan, pad, where = jax.lax.scan, jax.numpy.pad, jax.numpy.where
    export(model, tmp_path / "model.onnx", batch_size=2)
    assert (jax.lax.scan, jax.numpy.pad, jax.numpy.where) == (scan, pad, where)
    np.testing.assert_array_equal(model.predict_on_batch(x), before)
    np.testing.assert_allclose(np.asarray(model(x)), before, atol=1e-6)


def test_what_differs_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A converter that gives weights slightly wrong is caught, and what was there before stays."""
    original = room.finish

    def wrong(model: Any, *names: Any) -> bytes:
        for tensor in model.graph.initializer:
            if tensor.data_type == onnx.TensorProto.FLOAT:
                array = onnx.numpy_helper.to_array(tensor) * np.float32(1.01)
                tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
        return original(model, *names)

    monkeypatch.setattr(room, "finish", wrong)
    path = tmp_path / "model.onnx"
    path.write_bytes(b"before")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    with pytest.raises(FileError) as caught:
        export(model, path)
    (problem,) = caught.value.problems
    assert problem.code == "export-differs"
    assert problem.message.startswith("ONNX Runtime computes other numbers than Keras: they differ by ")
    assert path.read_bytes() == b"before"
    assert [each.name for each in tmp_path.iterdir()] == ["model.onnx"]
    assert export(model, path, tolerance=0.1).difference > 1e-3
