"""The sections of a spec: their keys from pydantic's models, which do the checking; forms that those leave open."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from kspec.editor.schema import plain
from kspec.editor.schema.definitions import Definitions, Schema, reference
from kspec.editor.schema.documentation import SECTIONS
from kspec.editor.schema.outputs import by_output
from kspec.spec import schema as models
from kspec.spec.sections import DTYPES

_SHAPE = {"type": ["array", "string"], "pattern": plain.DOLLAR, "items": reference("axis")}
_COLUMNS = {
    "type": "object",
    "additionalProperties": {"type": ["string", "array"], "items": {"type": "string"}},
}
_NULLABLE = ["object", "null"]


def define(definitions: Definitions) -> None:
    """Define every section."""
    axis = {"type": ["integer", "null", "string"], "minimum": 0, "pattern": plain.DOLLAR}
    definitions.add("axis", {**axis, "errorMessage": "an axis is a whole number, or null for any size"})
    for kind in ("losses", "metrics"):
        definitions.add(f"{kind} by output", by_output(kind))
    for name, model in _MODELS.items():
        definitions.add(name, section(name, _fields(name, model)))
    short = {
        "input": ["integer", "array", "string"],
        "bounds": ["integer", "string"],
        "memory bounds": ["integer", "string"],
        "expected output": ["array", "string"],
        "file": ["string", "null"],
    }
    for name, types in short.items():
        schema = definitions.made[name]
        schema["type"] = ["object", *types]
        schema |= _SHORT[name]


def section(name: str, fields: dict[str, Schema]) -> Schema:
    """A mapping with these keys and no others, each with its line of documentation."""
    texts = SECTIONS[name]
    assert set(texts) == set(fields), set(texts) ^ set(fields)
    properties = {key: {"description": texts[key], **_beside(fields[key])} for key in texts}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _beside(schema: Schema) -> Schema:
    """A schema that something may stand beside."""
    return {"allOf": [schema]} if "$ref" in schema else schema


def _fields(name: str, model: type[BaseModel]) -> dict[str, Schema]:
    """The keys of a section by pydantic's model, with our own schema where it has none of use."""
    given = model.model_json_schema(by_alias=True)["properties"]
    own = _OWN.get(name, {})
    return {key: own[key] if key in own else relaxed(key, schema) for key, schema in given.items()}


def relaxed(key: str, schema: Any) -> Schema:
    """pydantic's schema of a plain value as one list of types, and variables let in."""
    branches = schema.get("anyOf", [schema])
    types: list[str] = []
    made: Schema = {}
    for branch in branches:
        types.append(branch.get("type", _type_of(branch.get("const"))))
        made |= {word: branch[word] for word in _LIMITS if word in branch}
    if "string" not in types:
        numeric = "number" in types
        made["pattern"] = plain.either(plain.EXPONENT if numeric else "", plain.DOLLAR)
        types.append("string")
    if isinstance(schema.get("default"), (int, float, str)):
        made["default"] = schema["default"]
    phrase = " or ".join(_PHRASES[type] for type in types if type in _PHRASES and type != "string") or "a text"
    return {"type": types, **made, "errorMessage": f"`{key}` is {phrase}"}


_LIMITS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_PHRASES = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "string": "a text",
    "array": "a list",
    "object": "a mapping",
}


def _type_of(value: Any) -> str:
    return "string" if isinstance(value, str) else "integer"


_MODELS: dict[str, type[BaseModel]] = {
    "input": models.Input,
    "compile": models.Compile,
    "fit": models.Fit,
    "file": models.DataFile,
    "data": models.Data,
    "bounds": models.Bound,
    "memory bounds": models.MemoryBound,
    "expected output": models.ExpectedOutput,
    "expect": models.Expect,
    "spec": models.Spec,
}
_SIZE = r"^[0-9][0-9_.]*\s*([KMGT]?i?B)?$|\$"
_SHORT: dict[str, Schema] = {
    "input": {
        "pattern": plain.DOLLAR,
        "minimum": 1,
        "items": reference("axis"),
        "errorMessage": "a size, a shape without the batch axis, or keras.Input's arguments",
    },
    "bounds": {"pattern": r"^[0-9][0-9_.]*\s*[kKMGBT]?$|\$", "errorMessage": "a count, such as `5M`, or `{max: …}`"},
    "memory bounds": {"pattern": _SIZE, "errorMessage": "a size, such as `8GiB`, or `{max: …, batch_size: …}`"},
    "expected output": {
        "pattern": plain.DOLLAR,
        "items": reference("axis"),
        "errorMessage": "a shape, or `{shape: …, dtype: …}`",
    },
    "file": {"errorMessage": "a file, or `{path: …, fields: {…}}`"},
}
_MEMORY = {"type": ["integer", "string", "null"], "pattern": _SIZE}
_COUNT = {"type": ["integer", "string", "null"], "pattern": r"^[0-9][0-9_.]*\s*[kKMGBT]?$|\$"}
_WORDS = {"type": ["string", "array"], **plain.items({"type": "string"})}
_OWN: dict[str, dict[str, Schema]] = {
    "input": {"shape": _SHAPE, "batch_shape": _SHAPE, "dtype": plain.choice(DTYPES, ["str", "null"])},
    "compile": {
        "optimizer": {"type": ["string", "object"], "allOf": [reference("optimizers")]},
        "loss": reference("losses by output"),
        "metrics": reference("metrics by output"),
        "weighted_metrics": reference("metrics by output"),
        "loss_weights": {"type": ["object", "array", "number", "string", "null"], "pattern": plain.DOLLAR},
        "jit_compile": plain.choice(["auto"], ["bool"]),
    },
    "fit": {
        "callbacks": {
            "type": "array",
            "items": {"type": ["object", "string"], "allOf": [reference("callbacks")]},
            "errorMessage": "`callbacks` is a list: begin each with `- `",
        },
        "class_weight": {"type": [*_NULLABLE, "string"], "pattern": plain.DOLLAR},
        "sample_weight": {"type": ["string", *_NULLABLE], "additionalProperties": {"type": "string"}},
    },
    "file": {"fields": _COLUMNS, "where": {"type": "object"}},
    "data": {
        **{name: reference("file") for name in ("train", "validation", "test")},
        "fields": _COLUMNS,
        "labels": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
    },
    "bounds": {"min": _COUNT, "max": _COUNT},
    "memory bounds": {"min": _MEMORY, "max": _MEMORY},
    "expected output": {"shape": _SHAPE, "dtype": plain.choice(DTYPES, ["str", "null"])},
    "expect": {
        **{
            name: reference("bounds")
            for name in ("params", "trainable_params", "non_trainable_params", "depth", "flops")
        },
        "train_memory": reference("memory bounds"),
        "outputs": {"type": ["object"], "additionalProperties": reference("expected output")},
    },
    "spec": {
        "kspec": {"const": models.VERSION},
        "dtype_policy": reference("step.dtype"),
        "lora": reference("step.lora"),
        "quantize": reference("step.quantize"),
        "vars": {"type": _NULLABLE},
        "inputs": {"type": _NULLABLE, "additionalProperties": reference("input")},
        "blocks": {"type": _NULLABLE, "additionalProperties": reference("block")},
        "layers": {"type": ["array", "null"], "items": reference("step"), "errorMessage": "begin each step with `- `"},
        "outputs": {**_WORDS, "type": ["string", "array", *_NULLABLE], "additionalProperties": {"type": "string"}},
        **{
            name: {"if": {"not": {"type": "null"}}, "then": reference(name)}
            for name in ("compile", "fit", "data", "expect")
        },
        "custom": {**_WORDS, "type": [*_WORDS["type"], "null"]},
        "import": {**_WORDS, "type": [*_WORDS["type"], "null"]},
    },
}
"""Forms that pydantic's validators open, and Keras objects, which pydantic does not know."""
