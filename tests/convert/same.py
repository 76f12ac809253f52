"""When an imported model is the one that it was imported from: the same configuration but for names, and the same
numbers with the same weights."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np

from kspec import api
from kspec.convert.imported import imported
from kspec.importing import import_model
from kspec.model.backend import load_keras
from kspec.model.levels import held_model
from kspec.model.quiet import without_keras_warnings
from tests.model import twins

keras = load_keras()


def form(model: Any) -> Any:
    """A model's configuration with numbers in the place of names."""
    with without_keras_warnings():
        return _form(json.loads(model.to_json()), model)


def _form(saved: Any, model: Any) -> Any:
    if isinstance(model, keras.Sequential):
        model = keras.Model(model.inputs, model.outputs)
        saved = json.loads(model.to_json())
    config = saved["config"]
    numbers = {layer["config"]["name"]: number for number, layer in enumerate(config["layers"])}
    layers = []
    for layer in config["layers"]:
        operation = model.get_layer(layer["config"]["name"]) if _is_layer(model, layer) else None
        if isinstance(operation, keras.Model):
            own = {"model": _form(layer, operation), "trainable": operation.trainable}
        else:
            given = dict(layer["config"])
            own = {"class": layer["class_name"]}
            if (inner := held_model(operation)) is not None:
                own |= {"model": _form(given.pop("layer"), inner), "trainable": inner.trainable}
            own["config"] = _nameless(given)
        calls = [_call(node, operation, numbers) for node in layer["inbound_nodes"]]
        layers.append({**own, "calls": calls})
    return {"layers": layers, "outputs": sorted_outputs(_wires(config["output_layers"], numbers))}


def sorted_outputs(value: Any) -> Any:
    """Outputs as the flat list of them: lists and mappings of outputs are told apart by other tests."""
    if isinstance(value, list) and value and isinstance(value[0], int):
        return [value]
    items = value.values() if isinstance(value, dict) else value
    return [found for item in items for found in sorted_outputs(item)]


def _is_layer(model: Any, layer: Any) -> bool:
    return any(each.name == layer["config"]["name"] for each in model.layers)


def _call(node: Any, operation: Any, numbers: dict[str, int]) -> Any:
    """A call's arguments by name: Keras's scripts give by place what a spec gives by name."""
    args, kwargs = node["args"], dict(node["kwargs"])
    if isinstance(operation, keras.layers.Layer):
        names = [name for name in inspect.signature(operation.call).parameters if name not in ("args", "kwargs")]
        kwargs = {**dict(zip(names, args, strict=False)), **kwargs}
        args = []
    kept = {key: item for key, item in kwargs.items() if item is not None and "mask" not in key}
    return [_wires(args, numbers), _wires(kept, numbers)]


def _wires(value: Any, numbers: dict[str, int]) -> Any:
    if isinstance(value, dict):
        if "keras_history" in value:
            name, node, tensor = value["keras_history"]
            return {"from": [numbers[name], node, tensor], "shape": value["shape"], "dtype": value["dtype"]}
        return {key: _wires(item, numbers) for key, item in value.items()}
    if isinstance(value, list):
        if len(value) == 3 and isinstance(value[0], str) and value[0] in numbers:
            return [numbers[value[0]], *value[1:]]
        return [_wires(item, numbers) for item in value]
    return value


def _nameless(value: Any) -> Any:
    if isinstance(value, dict):
        dropped = ("name", "shared_object_id", "build_config")
        if "class_name" in value and value.get("class_name") == "DTypePolicy":
            dropped = ("shared_object_id",)
            return {key: item for key, item in value.items() if key not in dropped}
        return {key: _nameless(item) for key, item in value.items() if key not in dropped}
    return [_nameless(item) for item in value] if isinstance(value, list) else value


def text_of(model: Any, **more: Any) -> str:
    return imported(model, None, Path.cwd(), **more).text


def assert_same(model: Any, again: Any) -> None:
    """Equal but for names; with the weights of one in the other, equal numbers."""
    assert form(again) == form(model)
    assert again.count_params() == model.count_params()
    assert_same_numbers(model, again)


def assert_same_numbers(model: Any, again: Any) -> None:
    assert [tuple(v.shape) for v in again.weights] == [tuple(v.shape) for v in model.weights]
    for mine, theirs in zip(again.weights, model.weights, strict=True):
        mine.assign(theirs.value)
    inputs = twins.random_inputs(model)
    left, right = twins.outputs(model, inputs), twins.outputs(again, inputs)
    for value, twin in zip(left, right, strict=True):
        assert value.dtype == twin.dtype
        np.testing.assert_array_equal(value, twin)


def assert_survives(model: Any, **more: Any) -> str:
    """Keras → spec → Keras is the same model, and → spec once more the same text."""
    text = text_of(model, **more)
    again = api.loads(text).build()
    assert_same(model, again)
    assert text_of(again, **more) == text
    return text


def assert_returns(spec: api.Loaded) -> str:
    """Spec → Keras → spec → Keras is the same model, with nothing allocated; a second round gives the same text."""
    model = spec.abstract(expectations=False)[0].model
    text = import_model(model)
    again = api.loads(text).abstract()[0].model
    assert form(again) == form(model)
    assert again.count_params() == model.count_params()
    assert import_model(again) == text
    return text
