"""The sections of a spec as values: pydantic models, pure data, strict and closed.

``layers`` and ``blocks`` stay plain data here: what a step means depends on variables and scope (`expand`).
Keras objects inside the sections are checked by `objects` after the sections' own shape is known to be right.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from kspec.diagnostics import Problem, Route, listing, suggestion
from kspec.spec.objects import Checker, Object
from kspec.spec.values import MAX_SIZE, shown

VERSION = 1
NAME = re.compile(r"[^\s/$:,\[\]{}]{1,200}\Z")
RESERVED = ("previous", "input")


class _Section(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True, populate_by_name=True
    )


def _shape_only(value: Any) -> Any:
    """``64`` and ``[28, 28, 1]`` are short for ``{shape: …}``."""
    if isinstance(value, bool) or not isinstance(value, (int, list)):
        return value
    return {"shape": [value] if isinstance(value, int) else value}


Axis = Annotated[int, Field(ge=1, le=MAX_SIZE)] | None


class Input(_Section):
    """One input, by keras.Input's arguments; `shape` is without the batch axis, null is any size."""

    shape: Annotated[list[Axis], Field(max_length=16)] | None = None
    batch_shape: Annotated[list[Axis], Field(min_length=1, max_length=17)] | None = None
    batch_size: Annotated[int, Field(ge=1)] | None = None
    dtype: str | None = None
    sparse: bool | None = None
    ragged: bool | None = None
    optional: bool = False


def _wrapped(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class Compile(_Section):
    """keras.Model.compile's arguments; objects are Objects or Keras's identifiers."""

    optimizer: Any = "rmsprop"
    loss: Any = None
    loss_weights: Any = None
    metrics: Any = None
    weighted_metrics: Any = None
    run_eagerly: bool = False
    steps_per_execution: Annotated[int, Field(ge=1)] = 1
    jit_compile: bool | Literal["auto"] = "auto"
    auto_scale_loss: bool = True


ClassWeight = dict[int, Annotated[float, Field(ge=0)]]
Count = Annotated[int, Field(ge=1)]


class Fit(_Section):
    """keras.Model.fit's arguments that are not data; class and sample weights may be given for each output by name."""

    epochs: Count = 1
    batch_size: Count | None = None
    callbacks: Any = ()
    validation_split: Annotated[float, Field(ge=0, lt=1)] = 0.0
    shuffle: bool = True
    class_weight: dict[str | int, Any] | None = None
    sample_weight: str | dict[str, str] | None = None
    initial_epoch: Annotated[int, Field(ge=0)] = 0
    steps_per_epoch: Count | None = None
    validation_steps: Count | None = None
    validation_batch_size: Count | None = None
    validation_freq: Count = 1


def _path_only(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


class DataFile(_Section):
    """A file with arrays; `fields` maps names of inputs and outputs to names of arrays.

    Once the spec is loaded, `path` is absolute.
    """

    path: str
    fields: dict[str, str] = {}


_File = Annotated[DataFile | None, BeforeValidator(_path_only)]


class Data(_Section):
    """Where arrays come from."""

    train: _File = None
    validation: _File = None
    test: _File = None


class Bound(_Section):
    """A number's bounds, both included."""

    min: int | None = None
    max: int | None = None


_SUFFIX = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "B": 10**9, "T": 10**12}
_COUNT = re.compile(r"([0-9][0-9_]*(?:\.[0-9]+)?)\s*([kKMGBT]?)\Z")


def _counted(value: Any) -> Any:
    """``217_537``, ``5M`` and ``1.5G`` as whole numbers."""
    if isinstance(value, str) and len(value) <= 40 and (found := _COUNT.match(value)) is not None:
        number = float(found[1].replace("_", "")) if "." in found[1] else int(found[1].replace("_", ""))
        return int(number * _SUFFIX[found[2]])
    return value


def _bounds(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _counted(item) for key, item in value.items()}
    count = _counted(value)
    return {"min": count, "max": count}


_Bounds = Annotated[Bound | None, BeforeValidator(_bounds)]


class Expect(_Section):
    """What must hold of the built model: counts of parameters, and output shapes by output name."""

    params: _Bounds = None
    trainable_params: _Bounds = None
    non_trainable_params: _Bounds = None
    outputs: dict[str, list[Annotated[int, Field(ge=0)] | None]] = {}


class Spec(_Section):
    """A whole spec after its variables are put in."""

    kspec: Literal[1]
    name: str | None = None
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] | None = None
    dtype_policy: Any = None
    vars: dict[str, Any] = {}
    inputs: dict[str, Annotated[Input, BeforeValidator(_shape_only)]] = {}
    blocks: dict[str, Any] = {}
    layers: list[Any] = []
    outputs: str | list[str] | dict[str, str] | None = None
    compile: Compile | None = None
    fit: Fit | None = None
    data: Data | None = None
    expect: Expect | None = None
    weights: str | None = None
    class_: str | None = Field(None, alias="class")
    custom: Annotated[list[str], BeforeValidator(_wrapped)] = []
    extends: str | None = None
    import_: Annotated[list[str], BeforeValidator(_wrapped)] = Field([], alias="import")

    @property
    def is_part(self) -> bool:
        """Whether the file has no model of its own: blocks for others to import, or a base for others to extend."""
        return not self.layers and self.outputs is None


def parse(data: Any, problems: list[Problem], broken: set[str]) -> Spec | None:
    """The spec of merged data whose variables are put in.

    Sections that are wrong are noted in `problems`, named in `broken` and left out, so that the others are checked
    all the same; None where there is nothing to go on with.
    """
    if not isinstance(data, dict):
        problems.append(Problem("wrong-type", f"a spec is a mapping, not {shown(data)}", (), "begin with `kspec: 1`"))
        return None
    if data.get("kspec") != VERSION or not isinstance(data.get("kspec"), int) or isinstance(data.get("kspec"), bool):
        problems.append(_version(data))
        data = {**data, "kspec": VERSION}
    if "layers" in data and data["layers"] in (None, []) and data.get("outputs") is None:
        problems.append(Problem("missing-key", "`layers` is empty", ("layers",), "layers: [{Dense: 10}]", "key"))
    for attempt in (1, 2, 3):
        try:
            return Spec.model_validate(_without(data, broken))
        except ValidationError as error:
            details = error.errors(include_url=False)
            if attempt == 1:
                problems.extend(dict.fromkeys(_problem(detail, data) for detail in details))
                data = _pruned(data, details, broken)
            else:
                broken.update(str(detail["loc"][0]).removesuffix("_") for detail in details)
    return None


def _pruned(data: dict[Any, Any], details: list[Any], broken: set[str]) -> dict[Any, Any]:
    """Data without the wrong keys of sections, so that the rest of each section is read; else without the section."""
    pruned = dict(data)
    for detail in details:
        section, *inner = detail["loc"]
        value = pruned.get(section)
        if section in _SECTIONS and section != "inputs" and inner and isinstance(value, dict):
            pruned[section] = {key: item for key, item in value.items() if key != inner[0]}
        else:
            broken.add(str(section).removesuffix("_"))
    return pruned


def _without(data: dict[Any, Any], broken: set[str]) -> dict[Any, Any]:
    """Data without empty and broken sections; broken inputs keep their names, for others to refer to."""
    kept = {key: value for key, value in data.items() if value is not None and key not in broken}
    given = data.get("inputs")
    if "inputs" in broken and isinstance(given, dict):
        kept["inputs"] = {name: {} for name in given if isinstance(name, str)}
    return kept


def _version(data: dict[Any, Any]) -> Problem:
    if "kspec" not in data:
        return Problem("spec-version", "the format's version is missing", (), "begin the file with `kspec: 1`")
    return Problem(
        "spec-version", f"this kspec reads format 1, not {shown(data['kspec'])}", ("kspec",), "write `kspec: 1`"
    )


_MEANT = {
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "a text",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def _problem(detail: Any, data: Any) -> Problem:
    """pydantic's error in our words; its location is the route, short of the union's branches that it appends."""
    kind, context, value = detail["type"], detail.get("ctx", {}), detail["input"]
    route = _route(detail["loc"], data)
    name = str(route[-1]) if route else "the spec"
    if kind == "extra_forbidden":
        known = _fields(route[:-1])
        owner = f"`{'.'.join(map(str, route[:-1]))}`" if len(route) > 1 else "a spec"
        help = _unknown_help(name, route, known)
        return Problem("unknown-key", f"{owner} has no key `{name}`", route, help, "key")
    if kind == "missing":
        parent = str(route[-2]) if len(route) > 1 else "a spec"
        return Problem("missing-key", f"{parent} needs `{name}`", route[:-1], f"add `{name}:`", "key")
    if kind in _MEANT:
        message = f"`{name}` is {_MEANT[kind]}, not {shown(value)}"
        if name == "layers" and isinstance(value, dict):
            return Problem("wrong-type", message, route, "begin each step with `- `", "key")
        return Problem("wrong-type", message, route)
    limit = next((f"{word} {context[key]:,}" for key, word in _LIMITS.items() if key in context), "")
    if kind.startswith(("greater_than", "less_than")):
        return Problem("wrong-value", f"`{name}` is {limit}, not {shown(value)}", route)
    if kind == "literal_error":
        return Problem("wrong-value", f"`{name}` cannot be {shown(value)}", route, f"expected {context['expected']}")
    return Problem("wrong-value", f"`{name}` cannot be {shown(value)}: {detail['msg'].lower()}", route)


_LIMITS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


def _route(location: tuple[Any, ...], data: Any) -> Route:
    route: list[Any] = []
    node = data
    for part in location:
        if isinstance(node, dict) and (part in node or part == location[-1]):
            route.append(part)
            node = node.get(part)
        elif isinstance(node, list) and isinstance(part, int) and part < len(node):
            route.append(part)
            node = node[part]
        elif part == "class_" or part == "import_":
            route.append(part[:-1])
    return tuple(route)


_SECTIONS: dict[str, type[BaseModel]] = {
    "compile": Compile,
    "fit": Fit,
    "data": Data,
    "expect": Expect,
    "inputs": Input,
}


def _fields(route: Route) -> list[str]:
    if not route:
        return [field.alias or name for name, field in Spec.model_fields.items()]
    if route[0] == "data" and len(route) > 1:
        return list(DataFile.model_fields)
    if route[0] == "expect" and len(route) > 1:
        return list(Bound.model_fields)
    return list(_SECTIONS[str(route[0])].model_fields)


def _unknown_help(name: str, route: Route, known: list[str]) -> str:
    if route[0] == "fit" and name in ("x", "y", "validation_data"):
        return "data stands in the section `data`, or comes by `--data`"
    if route[0] == "fit" and name == "verbose":
        return "how much is printed is the command's choice: `--quiet`"
    section = next((s for s, model in _SECTIONS.items() if name in model.model_fields and s != "inputs"), "")
    if len(route) == 1 and section:
        return f"it belongs under `{section}`"
    return suggestion(name, known, f"expected {listing(known, 20)}")


def check_objects(spec: Spec, checker: Checker) -> Spec:
    """The spec with the Keras objects of `compile`, `fit` and `dtype_policy` checked and put in as Objects."""
    update: dict[str, Any] = {}
    if spec.name is not None:
        _check_title(spec.name, checker)
    if spec.compile is not None:
        update["compile"] = _compile(spec.compile, checker)
    if spec.fit is not None:
        _class_weight(spec.fit.class_weight, checker)
        callbacks = spec.fit.callbacks
        if not isinstance(callbacks, (list, tuple)):
            checker.wrong("wrong-type", f"`callbacks` is a list, not {shown(callbacks)}", ("fit", "callbacks"))
            callbacks = ()
        made = [checker.object(item, "callbacks", ("fit", "callbacks", i)) for i, item in enumerate(callbacks)]
        update["fit"] = spec.fit.model_copy(update={"callbacks": tuple(made)})
    if spec.dtype_policy is not None:
        update["dtype_policy"] = dtype(spec.dtype_policy, ("dtype_policy",), checker)
    for name in spec.inputs:
        check_name(name, ("inputs", name), checker)
        given = spec.inputs[name].dtype
        if given is not None and given not in DTYPES:
            help = suggestion(given, DTYPES, f"one of {listing(DTYPES, 20)}")
            checker.wrong("wrong-value", f"there is no dtype `{given}`", ("inputs", name, "dtype"), help)
        elif given == "string":
            help = "turn texts into whole numbers before training, and give the input an int dtype"
            checker.wrong(
                "not-on-jax", "texts need TensorFlow, which kspec does without", ("inputs", name, "dtype"), help
            )
    return spec.model_copy(update=update)


DTYPES = (
    *("float32", "float16", "bfloat16", "float64", "int32", "uint8", "bool", "string"),
    *("int8", "int16", "int64", "uint16", "uint32", "uint64"),
)
POLICIES = ("float32", "float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16")
_QUANTIZED = re.compile(r"(int8|int4|float8)_from_(float32|float16|bfloat16|mixed_float16|mixed_bfloat16)\Z")


def dtype(value: Any, route: Route, checker: Checker) -> Any:
    """A dtype policy: a name, or an object."""
    if isinstance(value, str):
        if value not in POLICIES and not _QUANTIZED.match(value):
            help = suggestion(value, POLICIES, f"one of {listing(POLICIES)}")
            checker.wrong("wrong-value", f"there is no dtype policy `{value}`", route, help)
        return value
    return checker.object(value, "dtype_policies", route)


def _check_title(name: str, checker: Checker) -> None:
    """The model's name also names the folders of its runs; Keras refuses a slash too."""
    if not name.strip() or len(name) > 200 or not name.isprintable() or set(name) & set("/\\"):
        help = "a model's name is a line of at most 200 characters, without / and \\"
        checker.wrong("wrong-value", f"{shown(name)} cannot be a model's name", ("name",), help)


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
        elif not isinstance(key, int) or not _is_weight(item):
            wrong(("fit", "class_weight", key), item)


def _is_weight(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0


def objects_in(value: Any) -> list[Object]:
    """Every Object in a checked value, outermost first."""
    if isinstance(value, Object):
        return [value, *objects_in(value.args)]
    if isinstance(value, dict):
        return [found for item in value.values() for found in objects_in(item)]
    if isinstance(value, (list, tuple)):
        return [found for item in value for found in objects_in(item)]
    return []
