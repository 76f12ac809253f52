"""What stands inside a spec's sections, checked: Keras objects, dtypes, names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kspec.diagnostics import Route, listing, suggestion
from kspec.spec.datasection import check_data
from kspec.spec.intervals import EXAMPLES, every
from kspec.spec.objects import Checker
from kspec.spec.schema import NAME, RESERVED, Compile, Input, Spec
from kspec.spec.values import shown


def check_objects(spec: Spec, checker: Checker) -> Spec:
    """The spec with the Keras objects of `compile`, `fit` and `dtype_policy` checked and put in as Objects."""
    update: dict[str, Any] = {}
    if spec.name is not None and not _is_title(spec.name, checker):
        update["name"] = None
    if spec.compile is not None:
        update["compile"] = _compile(spec.compile, checker)
    if spec.fit is not None:
        _class_weight(spec.fit.class_weight, checker)
        told = any(problem.route[:2] == ("fit", "epochs") for problem in checker.problems)
        if spec.fit.initial_epoch >= spec.fit.epochs and not told:
            message = f"training from epoch {spec.fit.initial_epoch:,} to epoch {spec.fit.epochs:,} trains nothing"
            help = "`initial_epoch` counts from 0, and `epochs` is the last one"
            checker.wrong("wrong-value", message, ("fit", "initial_epoch"), help)
        if (often := spec.fit.checkpoint_every) is not None and every(often) is None:
            message, help = f"`{often}` is no interval", f"write {EXAMPLES}"
            checker.wrong("wrong-value", message, ("fit", "checkpoint_every"), help)
        callbacks = spec.fit.callbacks
        if not isinstance(callbacks, (list, tuple)):
            checker.wrong("wrong-type", f"`callbacks` is a list, not {shown(callbacks)}", ("fit", "callbacks"))
            callbacks = ()
        made = [checker.object(item, "callbacks", ("fit", "callbacks", i)) for i, item in enumerate(callbacks)]
        update["fit"] = spec.fit.model_copy(update={"callbacks": tuple(made)})
    if spec.data is not None:
        update["data"] = check_data(spec.data, checker)
    if spec.dtype_policy is not None:
        update["dtype_policy"] = dtype(spec.dtype_policy, ("dtype_policy",), checker)
    named = {
        name: each if check_name(name, ("inputs", name), checker) else Input() for name, each in spec.inputs.items()
    }
    return spec.model_copy(update={**update, "inputs": check_dtypes(named, checker)})


def check_dtypes(inputs: Mapping[str, Input], checker: Checker) -> dict[str, Input]:
    """Inputs with dtypes that can be; what follows from one that cannot is not known."""
    found = dict(inputs)
    for name in inputs:
        given = inputs[name].dtype
        if given is not None and given not in DTYPES:
            meant = _SHORT_DTYPES.get(given.lower(), "")
            help = suggestion(meant or given, DTYPES, f"one of {listing(DTYPES, 20)}")
            checker.wrong("wrong-value", f"there is no dtype `{given}`", ("inputs", name, "dtype"), help)
            found[name] = Input()
        elif given == "string":
            found[name] = Input()
            help = "turn texts into whole numbers before training, and give the input an int dtype"
            message = "texts need TensorFlow, which kspec does not use"
            checker.wrong("not-supported", message, ("inputs", name, "dtype"), help)
    return found


DTYPES = (
    *("float32", "float16", "bfloat16", "float64", "int32", "uint8", "bool", "string"),
    *("int8", "int16", "int64", "uint16", "uint32", "uint64"),
)
_SHORT_DTYPES = {"int": "int32", "long": "int64", "float": "float32", "double": "float64", "half": "float16"}
POLICIES = ("float32", "float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16")
_QUANTIZED = re.compile(r"(int8|int4|float8)_from_(float32|float16|bfloat16|mixed_float16|mixed_bfloat16)\Z")


def dtype(value: Any, route: Route, checker: Checker) -> Any:
    """A dtype policy: a name, or an object; None, with the problem noted, where it is none."""
    if isinstance(value, str):
        if value not in POLICIES and not _QUANTIZED.match(value):
            help = suggestion(value, POLICIES, f"one of {listing(POLICIES)}")
            checker.wrong("wrong-value", f"there is no dtype policy `{value}`", route, help)
            return None
        return value
    return checker.object(value, "dtype_policies", route)


def _is_title(name: str, checker: Checker) -> bool:
    """Whether a text can name a model, and the folders of its runs; Keras refuses a slash too."""
    if not name.strip() or len(name) > 200 or not name.isprintable() or set(name) & set("/\\"):
        help = "a model's name is a line of at most 200 characters, without / and \\"
        checker.wrong("wrong-value", f"{shown(name)} cannot be a model's name", ("name",), help)
        return False
    return True


def check_name(name: Any, route: Route, checker: Checker, at: Any = "key") -> bool:
    """Whether a name can name an input, a step or an output."""
    if not isinstance(name, str):
        checker.wrong("wrong-type", f"a name is a text, not {shown(name)}", route, at=at)
    elif name in RESERVED:
        checker.wrong("wrong-value", f"`{name}` has a meaning of its own in `from`", route, "choose another name", at)
    elif not NAME.match(name):
        help = "a name has no spaces and none of / $ : , [ ] { }"
        checker.wrong("wrong-value", f"`{name}` cannot be a name", route, help, at)
    else:
        return True
    return False


def _compile(section: Compile, checker: Checker) -> Compile:
    update: dict[str, Any] = {"optimizer": checker.object(section.optimizer, "optimizers", ("compile", "optimizer"))}
    if section.loss is not None:
        update["loss"] = _by_output(section.loss, "losses", ("compile", "loss"), checker)
    for key in ("metrics", "weighted_metrics"):
        value = getattr(section, key)
        if value is not None:
            update[key] = _by_output(value, "metrics", ("compile", key), checker)
    weights = section.loss_weights
    flat = weights.values() if isinstance(weights, dict) else weights if isinstance(weights, list) else [weights]
    if weights is not None and not all(isinstance(w, (int, float)) and not isinstance(w, bool) for w in flat):
        message = "`loss_weights` are numbers by output"
        checker.wrong("wrong-type", message, ("compile", "loss_weights"), "{output: 0.3}")
    return section.model_copy(update=update)


_METRIC_WORDS = ("accuracy", "acc", "crossentropy", "ce")


def _by_output(value: Any, kind: str, route: Route, checker: Checker) -> Any:
    """One object, a list of them, or a mapping from output names."""
    if value is None:
        return None
    if isinstance(value, list):
        return [_by_output(item, kind, (*route, index), checker) for index, item in enumerate(value)]
    if isinstance(value, str) and kind == "metrics":
        if value in _METRIC_WORDS:
            return value
        if checker.registry.find("metrics", value) is None and checker.registry.find("losses", value) is not None:
            return checker.object(value, "losses", route)  # Keras takes a loss's name as a metric
    if isinstance(value, dict) and not _is_object(value, kind, checker):
        return {key: _by_output(item, kind, (*route, key), checker) for key, item in value.items()}
    return checker.object(value, kind, route)


def _is_object(value: dict[Any, Any], kind: str, checker: Checker) -> bool:
    if len(value) != 1:
        return False
    ((key, inner),) = value.items()
    if not isinstance(key, str):
        return False
    if checker.registry.find(kind, key) is not None:
        return True
    return key[:1].isupper() and not isinstance(inner, (str, list))


def _class_weight(value: Any, checker: Checker) -> None:
    def wrong(route: Route, item: Any) -> None:
        help = "{0: 1.0, 1: 3.0}, or that for each output by name"
        checker.wrong("wrong-type", f"a class weight is a number of at least 0, not {shown(item)}", route, help)

    for key, item in (value or {}).items():
        if isinstance(item, dict) and isinstance(key, str):
            for label, weight in item.items():
                if not isinstance(label, int) or not _is_weight(weight):
                    wrong(("fit", "class_weight", key, label), weight)
        elif isinstance(key, str) and _is_weight(item):
            message, help = f"a class is a whole number, not {shown(key)}", "{0: 1.0, 1: 3.0}"
            checker.wrong("wrong-type", message, ("fit", "class_weight", key), help, "key")
        elif not isinstance(key, int) or not _is_weight(item):
            wrong(("fit", "class_weight", key), item)


def _is_weight(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
