"""A model that computes in float32 in place of sixteen bits, with the same weights."""

from __future__ import annotations

from typing import Any

from kspec.convert.export.problems import Unexportable
from kspec.model.backend import load_keras
from kspec.model.private import layers_in
from kspec.model.weights import settle

_POLICIES = ("DTypePolicy", "DTypePolicyMap", "FloatDTypePolicy")


def in_float32(model: Any) -> Any:
    """The model made anew from its configuration, every layer with the policy float32.

    Raises Unexportable for layers that are quantized, whose weights are no plain numbers, and for a class that cannot
    be made from its configuration.
    """
    keras = load_keras()
    layers = layers_in(model)
    for layer in layers:
        if type(getattr(layer, "dtype_policy", None)).__name__.startswith("Quantized"):
            help = "export the model from before `quantize`"
            raise Unexportable("its weights are quantized", layer.name, help=help)
    own = {type(layer).__name__: type(layer) for layer in layers if not type(layer).__module__.startswith("keras.")}
    try:
        with keras.saving.custom_object_scope(own):
            made = type(model).from_config(_swapped(model.get_config()))
    except Exception as error:  # a person's own classes may raise anything at all
        message = f"it cannot be made anew in float32: {type(error).__name__}"
        raise Unexportable(message, help="build it with `dtype_policy: float32`") from error
    for new, old in zip(made.weights, model.weights, strict=True):
        new.assign(old.value)
    settle(made)
    return made


def _swapped(config: Any) -> Any:
    """A configuration with float32 wherever it names another policy."""
    if isinstance(config, dict):
        if config.get("class_name") in _POLICIES and "config" in config:
            return "float32"
        return {key: _swapped(value) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return type(config)(_swapped(value) for value in config)
    return config
