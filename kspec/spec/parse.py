"""Merged data -> Spec, and what is wrong with the sections' own form, in our words."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ValidationError

from kspec import catalog
from kspec.diagnostics import Problem, Route, listing, nearest, proposed, suggestion
from kspec.spec import python, renamed
from kspec.spec.expressions import UNREAD
from kspec.spec.places import SECTIONS, Source
from kspec.spec.schema import (
    MAX_AXES,
    VERSION,
    Bound,
    Compile,
    Data,
    DataFile,
    Expect,
    ExpectedOutput,
    Fit,
    Input,
    MemoryBound,
    Spec,
)
from kspec.spec.values import MAX_SIZE, instead, shown, spaced

_OF_MODEL = frozenset({"layers", "outputs"})
_SECTIONS: dict[str, type[BaseModel]] = {"compile": Compile, "fit": Fit, "data": Data, "expect": Expect}


def parse(data: Any, problems: list[Problem], broken: set[str], gaps: frozenset[str] = frozenset()) -> Spec | None:
    """The spec of merged data whose variables are put in.

    Sections that are wrong are noted in `problems`, named in `broken` and left out, so that the others are checked
    all the same; None where there is nothing to go on with. `gaps` are sections that could not be read wholly.
    """
    if not isinstance(data, dict):
        problems.append(Problem("wrong-type", f"a spec is a mapping, not {shown(data)}", (), "begin with `kspec: 1`"))
        return None
    data = _versioned(data, problems, "kspec" in gaps)
    unread = broken | gaps
    if "layers" in data and data["layers"] in (None, []) and not data.get("outputs") and not unread & _OF_MODEL:
        problems.append(Problem("missing-key", "`layers` is empty", ("layers",), "layers: [{Dense: 10}]", "key"))
    if isinstance(data.get("inputs"), dict) and None in data["inputs"].values():  # `(28, 28)` is cut at its commas
        data = {**data, "inputs": python.rejoined(data["inputs"])}
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


def respelt(source: Source) -> Source:
    """The source with its misspelt sections as what they must mean, each of them a problem."""
    if not isinstance(source.data, dict):
        return source
    meant: dict[Any, str] = {}
    problems = []
    for key in source.data:
        word = "" if key in SECTIONS else proposed(_unknown_help(str(key), (key,)))
        if word and word not in source.data and word not in meant.values():
            meant[key] = word
            problem = Problem("unknown-key", f"a spec has no key `{key}`", (key,), f"did you mean `{word}`?", "key")
            problems.append(source.locate(problem))
    if not meant:
        return source
    data, keys, members = (
        {meant.get(key, key): value for key, value in each.items()}
        for each in (source.data, source.marks.keys, source.marks.members)
    )
    marks = source.marks._replace(keys=keys, members=members)
    return replace(source, data=data, marks=marks, problems=(*source.problems, *problems))


def _versioned(data: dict[Any, Any], problems: list[Problem], unread: bool) -> dict[Any, Any]:
    """The data with this format's version, whatever stood there."""
    given = data.get("kspec")
    if given == VERSION and type(given) is int:
        return data
    if "kspec" in data:
        newer = type(given) is int and given > VERSION
        help = "install a newer kspec" if newer else "write `kspec: 1`"
        problems.append(Problem("spec-version", f"this kspec reads format 1, not {shown(given)}", ("kspec",), help))
        return {**data, "kspec": VERSION}
    message, help = "the format's version is missing", "begin the file with `kspec: 1`"
    if not unread:
        problems.append(Problem("spec-version", message, (), help))
    return {"kspec": VERSION, **data}


def _pruned(data: dict[Any, Any], details: list[Any], broken: set[str]) -> dict[Any, Any]:
    """Data without the wrong keys of sections, so that the rest of each section is read; else without the section.

    A wrong input keeps its name, for others to refer to, and has no shape.
    """
    pruned = dict(data)
    for detail in details:
        section, *inner = detail["loc"]
        value = pruned.get(section)
        if section == "inputs" and inner and isinstance(value, dict):
            pruned[section] = dict(_unknown(name) if name == inner[0] else (name, item) for name, item in value.items())
        elif section == "custom" and inner and isinstance(value, list):
            pruned[section] = [UNREAD if index == inner[0] else item for index, item in enumerate(value)]
        elif section in _SECTIONS and inner and isinstance(value, dict):
            pruned[section] = {key: item for key, item in value.items() if key != inner[0]}
        else:
            broken.add(str(section).removesuffix("_"))
    return pruned


def _unknown(name: Any) -> tuple[str, Any]:
    return (spaced(name).partition(":")[0] or name) if isinstance(name, str) else f"{name}", {}


def _without(data: dict[Any, Any], broken: set[str]) -> dict[Any, Any]:
    """Data without empty and broken sections."""
    return {key: value for key, value in data.items() if value is not None and key not in broken}


# -- pydantic's errors -------------------------------------------------------------------------------------------------

_MEANT = {
    "int_type": ("a whole number", "int"),
    "float_type": ("a number", "float"),
    "string_type": ("a text", "str"),
    "bool_type": ("true or false", "bool"),
    "list_type": ("a list", ""),
    "dict_type": ("a mapping", ""),
    "model_type": ("a mapping", ""),
    "model_attributes_type": ("a mapping", ""),
}
_EXPECTED: dict[tuple[Route, int], tuple[str, str]] = {
    (("expect", "outputs"), 3): ("a shape, or `{shape: …, dtype: …}`", "list"),
    (("expect", "train_memory"), 2): ("a size in bytes such as `8GiB`, or bounds", ""),
    (("expect", "train_memory"), 3): ("a size in bytes such as `8GiB`", ""),
}
"""What stands at these routes, by their beginning and their length."""
_LIMITS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
_SEVERAL = {
    ("outputs",): "a name, a list of names or a mapping from names to names",
    ("compile", "jit_compile"): "true, false or `auto`",
    ("fit", "sample_weight"): "an array's name, or such names by output",
    ("data", "train"): "a file's path, or `{path: …, fields: {…}}`",
    ("data", "validation"): "a file's path, or `{path: …, fields: {…}}`, or `{fraction: 0.2}`",
    ("data", "test"): "a file's path, or `{path: …, fields: {…}}`, or `{fraction: 0.2}`",
}
"""Values with several forms: pydantic has an error for each form, and a person has made one mistake."""


def _problem(detail: Any, data: Any) -> Problem:
    """pydantic's error in our words."""
    kind, context, value, location = detail["type"], detail.get("ctx", {}), detail["input"], detail["loc"]
    if location[0] == "inputs" and len(location) > 1:
        found = _input(location[1], data["inputs"].get(location[1]), location[2:])
        if found is not None:
            return found
    several = next((route for route in _SEVERAL if location[: len(route)] == route), None)
    if several is not None and (location == several or several[0] != "data"):
        return _one_of_several(several, data)
    route = _route(location, data)
    name = str(route[-1]) if route else "the spec"
    if len(route) > 1 and isinstance(route[-1], int):
        name = f"{route[-2]}[{route[-1]}]"
    apart = spaced(name if kind == "extra_forbidden" and value is None else value if kind == "model_type" else None)
    if apart and (kind == "model_type" or apart.partition(":")[0] in _fields(route[:-1])):
        message, help = "a space is missing after the colon", f"write `{apart}`"
        return Problem("step-form", message, route, help, "key" if kind == "extra_forbidden" else "value")
    if kind == "extra_forbidden":
        owner = f"`{'.'.join(map(str, route[:-1]))}`" if len(route) > 1 else "a spec"
        return Problem("unknown-key", f"{owner} has no key `{name}`", route, _unknown_help(name, route), "key")
    if kind == "missing":
        parent = str(route[-2]) if len(route) > 1 else "a spec"
        return Problem("missing-key", f"{parent} needs `{name}`", route[:-1], f"add `{name}:`", "key")
    if kind in _MEANT:
        words, type = _EXPECTED.get((route[:2], len(route)), _MEANT[kind]) if route[:1] == ("expect",) else _MEANT[kind]
        message = f"`{name}` is {words}, not {shown(value)}"
        if name == "layers" and isinstance(value, dict):
            return Problem("wrong-type", message, route, "begin each step with `- `", "key")
        return Problem("wrong-type", message, route, instead(value, type))
    if kind == "int_from_float":
        return Problem("wrong-type", f"`{name}` is a whole number, not {shown(value)}", route)
    limit = next((f"{word} {context[key]:,}" for key, word in _LIMITS.items() if key in context), "")
    if kind.startswith(("greater_than", "less_than")):
        return Problem("wrong-value", f"`{name}` is {limit}, not {shown(value)}", route)
    return Problem("wrong-value", f"`{name}` cannot be {shown(value)}: {detail['msg'].lower()}", route)


def _route(location: tuple[Any, ...], data: Any) -> Route:
    """The route of pydantic's location, short of what it says of its own types."""
    route: list[Any] = []
    node = data
    for part in location:
        if isinstance(node, dict) and (part in node or part == location[-1]):
            route.append(part)
            node = node.get(part)
        elif isinstance(node, list) and isinstance(part, int) and part < len(node):
            route.append(part)
            node = node[part]
        elif part in ("class_", "import_"):
            route.append(part[:-1])
    return tuple(route)


def _one_of_several(route: tuple[str, ...], data: Any) -> Problem:
    """What is wrong with a value that may have several forms: the whole, or the one item in it that is no name."""
    value = functools.reduce(lambda node, key: node[key], route, data)
    message = f"`{route[-1]}` is {_SEVERAL[route]}, not {shown(value)}"
    if route[0] == "data" and isinstance(value, list):
        return Problem("wrong-type", message, route, "several files are a pattern: `shards/*.parquet`")
    lists = isinstance(value, list) and route == ("outputs",)
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if lists else ():
        if not isinstance(item, str):
            help = "shapes are checked under `expect: {outputs: …}`" if isinstance(item, list) else ""
            return Problem("wrong-type", f"a name is a text, not {shown(item)}", (*route, key), help)
    return Problem("wrong-type", message, route, instead(value, "bool") if route[0] == "compile" else "")


# -- inputs ------------------------------------------------------------------------------------------------------------


def _input(name: Any, value: Any, inner: tuple[Any, ...]) -> Problem | None:
    """What is wrong with an input's name or shape; None for its other arguments."""
    route = ("inputs", name)
    if not isinstance(name, str):
        help = f'put it in quotes: `"{name}"`' if isinstance(name, (int, float)) else ""
        return Problem("wrong-type", f"an input's name is a text, not {shown(name)}", route, help, "key")
    if value is None and (apart := spaced(name)):
        return Problem("step-form", "a space is missing after the colon", route, f"write `{apart}`", "key")
    if isinstance(value, dict):
        part = inner[0] if inner else ""
        if part not in ("shape", "batch_shape"):
            return None
        given = value[part]
        if isinstance(given, int) and not isinstance(given, bool):
            message = f"`{part}` is a list of sizes, not {shown(given)}"
            return Problem("wrong-type", message, (*route, part), f"write `[{given}]`")
        return _shape(name, given, (*route, part))
    return _shape(name, value, route)


def _shape(name: str, value: Any, route: Route) -> Problem:
    if isinstance(value, int) and not isinstance(value, bool):
        return _axis(name, value, route)
    if not isinstance(value, list):
        message = f"`{name}` is a size or a list of sizes, not {shown(value)}"
        return Problem("wrong-type", message, route, instead(value, "int|list") or "such as `64` or `[28, 28, 1]`")
    for index, item in enumerate(value):
        whole = isinstance(item, int) and not isinstance(item, bool)
        if item is not None and not (whole and 1 <= item <= MAX_SIZE):
            return _axis(name, item, (*route, index))
    message = f"`{name}` has {len(value)} axes" if value else f"`{name}` has no axes"
    return Problem("wrong-value", message, route, f"at most {MAX_AXES}" if value else "the batch's size comes first")


def _axis(name: str, value: Any, route: Route) -> Problem:
    if isinstance(value, int) and value > MAX_SIZE:
        message = f"an axis of `{name}` is beyond any tensor's size: {shown(value)}"
        return Problem("too-large", message, route, f"at most {MAX_SIZE:,}")
    message = f"an axis of `{name}` is a whole number of at least 1, or null, not {shown(value)}"
    any_size = value in (-1, 0, "None", "none", "?") and not isinstance(value, bool)
    help = "write `null` for an axis of any size" if any_size else instead(value, "int")
    return Problem("wrong-value" if type(value) is int else "wrong-type", message, route, help)


# -- keys --------------------------------------------------------------------------------------------------------------


def _fields(route: Route) -> list[str]:
    """The keys that a mapping of the spec may have."""
    if not route:
        return [field.alias or name for name, field in Spec.model_fields.items()]
    inner: dict[Any, type[BaseModel]] = {"data": DataFile, "expect": _expectation(route), "inputs": Input}
    model = inner[route[0]] if len(route) > 1 else _SECTIONS[str(route[0])]
    return list(model.model_fields)


def _expectation(route: Route) -> type[BaseModel]:
    if len(route) > 2:
        return ExpectedOutput
    return MemoryBound if route[-1] == "train_memory" else Bound


def _unknown_help(name: str, route: Route) -> str:
    if route[0] == "fit" and name in ("x", "y", "validation_data"):
        return "data stands in the section `data`, or comes by `--data`"
    if route[0] == "fit" and name == "verbose":
        return "how much is printed is the command's choice: `--quiet`"
    if len(route) == 2 and (old := renamed.key(str(route[0]), name)) is not None:
        return renamed.said(name, old)
    if len(route) == 2 and (gone := renamed.dropped(str(route[0]), "", name)) is not None:
        return f"Keras {gone.since} removed it: {gone.why}"
    known = _fields(route[:-1])
    section = next((section for section, model in _SECTIONS.items() if name in model.model_fields), "")
    if section and section != route[0] and len(route) <= 2:
        return f"it belongs under `{section}`"
    close = nearest(name, known)
    if not close and name in _of_optimizers() and route[0] in (name, "compile", "fit"):
        return f"it is an argument of the optimizer: `optimizer: {{adam: {{{name}: …}}}}`"
    return suggestion(name, known, f"expected {listing(known, 20)}")


@functools.cache
def _of_optimizers() -> frozenset[str]:
    entries = catalog.entries("optimizers").values()
    return frozenset(parameter.name for entry in entries for parameter in entry.parameters)
