"""Configurations of older versions of Keras as Keras 3 writes them: data to data, before anything is admitted or made.

Keras 3 still reads the wiring of older models (`inbound_nodes` as lists), and neither their classes, which have no
module, nor the arguments that were renamed. The tables are those of `kspec upgrade`. What comes out is admitted like
any other configuration: nothing here makes an object.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kspec import catalog
from kspec.convert.problems import Unwritable
from kspec.diagnostics import shortened
from kspec.spec import renamed

_MODELS = frozenset({"Functional", "Model", "Sequential"})
_KINDS = {"initializer": "initializers", "regularizer": "regularizers", "constraint": "constraints"}
_SCALINGS = {
    "GlorotUniform": (1, "fan_avg", "uniform"),
    "GlorotNormal": (1, "fan_avg", "truncated_normal"),
    "HeUniform": (2, "fan_in", "uniform"),
    "HeNormal": (2, "fan_in", "truncated_normal"),
    "LecunUniform": (1, "fan_in", "uniform"),
    "LecunNormal": (1, "fan_in", "truncated_normal"),
}
"""What Keras calls a VarianceScaling of these arguments."""
_INSIDE = ("layer", "cell", "backward_layer", "forward_layer")
_OF_ALL = frozenset({"name", "trainable", "dtype", "autocast"})
_OWN = frozenset({"shared_object_id", "build_config", "build_input_shape", "compile_config"})
"""What Keras writes beside arguments, and reads or passes over."""


def is_older(config: Mapping[str, Any]) -> bool:
    """Whether a model's configuration is not in the form of Keras 3: its classes have no module, or one of Keras 2."""
    module = config.get("module")
    if module is None and "registered_name" in config:  # of a program's own class
        return False
    return not isinstance(module, str) or module.startswith(("keras.engine", "keras.src.engine", "tensorflow"))


def check_version(version: Any) -> None:
    """Raise Unwritable where a model says that it was saved by a Keras that nobody knows; None is said by none."""
    known = version is None or (isinstance(version, str) and version.split(".")[0] in ("1", "2", "3"))
    if not known:
        message = f"it was saved by Keras `{shortened(str(version))}`, which kspec does not know"
        raise Unwritable("", message, "save it with Keras 3")


def modernized(config: dict[str, Any], tell: Callable[[str], None] = lambda text: None) -> dict[str, Any]:
    """A model's configuration as Keras 3 has it; `tell` is told what computes otherwise since.

    Raises Unwritable, with the layer's name, where a class or an argument has no counterpart.
    """
    check_version(config.get("keras_version"))
    inner = config.get("config")
    whole = isinstance(inner, list) or (isinstance(inner, dict) and isinstance(inner.get("layers"), list))
    known = config["class_name"] not in _MODELS or whole  # else it is of no version, and Keras says what is missing
    return _model(config, tell) if is_older(config) and known else config


def _model(config: Mapping[str, Any], tell: Callable[[str], None]) -> dict[str, Any]:
    """A model, or one inside another."""
    kind, inner = str(config["class_name"]), config.get("config")
    if kind not in _MODELS:
        raise Unwritable("", f"`{kind[:100]}` is no model of Keras's", "rebuild it with Keras 3, where its code is")
    if isinstance(inner, list):  # a Sequential, before Keras 2.2.3
        inner = {"name": "sequential", "layers": inner}
    if not isinstance(inner, dict) or not isinstance(inner.get("layers"), list):
        raise Unwritable(str(config.get("name", kind)), "is no configuration of a functional or sequential model")
    layers = [_layer(each, tell) for each in inner["layers"]]
    if kind == "Sequential" and layers and layers[0]["class_name"] != "InputLayer":
        layers = [*_input_of(inner["layers"][0]), *layers]
    name = "Sequential" if kind == "Sequential" else "Functional"
    module = "keras" if kind == "Sequential" else "keras.src.models.functional"  # as Keras 3 writes them
    kept = {key: value for key, value in inner.items() if key not in ("build_input_shape",)}
    words = {key: config[key] for key in ("name", "inbound_nodes", "compile_config") if key in config}
    made = {"module": module, "class_name": name, "registered_name": name}
    return {**made, "config": {**kept, "layers": layers}, **words}


def _input_of(first: Any) -> list[dict[str, Any]]:
    """The input of a sequential model, whose shape its first layer has."""
    config = first.get("config") if isinstance(first, dict) else None
    while isinstance(config, dict) and "batch_input_shape" not in config and isinstance(config.get("layer"), dict):
        config = config["layer"].get("config")  # a wrapper, whose shape was its layer's
    shape = config.get("batch_input_shape") if isinstance(config, dict) else None
    if not isinstance(config, dict) or not isinstance(shape, list):
        return []
    dtype = config.get("input_dtype") or ("int32" if first.get("class_name") == "Embedding" else "float32")
    made = {"batch_shape": shape, "dtype": dtype, "name": f"{config.get('name', 'layer')}_input"}
    return [{"module": "keras.layers", "class_name": "InputLayer", "registered_name": None, "config": made}]


def _layer(given: Any, tell: Callable[[str], None]) -> dict[str, Any]:
    """A layer: its class by the catalogue, its arguments by their names of today."""
    if not isinstance(given, dict) or not isinstance(given.get("class_name"), str):
        raise Unwritable("", "one of its layers has no class")
    old, config = given["class_name"], given.get("config")
    if old in _MODELS:
        return _model(given, tell)
    if not isinstance(config, dict):
        raise Unwritable(str(given.get("name", old)), "has no configuration")
    name = str(config.get("name", given.get("name", old)))
    if old == "InputLayer":
        return {**_as_input(given, config), "module": "keras.layers", "registered_name": None}
    if old == "Merge":
        raise Unwritable(
            name, "is a Merge of Keras 1", "save the model again with Keras 2, which has a layer for each mode"
        )
    now = renamed.name("layers", old)
    entry = catalog.find("layers", now.new if now is not None else old)
    if entry is None and not str(given.get("module") or "keras").startswith(("keras", "tensorflow")):
        return given  # a class of one's own, which is admitted where it is trusted
    if entry is None or not entry.config:
        since = f" since Keras {renamed.REMOVED[old]}" if old in renamed.REMOVED else ""
        help = "build the model with Keras 3, or import it as a Python object: `package.module:model`"
        raise Unwritable(name, f"is a {old[:100]}, which has no counterpart{since}", help)
    more = renamed.moved(old)
    config = {more.renames.get(key, key): value for key, value in config.items()}
    config |= {
        key: value == "true" if value in ("true", "false") else float(value)
        for key, value in more.adds.items()
        if key not in config
    }
    arguments = _arguments(name, entry, config, tell)
    if entry.name == "GRU" and old == "GRU":
        arguments.setdefault("reset_after", False)  # which was the default when it was not written
    module, _, cls = entry.config.rpartition(">")
    words = {key: given[key] for key in ("name", "inbound_nodes") if key in given}
    return {"module": module, "class_name": cls, "registered_name": None, "config": arguments, **words}


def _as_input(given: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in config.items() if key in ("name", "dtype", "sparse", "batch_shape")}
    kept.setdefault("batch_shape", config.get("batch_input_shape"))
    return {**given, "config": {**kept, "dtype": _dtype(config.get("dtype"))}}


def _arguments(
    name: str, entry: catalog.Entry, config: Mapping[str, Any], tell: Callable[[str], None]
) -> dict[str, Any]:
    """A layer's arguments as Keras 3 takes them."""
    parameters = {each.name for each in entry.parameters} | _OF_ALL
    sizes = next((each for each in renamed.KERNEL_SIZES if set(each) <= set(config)), ())
    found: dict[str, Any] = {}
    if sizes and "kernel_size" in parameters:
        found["kernel_size"] = [config[each] for each in sizes]
    for key, value in config.items():
        if key in parameters:
            found[key] = _value(key, value, tell)
        elif (new := renamed.argument("layers", entry.name, key, parameters)) is not None:
            other = renamed.value(new.new, value)
            found.setdefault(new.new, _value(new.new, value if other is None else other, tell))
        elif key not in _OWN and not (key in sizes and "kernel_size" in found) and not _goes(entry.name, key, value):
            raise Unwritable(name, f"has the argument `{key[:100]}`, which {entry.name} does not have in Keras 3")
        if (otherwise := renamed.otherwise(value)) is not None:
            tell(f"`{name}`: {otherwise}")
    if "dtype" in found:
        found["dtype"] = _dtype(config["dtype"])
    return found


def _goes(owner: str, key: str, value: Any) -> bool:
    """Whether an argument that there is no more can be left out."""
    gone = renamed.dropped("layers", owner, key)
    return value is None or value is False or (gone is not None and gone.goes(value))


def _value(key: str, value: Any, tell: Callable[[str], None]) -> Any:
    """The value of an argument: an object with the module that it has in Keras 3."""
    if isinstance(value, list) and key == "cells":
        return [_layer(each, tell) for each in value]
    if isinstance(value, list) and key == "axis" and len(value) == 1:
        return value[0]  # of a BatchNormalization in TensorFlow
    if not isinstance(value, dict) or not isinstance(value.get("class_name"), str):
        return value
    if key in _INSIDE:
        return _layer(value, tell)
    kind = _KINDS.get(key.rpartition("_")[2], "")
    entry = catalog.find(kind, value["class_name"]) if kind else None
    if entry is None or not entry.config:
        return value  # which is not admitted, unless Keras 3 has written it
    module, _, cls = entry.config.rpartition(">")
    config: dict[str, Any] = value["config"] if isinstance(value.get("config"), dict) else {}
    known = {each.name for each in entry.parameters}
    renames = {old: new.new for old in config if (new := renamed.argument(kind, entry.name, old, known)) is not None}
    given = {renames.get(each, each): item for each, item in config.items()}
    if entry.name == "VarianceScaling":
        cls, given = _named_scaling(cls, given)
    return {"module": module, "class_name": cls, "registered_name": None, "config": given}


def _named_scaling(cls: str, config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """`GlorotUniform` and its like by their names, under which Keras 2.2 and older did not save them."""
    distribution = "truncated_normal" if config.get("distribution") == "normal" else config.get("distribution")
    found = (config.get("scale"), config.get("mode"), distribution)
    name = next((each for each, same in _SCALINGS.items() if same == found), None)
    if name is None or not set(config) <= {"scale", "mode", "distribution", "seed"}:
        return cls, config
    return name, {"seed": config.get("seed")}


def _dtype(given: Any) -> Any:
    """A dtype policy by its name."""
    if isinstance(given, dict) and isinstance(given.get("config"), dict):
        return given["config"].get("name", "float32")
    return given
