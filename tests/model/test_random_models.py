"""Random specs build what the same calls of Keras build: the same layers, weights and outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import yaml
from hypothesis import given

from kspec import api
from tests.model import twins
from tests.model.programs import Program, to_keras, to_spec
from tests.model.strategies import programs
from tests.spec.fuzzing import examples


def without_names(config: Any) -> Any:
    """A model's configuration with its layers numbered where they had names."""
    inner = config["config"]
    numbers = {layer["config"]["name"]: index for index, layer in enumerate(inner["layers"])}

    def wires(value: Any) -> Any:
        if isinstance(value, dict):
            found = {key: wires(item) for key, item in value.items()}
            return (
                {**found, "keras_history": [numbers[found["keras_history"][0]], *found["keras_history"][1:]]}
                if ("keras_history" in found)
                else found
            )
        return [wires(item) for item in value] if isinstance(value, list) else value

    def ends(value: Any) -> Any:
        if isinstance(value, list) and value and isinstance(value[0], str):
            return [numbers[value[0]], *value[1:]]
        return [ends(item) for item in value] if isinstance(value, list) else value

    layers = []
    for layer in inner["layers"]:
        own = without_names(layer) if layer["class_name"] in ("Functional", "Model") else layer
        plain = {key: item for key, item in own.items() if key not in ("name", "inbound_nodes")}
        plain["config"] = {key: item for key, item in plain["config"].items() if key != "name"}
        layers.append({**plain, "calls": wires(layer["inbound_nodes"])})
    rest = {key: item for key, item in inner.items() if key not in ("name", "layers", "input_layers", "output_layers")}
    ended = {key: ends(inner[key]) for key in ("input_layers", "output_layers")}
    return {"class": config["class_name"], "config": {**rest, **ended, "layers": layers}}


def assert_twins(model: Any, twin: Any) -> None:
    """The same model but for names."""
    assert without_names(twins.config(model)) == without_names(twins.config(twin))
    assert len(model.variables) == len(twin.variables)
    for one, other in zip(model.variables, twin.variables, strict=True):
        assert np.asarray(one.value).tobytes() == np.asarray(other.value).tobytes(), (one.path, other.path)
        assert one.trainable == other.trainable
    twins.assert_same_outputs(model, twin)


@given(programs())
@examples(4, shrink=False)
def test_random_specs_are_the_same_models_in_keras(made: tuple[Program, dict[str, Any]]) -> None:
    program, variables = made
    text = yaml.safe_dump(to_spec(program, variables), sort_keys=False, default_flow_style=None)
    spec = api.loads(text)
    model = spec.build()
    twin = twins.in_fresh_keras(lambda: to_keras(program))
    assert_twins(model, twin)
    assert spec.plan().params == model.count_params()
    shown = spec.show()
    again = api.loads(shown)
    assert again.show() == shown
    twins.assert_same_model(again.build(), model)
