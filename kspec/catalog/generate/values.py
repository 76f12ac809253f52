"""What a parameter accepts: its type, its choices and the kind of object, where they can be known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from kspec.catalog.entry import Parameter
from kspec.catalog.generate import docstrings
from kspec.catalog.generate.known_choices import CHOICES
from kspec.catalog.generate.known_types import TYPES
from kspec.catalog.generate.plain import plain

_Value = TypeVar("_Value")

OBJECTS: dict[str, str] = {
    "activation": "activations",
    "recurrent_activation": "activations",
    "layers:dtype": "dtype_policies",
    "losses:dtype": "dtype_policies",
    "metrics:dtype": "dtype_policies",
    "InputLayer.dtype": "",
    "reverse_dtype": "dtype_policies",
    "default_policy": "dtype_policies",
    "policy_map": "dtype_policies",
    "learning_rate": "schedules",
    "layer": "layers",
    "backward_layer": "layers",
    "cell": "layers",
    "cells": "layers",
    "layers": "layers",
    "inner_optimizer": "optimizers",
    "optimizer_map": "optimizers",
    "default_optimizer": "optimizers",
    "quantization_config": "quantizers",
    "weight_quantizer": "quantizers",
    "activation_quantizer": "quantizers",
    "device_mesh": "distributions",
    "layout_map": "distributions",
}
"""Kinds of Keras objects by parameter, written as in `known_types`."""

_ENDINGS = {"_initializer": "initializers", "_regularizer": "regularizers", "_constraint": "constraints"}


def parameter(kind: str, owner: str, name: str, default: Any, *, required: bool, text: str) -> Parameter:
    """All that is known of a parameter.

    `owner` is the class, or the last part of a function's name; `text` is what the docstring says of the parameter.
    """
    value = plain(default)
    expected = _object(kind, owner, name)
    kinds = _type(kind, owner, name, default, expected)
    choices = _known(CHOICES, kind, owner, name)
    if choices and kinds is None:
        kinds = "str"
    return Parameter(
        name=name,
        required=required,
        default=value,
        type=kinds,
        choices=choices if kinds and "str" in kinds.split("|") else None,
        object=expected,
        doc=docstrings.sentence(text),
    )


def _object(kind: str, owner: str, name: str) -> str | None:
    by_ending = next((each for ending, each in _ENDINGS.items() if name.endswith(ending)), None)
    return _known(OBJECTS, kind, owner, name) or by_ending


def _type(kind: str, owner: str, name: str, default: Any, expected: str | None) -> str | None:
    known = _known(TYPES, kind, owner, name)
    if known:
        return None if known == "?" else known
    if expected:
        return "null" if expected in _ENDINGS.values() else None
    if isinstance(default, bool):
        return "bool"
    return "float" if isinstance(default, float) else None


def _known(table: Mapping[str, _Value], kind: str, owner: str, name: str) -> _Value | None:
    """The table's entry closest to a parameter."""
    return next((table[key] for key in (f"{owner}.{name}", f"{kind}:{name}", name) if key in table), None)
