"""Steps: one operation and kspec's words beside it; the five forms; blocks.

A step's operation chooses its schema by `dependencies`, which is if/then on a key in one keyword: one message for what
is wrong inside it. What editors offer stands apart, under a condition: operations while a step has none, words always.
"""

from __future__ import annotations

from kspec import catalog
from kspec.catalog import Entry
from kspec.editor.schema import plain
from kspec.editor.schema.definitions import Definitions, Schema, reference
from kspec.editor.schema.documentation import FORMS, WORDS
from kspec.editor.schema.objects import key, required, usable
from kspec.editor.schema.sections import section
from kspec.spec.adapting import MODES
from kspec.spec.sections import POLICIES
from kspec.spec.stepform import BESIDE
from kspec.spec.stepform import WORDS as BESIDE_ALL

_KINDS = ("layers", "ops")
_MERGE_KEY = "<<"
_OWN = {"layers": "repeat", "merge": "residual", "output": "model"}
"""Words that are a form's alone, and a form that has each."""
POLICY = plain.either(plain.exactly(POLICIES), r"^(int8|int4|float8)_from_", plain.DOLLAR)


def define(definitions: Definitions) -> None:
    """Define `step`, `steps` and `block`."""
    several = {"type": ["string", "array"], **plain.items({"type": "string"})}
    text = {"type": "string"}
    own: dict[str, Schema] = {
        "name": {**several, "errorMessage": "`name` is a text, or a list that names each output"},
        "from": {
            "type": ["string", "array", "object"],
            "errorMessage": "`from` names tensors: a name, a list, a mapping",
        },
        "call": {"type": ["object", "string"], "pattern": plain.DOLLAR, "errorMessage": "`call` is a mapping"},
        "when": {**plain.value(["bool"]), "errorMessage": "`when` is true or false, or an expression"},
        "trainable": {**plain.value(["bool"]), "errorMessage": "`trainable` is true or false"},
        "dtype": policy(),
        "weights": text,
        "lora": lora(),
        "quantize": quantize(),
        "layers": reference("steps"),
        "merge": {"type": ["string", "object"], "allOf": [reference("layers")]},
        "output": text,
    }
    for word, schema in own.items():
        definitions.add(f"step.{word}", {"description": WORDS[word], **schema})
    for form, schema in _forms().items():
        definitions.add(form, {"description": FORMS[form], **schema})
    definitions.add("no operation of Keras", {"pattern": plain.none_of(names())})
    definitions.add("beside a function", _beside(r"ops\.[a-z0-9_.]+", "a function of keras.ops"))
    definitions.add("step", _step())
    definitions.add("steps", {"type": "array", "items": reference("step"), "errorMessage": "begin each step with `- `"})
    definitions.add("chain", {**plain.items(reference("step")), "else": reference("step")})
    definitions.add("block", section("block", _block()))


def lora() -> Schema:
    """A rank, or the arguments of Keras's `enable_lora`; false for none."""
    rank = {"type": ["integer", "string"], "minimum": 1, "pattern": plain.DOLLAR}
    alpha = {"type": ["number", "string", "null"], "exclusiveMinimum": 0, "pattern": plain.DOLLAR}
    return {
        "type": ["integer", "object", "string", "boolean", "null"],
        "minimum": 1,
        "pattern": plain.DOLLAR,
        "not": {"const": True},
        "properties": {"rank": rank, "lora_alpha": alpha},
        "required": ["rank"],
        "additionalProperties": False,
        "errorMessage": "a rank, `8`, or `{rank: 8, lora_alpha: 16}`; `false` for none",
    }


def quantize() -> Schema:
    """A mode of Keras's `quantize`; false for none."""
    return {
        "type": ["string", "boolean", "null"],
        "pattern": plain.either(plain.exactly(MODES), plain.DOLLAR),
        "not": {"const": True},
        "errorMessage": "`int8`, `int4` or `float8`; `false` for none",
    }


def policy() -> Schema:
    """A dtype policy by its name, or an object."""
    return {
        "type": ["string", "object"],
        "pattern": POLICY,
        "errorMessage": "a dtype policy of Keras, such as `mixed_bfloat16`",
        "allOf": [reference("dtype_policies")],
    }


def _forms() -> dict[str, Schema]:
    """The value of each form."""
    counts = {"type": ["integer", "array", "string"], "minimum": 0}
    return {
        "reuse": {"type": "string"},
        "repeat": {
            "type": ["object", "integer", "string"],
            "pattern": plain.DOLLAR,
            "minimum": 0,
            "errorMessage": "write a count, `{i: 12}` or `{filters: [64, 128, 256]}`",
            "allOf": [{"maxProperties": 1, "additionalProperties": counts}],
        },
        "residual": reference("chain"),
        "parallel": {
            "type": ["array", "object"],
            "items": reference("chain"),
            "additionalProperties": reference("chain"),
            "errorMessage": "a list of chains, or a mapping that names them",
        },
        "model": {"type": "string"},
    }


def _step() -> Schema:
    beside = {word: reference(f"step.{word}") for word in _ordered(BESIDE_ALL)}
    lacking = [entry.name for entry in _operations() if required(entry)]
    return {
        "type": ["object", "string"],
        "errorMessage": "a step is a name, or a mapping with one operation",
        "pattern": plain.none_of([*lacking, *BESIDE, *_ordered(BESIDE_ALL), *_OWN]),
        "patternErrorMessage": "this needs a value: `Dense: 10`",
        "properties": beside,
        "dependencies": {name: _chosen(name) for name in names()},
        "allOf": [
            {
                "if": {"propertyNames": reference("no operation of Keras")},
                "then": {"properties": {**_offered(), **_offered_forms()}},
            },
            {
                "if": {"propertyNames": {"enum": [*_ordered(BESIDE_ALL)]}},
                "then": {"required": ["an operation"], "errorMessage": "this step has no operation"},
            },
            {"if": {"type": "string"}, "then": {"allOf": _alone()}},
        ],
    }


def names() -> list[str]:
    """Every operation that Keras gives or kspec has."""
    layers = [name for entry in catalog.entries("layers").values() for name in (entry.name, *entry.identifiers)]
    return [*BESIDE, *layers, *catalog.names("ops")]


def words() -> list[str]:
    """What stands beside an operation."""
    return [*_ordered(BESIDE_ALL), *_OWN, _MERGE_KEY]


def _operations() -> list[Entry]:
    return [entry for kind in _KINDS for entry in usable(kind)]


def _chosen(name: str) -> Schema:
    """What holds for a step with this operation: its value, and what stands beside it."""
    if name in BESIDE:
        own = {word: reference(f"step.{word}") for word in _OWN if word in BESIDE[name]}
        inside: Schema = {
            "properties": {name: reference(name), **own},
            "propertyNames": _beside(name, f"`{name}`", name),
        }
        if name == "repeat":
            well = {"propertyNames": inside["propertyNames"], "properties": {name: {"maxProperties": 1}}}
            lacking = {"required": ["layers"], "errorMessage": "`repeat` needs `layers` beside it"}
            inside |= {"if": well, "then": lacking}
        return inside
    entry = catalog.find("layers", name) or catalog.find("ops", name)
    assert entry is not None
    beside = reference("beside a function") if entry.kind == "ops" else _beside(name, f"`{name}`")
    return {"properties": {name: reference(key(entry))}, "propertyNames": beside}


def _beside(pattern: str, what: str, form: str = "") -> Schema:
    words = _ordered(BESIDE[form] if form else BESIDE_ALL)
    inside = "" if form else "; arguments go inside it"
    return {
        "pattern": f"^({pattern}|{'|'.join(words)}|{_MERGE_KEY})$",
        "errorMessage": f"beside {what} stand {', '.join(words)}{inside}",
    }


def _ordered(words: frozenset[str]) -> list[str]:
    """Words in the order of their documentation."""
    return [word for word in WORDS if word in words]


def _offered() -> dict[str, Schema]:
    """What an editor offers for each operation, and writes: what must be given, and no default."""
    offered: dict[str, Schema] = {}
    for entry in _operations():
        needed = required(entry)
        inside = {"properties": {name: {"type": "string"} for name in needed}, "required": needed} if needed else {}
        offered[entry.name] = {"description": entry.doc, **inside}
    return offered


def _alone() -> list[Schema]:
    """What an editor shows of a layer that stands alone."""
    alone = (entry for entry in usable("layers") if not required(entry))
    return [{"if": {"const": entry.name}, "then": {"description": entry.doc}} for entry in alone]


def _offered_forms() -> dict[str, Schema]:
    types = {"reuse": "string", "repeat": "string", "residual": "array", "parallel": "array", "model": "string"}
    return {form: {"description": text, "type": types[form]} for form, text in FORMS.items()}


def _block() -> dict[str, Schema]:
    names = {"type": ["string", "array"], "items": {"type": "string"}}
    open_input = {"anyOf": [{"type": "null"}, reference("input")]}
    return {
        "vars": {"type": ["object", "null"]},
        "inputs": {**names, "type": ["string", "array", "object"], "additionalProperties": open_input},
        "layers": reference("steps"),
        "outputs": {**names, "type": ["string", "array", "object"], "additionalProperties": {"type": "string"}},
        "nested": {"type": "boolean", "errorMessage": "`nested` is true or false"},
    }
