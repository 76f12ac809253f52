"""LoRA and quantization in what Keras saves of a layer: words beside it, and a layer that says nothing of them."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from kspec.convert.problems import Unwritable
from kspec.model.backend import load_keras
from kspec.spec.adapting import MODES, has
from kspec.spec.graph import Graph, Layer, Lora, Quantize, held_in, with_models
from kspec.spec.objects import Object

WORDS = ("lora", "quantize")


class Apart(NamedTuple):
    """A layer's serialized form without the two, and what they are."""

    saved: dict[str, Any]
    lora: Lora | None = None
    quantize: Quantize | None = None


def apart(saved: dict[str, Any], name: str) -> Apart:
    """What is said of LoRA and quantization, taken out. Raises Unwritable for a quantization that has settings."""
    config = dict(saved["config"])
    lora = None
    if (rank := config.get("lora_rank")) is not None:
        alpha = config.get("lora_alpha")
        lora = Lora(rank, alpha if alpha != rank else None, ())
        del config["lora_rank"]
        config.pop("lora_alpha", None)
    mode, policy = _mode(config.get("dtype"))
    settings = config.get("quantization_config")
    if not mode or settings is None:  # a dtype policy of this kind may be the layer's own
        return Apart({**saved, "config": config}, lora)
    if mode not in MODES or settings != _settings(mode):
        message = f"is quantized to {mode} with settings of its own, which no spec can say"
        raise Unwritable(name, message, "quantize it without a configuration, or import it before")
    config |= {"dtype": policy, "quantization_config": None}
    return Apart({**saved, "config": config}, lora, Quantize(mode, ()))


def source_policy(name: str) -> str:
    """The policy that a layer had before it was quantized: `float32` of `int8_from_float32`."""
    return name.partition("_from_")[2] or name


def _mode(dtype: Any) -> tuple[str, Any]:
    """The quantization that a serialized policy says, and the policy without it."""
    config = dtype.get("config") if isinstance(dtype, Mapping) else None
    if not isinstance(config, Mapping) or not isinstance(config.get("mode"), str):
        return "", None
    plain = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": config["source_name"]}}
    return config["mode"].partition("/")[0], {**plain, "registered_name": None}


@functools.cache
def _settings(mode: str) -> Any:
    """What Keras saves where it is given the mode alone."""
    keras = load_keras()
    made = {"int8": keras.quantizers.Int8QuantizationConfig, "int4": keras.quantizers.Int4QuantizationConfig}
    return json.loads(
        json.dumps(
            keras.saving.serialize_keras_object(made.get(mode, keras.quantizers.Float8QuantizationConfig)()),
        )
    )


def hoisted(graph: Graph) -> tuple[Graph, dict[str, Any]]:
    """A word that all layers that can have it have alike, said once at the top."""
    found: dict[str, Any] = {}
    for word in WORDS:
        layers = list(_layers(graph))
        values = {value for layer in layers if (value := getattr(layer, word)) is not None}
        if len(values) != 1:
            continue
        (value,) = values
        able = [layer for layer in layers if isinstance(layer.operation, Object) and has(layer.operation, value)]
        if len(able) > 1 and all(getattr(layer, word) == value for layer in able):
            graph = _without(graph, word)
            found[word] = value
    return graph, found


def _layers(graph: Graph) -> Iterator[Layer]:
    yield from (layer for layer in graph.layers.values() if not isinstance(layer.operation, Graph))
    for inner in graph.levels():
        yield from _layers(inner)


def _without(graph: Graph, word: str) -> Graph:
    layers = {}
    for name, layer in graph.layers.items():
        if isinstance(layer.operation, Graph):
            layer = layer._replace(operation=_without(layer.operation, word))
        elif held_in(layer.operation):
            layer = layer._replace(operation=with_models(layer.operation, functools.partial(_without, word=word)))
        layers[name] = layer._replace(lora=None) if word == "lora" else layer._replace(quantize=None)
    return graph._replace(layers=layers)
