"""What Keras saves of `compile`, or a model at hand has of it -> the spec's section."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import ValidationError

from kspec.convert.notation import written
from kspec.convert.problems import Unwritable
from kspec.model.private import arguments_of, compiled_with
from kspec.spec.objects import Object
from kspec.spec.schema import Compile

_PLAIN = ("loss_weights", "run_eagerly", "steps_per_execution", "auto_scale_loss")


def compile_section(
    config: Mapping[str, Any] | None, names: Sequence[str] = (), compiles: bool = True
) -> Compile | None:
    """The section `compile` of a saved compile configuration; None where there is none.

    `names` are those of outputs that are a mapping, in the order in which the spec has them; `compiles` says whether
    Keras compiles the model's steps by itself. Raises Unwritable.
    """
    if config is not None and not isinstance(config, Mapping):
        raise Unwritable("", "its `compile_config` is not what Keras writes", "save the model again")
    if not config or "optimizer" not in config:
        return None
    found: dict[str, Any] = {"optimizer": _rounded(written(config["optimizer"], "compile"))}
    for key in ("loss", "metrics", "weighted_metrics"):
        if config.get(key) is not None:
            found[key] = _without_dtypes(written(config[key], "compile"))
    for key in _PLAIN:
        value = config.get(key)
        if value is not None and value != Compile.model_fields[key].default:
            found[key] = written(value, "compile")
    found = {key: _in_order(value, names) for key, value in found.items()}
    if config.get("jit_compile") is False and compiles and not config.get("run_eagerly"):  # else `auto` is that
        found["jit_compile"] = False
    try:
        return Compile(**found)
    except ValidationError as error:
        what = f"`{error.errors()[0]['loc'][0]}` in its `compile_config` is not what Keras writes"
        raise Unwritable("", what, "save the model again") from None


def saved_compile(model: Any) -> dict[str, Any]:
    """What Keras saves of a model's `compile`, and the arguments of its losses and metrics that Keras leaves out."""
    given, saved = compiled_with(model), model.get_compile_config()
    known = [key for key in ("loss", "metrics", "weighted_metrics") if key in given and key in saved]
    return {**saved, **{key: _with_arguments(given[key], saved[key]) for key in known}}


def _with_arguments(made: Any, saved: Any) -> Any:
    if isinstance(made, Mapping):
        return {key: _with_arguments(item, saved[key]) for key, item in made.items()}
    if isinstance(made, (list, tuple)):
        items = saved["config"] if isinstance(saved, Mapping) else saved  # a tuple is saved as an object
        return [_with_arguments(*pair) for pair in zip(made, items, strict=True)]
    left = {key: value for key, value in arguments_of(made).items() if key not in saved["config"]}
    parameters = inspect.signature(type(made)).parameters if left else {}
    given = {key: value for key, value in left.items() if key in parameters and value != parameters[key].default}
    return {**saved, "config": {**saved["config"], **given}} if given else saved


def _in_order(value: Any, names: Sequence[str]) -> Any:
    """A list of one thing for each output in the spec's order: Keras gives it out in the order of the names."""
    if not isinstance(value, list) or len(value) != len(names):
        return value
    by_name = dict(zip(sorted(names), value, strict=True))
    return [by_name[name] for name in names]


def _rounded(optimizer: Any) -> Any:
    """An optimizer with the learning rate that a person gave: Keras keeps it in 32 bits, and saves it in 64."""
    rate = optimizer.args.get("learning_rate") if isinstance(optimizer, Object) else None
    if not isinstance(rate, float):
        return optimizer
    return optimizer._replace(args={**optimizer.args, "learning_rate": float(str(np.float32(rate)))})


def _without_dtypes(value: Any) -> Any:
    """Losses and metrics without the dtype that they have anyway."""
    if isinstance(value, Object):
        args = {key: item for key, item in value.args.items() if not (key == "dtype" and item == "float32")}
        return value._replace(args=args)
    if isinstance(value, list):
        return [_without_dtypes(item) for item in value]
    return {key: _without_dtypes(item) for key, item in value.items()} if isinstance(value, dict) else value
