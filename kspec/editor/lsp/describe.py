"""Keras's and kspec's words in a few lines of Markdown."""

from __future__ import annotations

from typing import Any

from kspec.catalog import Argument, Entry, Parameter
from kspec.editor.lsp.slots import SECTIONS
from kspec.spec import python
from kspec.spec.values import singular

WORDS = {
    "name": "names the step and its output; a list names each output of a layer with several",
    "from": "the input: a name, a list of names, or a mapping by call argument; by default the previous step",
    "call": "constant arguments of the layer's call",
    "when": "the step exists only when this is true",
    "trainable": "false freezes the step",
    "dtype": "the step's dtype policy",
    "weights": "a file of weights to load",
    "lora": "Keras's LoRA of this rank: `8`, `{rank: 8, lora_alpha: 16}`; `false` for none",
    "quantize": "Keras's quantization, once weights are loaded: `int8`, `int4`, `float8`; `false` for none",
    "reuse": "calls an earlier layer or block again, with the same weights",
    "repeat": "a chain several times: `12`, `{i: 12}` or `{filters: [64, 128]}`",
    "residual": "a chain added to its input; `merge: Multiply` for another layer",
    "parallel": "chains on the same input; a mapping names them, `merge` joins them",
    "model": "a saved model, or another spec, as one layer",
    "layers": "the steps, in order",
    "merge": "the layer that joins the chains",
    "output": "where the model is cut",
    "previous": "the previous step's output",
    "input": "what the block's (or the chain's) input is",
}
"""kspec's own words in and beside a step."""

TOP = {
    "kspec": "the format's version: `1`",
    "name": "the model's name",
    "seed": "of every random number",
    "lora": "Keras's LoRA for every layer that has it: `8`, `{rank: 8, lora_alpha: 16}`",
    "quantize": "Keras's quantization of every layer that has it: `int8`, `int4`, `float8`",
    "dtype_policy": "a Keras dtype policy: `mixed_bfloat16`",
    "vars": "variables: `$name`, `$(4 * name)` anywhere; `--set name=value` wins",
    "inputs": "shapes without the batch axis: `64`, `[28, 28, 1]`, or keras.Input's arguments",
    "blocks": "sub-graphs with variables, used as steps by their names",
    "layers": "the steps, in order",
    "outputs": "a name, a list or a mapping; left out, the last step",
    "compile": "keras.Model.compile's arguments",
    "fit": "keras.Model.fit's arguments",
    "data": "where arrays come from; `--data` wins",
    "expect": "what must hold of the model, for CI",
    "weights": "a file of weights for the whole model",
    "class": "a subclass of keras.Model to build the graph as; it is code, and must be trusted",
    "custom": "Python modules with layers, losses and metrics; they are code, and must be trusted",
    "extends": "a spec that this one is put over",
    "import": "files whose blocks this spec uses",
}
"""The sections."""

BLOCK = {
    "vars": "the block's variables with their defaults; null: the caller must give it",
    "inputs": "names of what the caller's `from` gives",
    "outputs": "a name, a list or a mapping; left out, the last step",
    "layers": "the steps, in order",
    "nested": "true makes it a keras.Model of its own",
}


def word(name: str) -> str:
    """One of kspec's words."""
    return f"`{name}`: {WORDS[name]}" if name in WORDS else ""


def section(name: str) -> str:
    """A section."""
    return f"`{name}`: {TOP[name]}" if name in TOP else ""


def entry(found: Entry) -> str:
    """A Keras name: its signature with defaults, and what Keras says of it."""
    shown = [f"{each.name}" if each.required else f"{each.name}={each.default!r}" for each in found.parameters]
    tensors = [each.name for each in found.call if each.tensor is not None] if found.kind == "ops" else []
    short = found.path if found.kind != "custom" else found.name
    signature = f"{short}({', '.join([*tensors, *shown])})"
    if len(signature) > 88:
        signature = f"{short}(\n" + "".join(f"    {each},\n" for each in [*tensors, *shown]) + ")"
    parts = [f"```python\n{signature}\n```", found.doc]
    if found.kind == "layers" and found.call:
        parts.append(f"call: {', '.join(f'`{each.name}`' for each in found.call)}")
    if found.jax:
        parts.append(f"**It cannot be used**: it {found.jax}")
    return "\n\n".join(part for part in parts if part)


def parameter(found: Parameter, owner: str) -> str:
    """An argument: type, default and what Keras says of it."""
    told = [f"`{found.name}` of {owner}: {kind(found)}, {default(found.default, found.required)}"]
    if found.choices:
        told.append("one of " + ", ".join(f"`{each}`" for each in found.choices))
    return "\n\n".join([*told, found.doc] if found.doc else told)


def kind(found: Parameter) -> str:
    """What a parameter takes."""
    what = [singular(found.object)] if found.object else []
    return "|".join([*what, *([found.type] if found.type else [])]) or "any"


def argument(found: Argument) -> str:
    """An argument of a call."""
    what = {"one": "a tensor", "list": "a list of tensors", "any": "a tensor or a number"}.get(found.tensor or "", "")
    return f"`{found.name}` of the call: {what or 'a constant'}, {default(found.default, found.required)}"


def field(name: str, key: str) -> str:
    """A key of a section."""
    model = SECTIONS.get(name)
    if model is None or key not in model.model_fields:
        return ""
    about = model.model_fields[key]
    owners = {"compile": "keras.Model.compile", "fit": "keras.Model.fit", "input": "keras.Input"}
    return f"`{key}` of {owners.get(name, f'`{name}`')}, by default `{flow(about.default)}`"


def default(value: Any, required: bool) -> str:
    """What holds where nothing is given."""
    return "to be given" if required else f"by default `{flow(value)}`"


def flow(value: Any) -> str:
    """A value in one line of YAML."""
    if isinstance(value, tuple):
        value = list(value)
    text = python.flow(value) if isinstance(value, (dict, list)) else _scalar(value)
    return text if len(text) <= 200 else text[:199] + "…"


def _scalar(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)
