"""What Keras saves of an object -> the spec's notation: `Object`s, names and plain data."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any

from kspec import catalog
from kspec.convert.problems import Unwritable
from kspec.spec.objects import Object

_KINDS = (
    *("layers", "losses", "metrics", "optimizers", "schedules", "initializers", "regularizers", "constraints"),
    *("activations", "dtype_policies", "quantizers"),
)
_DATA = {"__tensor__": "value", "__numpy__": "value"}
BESIDE = ("name", "dtype", "trainable")
"""Words that every layer has, and that a spec writes beside it or not at all."""


def written(value: Any, where: str) -> Any:
    """A serialized value as a spec's: an object as an Object, a function as its name, anything else as plain data.

    `where` names the layer, for the message where it cannot be written. Raises Unwritable.
    """
    if isinstance(value, Mapping):
        if isinstance(value.get("class_name"), str) and "config" in value:
            return _object(value, where)
        return {_key(key): written(item, where) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [written(item, where) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if hasattr(value, "tolist"):
        return value.tolist()
    raise Unwritable(where, f"has a value that no spec can hold: {type(value).__name__}")


def _key(key: Any) -> Any:
    return key if isinstance(key, (str, int)) else str(key)


def _object(value: Mapping[str, Any], where: str) -> Any:
    name, config = value["class_name"], value["config"]
    if name == "__tuple__":
        return [written(item, where) for item in config]
    if name in _DATA and isinstance(config, Mapping):
        return written(config.get(_DATA[name]), where)
    if name == "__lambda__":
        help = "write it as a class of your own, in a module that can be imported"
        raise Unwritable(where, "uses a function without a name, which is code", help)
    if name == "function":
        return _function(str(config), where)
    if name == "DTypePolicy" and isinstance(config, Mapping):
        return config["name"]
    if not isinstance(config, Mapping):
        raise Unwritable(where, f"has a `{name}` that no spec can hold")
    kind, known = kind_and_name(value)
    args = {key: written(item, where) for key, item in config.items()}
    if kind == "layers":
        args = _without_words(args)
    elif kind not in ("losses", "metrics"):  # the names of an optimizer or a schedule are only counted
        args.pop("name", None)
    entry = catalog.find(kind, known)
    if entry is not None and not entry.open:
        args = {key: item for key, item in args.items() if entry.parameter(key) is not None}
    return Object(kind, known, args, ())


def _without_words(args: dict[str, Any]) -> dict[str, Any]:
    """A layer's arguments inside another layer: it trains by default, and has the dtype of the layer around."""
    kept = {key: item for key, item in args.items() if key not in BESIDE}
    if args.get("trainable") is False:
        kept["trainable"] = False
    return kept


def _function(name: str, where: str) -> str:
    """A function by its name, where Keras has it."""
    if any(catalog.find(kind, name) is not None for kind in ("activations", "losses", "metrics")):
        return name
    raise Unwritable(where, f"uses the function `{name}`, which is code", "write it as a layer class of your own")


def kind_and_name(value: Mapping[str, Any]) -> tuple[str, str]:
    """The kind and the name in the catalogue of a serialized object; of a class of one's own its full name."""
    name, module = value["class_name"], value.get("module")
    found = _by_config().get(f"{module}>{name}") or (_by_class().get(name) if module is None else None)
    if found is not None:
        return found
    return "layers", f"{module}.{name}" if module else str(name)


@functools.cache
def _by_config() -> Mapping[str, tuple[str, str]]:
    """Kind and name by the module and class that Keras saves."""
    return {
        entry.config: (kind, entry.name)
        for kind in _KINDS
        for entry in catalog.entries(kind).values()
        if entry.config and not entry.name.islower()
    }


@functools.cache
def _by_class() -> Mapping[str, tuple[str, str]]:
    return {config.rpartition(">")[2]: found for config, found in _by_config().items()}


def frozen_text(value: Any) -> str:
    """A value as text that is the same for the same value, whatever its order."""
    return json.dumps(value, sort_keys=True, default=repr)
