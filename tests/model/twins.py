"""What the tests of models share: specs from text, plain Keras twins, and when two models are the same."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kspec import api
from kspec.model.backend import load_keras
from kspec.model.quiet import without_keras_warnings

keras = load_keras()


def loaded(text: str, folder: Path | None = None, sets: Sequence[str] = (), trust: Sequence[str] = ()) -> api.Loaded:
    """A spec from an indented text; `kspec: 1` is put before it."""
    body = "kspec: 1\n" + textwrap.dedent(text).strip("\n") + "\n"
    return api.loads(body, folder=folder, sets=sets, trust=trust)


def built(text: str, folder: Path | None = None, **more: Any) -> Any:
    """The model of a spec from an indented text."""
    return loaded(text, folder, **more).build()


def in_fresh_keras(make: Callable[[], Any], seed: int | None = None) -> Any:
    """A model made by plain Keras calls, as the first in its session."""
    keras.utils.clear_session()
    if seed is not None:
        keras.utils.set_random_seed(seed)
    return make()


def values(model: Any) -> list[tuple[str, Any]]:
    """Every variable's path and value, in Keras's order."""
    return [(variable.path, np.asarray(variable.value)) for variable in model.variables]


def assert_same_weights(one: Any, other: Any, seeds: bool = True) -> None:
    """Both have the same variables in the same order, bit for bit.

    Names are compared as far as people give them: Keras numbers by session what is inside a layer (`lstm_cell_1`,
    `seed_generator_1`).
    """
    left, right = values(one), values(other)
    assert [_outer(path) for path, _ in left] == [_outer(path) for path, _ in right]
    for (path, value), (_, twin) in zip(left, right, strict=True):
        if not seeds and "seed_generator" in path:
            continue
        assert value.dtype == twin.dtype, path
        assert value.tobytes() == twin.tobytes(), path


def _outer(path: str) -> tuple[str, str]:
    first, *_, last = path.split("/")
    return re.sub(r"^seed_generator_\d+$", "seed_generator", first), re.sub(r"_\d+$", "", last)


def config(model: Any) -> Any:
    """A model's configuration as plain data, without what only counts objects of the session: ids, and the numbers in
    the names of layers inside layers (`dense_3` of a TimeDistributed)."""
    with without_keras_warnings():
        return _of_layer(json.loads(model.to_json()))


def layer_config(layer: Any) -> Any:
    """A layer's own configuration, but for its name and what only counts objects of the session; of a model its
    layers'."""
    if isinstance(layer, keras.Model):
        return [layer_config(each) for each in layer.layers]
    return {key: _plain(value) for key, value in layer.get_config().items() if key != "name"}


def _of_layer(layer: Any) -> Any:
    """One layer's or model's configuration; its own name stays whole."""
    inner = {key: _plain(item) for key, item in layer["config"].items() if key not in ("name", "layers")}
    if "layers" in layer["config"]:
        inner["layers"] = [_of_layer(item) for item in layer["config"]["layers"]]
    rest = {key: _plain(item) for key, item in layer.items() if key not in ("config", "compile_config")}
    return {**rest, "config": {"name": layer["config"].get("name"), **inner}}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        plain = {key: _plain(item) for key, item in value.items() if key != "shared_object_id"}
        return {**plain, "name": re.sub(r"_\d+$", "", plain["name"])} if isinstance(plain.get("name"), str) else plain
    return [_plain(item) for item in value] if isinstance(value, list) else value


def random_inputs(model: Any, seed: int = 0, batch: int = 3, open_axis: int = 5) -> list[Any]:
    """Random arrays for every input of a model; whole numbers are 0 or 1."""
    generator = np.random.default_rng(seed)
    arrays = []
    for tensor in model.inputs:
        shape = [batch, *(open_axis if axis is None else axis for axis in tensor.shape[1:])]
        if "int" in str(tensor.dtype) or str(tensor.dtype) == "bool":
            arrays.append(generator.integers(0, 2, shape).astype(str(tensor.dtype)))
        else:
            arrays.append(generator.normal(size=shape).astype(str(tensor.dtype)))
    return arrays


def outputs(model: Any, inputs: list[Any]) -> list[Any]:
    """A model's outputs, flat, as arrays."""
    made = model(inputs[0] if len(inputs) == 1 else inputs, training=False)
    return [np.asarray(tensor) for tensor in keras.tree.flatten(made)]


def assert_same_outputs(one: Any, other: Any, seed: int = 0) -> None:
    """Both give the same numbers, bit for bit, on random inputs."""
    inputs = random_inputs(one, seed)
    left, right = outputs(one, inputs), outputs(other, inputs)
    assert len(left) == len(right)
    for value, twin in zip(left, right, strict=True):
        assert value.dtype == twin.dtype
        np.testing.assert_array_equal(value, twin)


def assert_same_model(one: Any, other: Any) -> None:
    """The same configuration, weights and outputs."""
    assert config(one) == config(other)
    assert_same_weights(one, other)
    assert_same_outputs(one, other)
