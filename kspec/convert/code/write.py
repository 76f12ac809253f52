"""A spec -> the text of a module in a style, tried before it is given out."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from kspec.convert.code.facts import Facts, facts
from kspec.convert.code.fed import sizes
from kspec.convert.code.files import check_weights
from kspec.convert.code.functional import functional
from kspec.convert.code.module import module
from kspec.convert.code.outputs import outputs_of
from kspec.convert.code.paths import Paths
from kspec.convert.code.program import Form, Program, Unsaid
from kspec.convert.code.refusal import refusal, refuse
from kspec.convert.code.script import Training, saves_whole, script
from kspec.convert.code.sequential import sequential
from kspec.convert.code.subclass import classes_of, subclass
from kspec.convert.code.trial import tried
from kspec.convert.code.unroll import unrolled
from kspec.convert.code.whole import structured
from kspec.convert.literals import harmless
from kspec.diagnostics import Route
from kspec.model.build import Abstract
from kspec.model.policies import is_short
from kspec.spec.compiled import Compiled
from kspec.spec.graph import Graph, Layer, held_in
from kspec.spec.lint.modes import differs

Style = Literal["functional", "sequential", "subclass"]
STYLES: dict[str, Callable[[Program, Paths], list[list[str]]]] = {
    "functional": functional,
    "sequential": sequential,
    "subclass": subclass,
}


class Code(NamedTuple):
    """A module's text, and what a person should know of it."""

    text: str
    notes: tuple[str, ...] = ()


def write(compiled: Compiled, built: Abstract, folder: Path, style: Style, training: Training | None = None) -> Code:
    """The module of a spec whose model, with nothing allocated, is `built`; it will lie in `folder`. With `training` it
    is a script that trains the model.

    The spec's structure is written where the code then makes that model; else its graph, call by call.
    Raises UsageError where neither can be said in this style.
    """
    _refuse_adapted(compiled.graph)
    check_weights(compiled)
    policy = compiled.spec.dtype_policy
    known = facts(compiled.expanded, compiled.graph, built, policy is not None and is_short(policy))
    reasons: list[str] = []
    tries = list(sizes(compiled.graph)) if style == "subclass" else [None]
    for program_of, size in itertools.product((structured, unrolled), tries):
        found = _written(program_of, compiled, known, built, folder, style, training, size, reasons)
        if found is not None:
            notes = [f"every step is written out: {reasons[0]}"] if program_of is unrolled else []
            if isinstance(compiled.graph.outputs, list) and _form(compiled.graph, style, training) == "mapping":
                notes.append("the outputs are a mapping in the code, by their names in the spec, where they are a list")
            if training is not None and not saves_whole(compiled.spec, style):
                notes.append("the script saves weights alone: a class of one's own is not in a .keras file")
            return Code(found, tuple(notes))
    raise refusal(f"this spec cannot be written in this style: {reasons[-1]}", (), "`--style functional` can say most")


def _written(
    program_of: Callable[[Compiled, Facts, frozenset[str], bool], Program],
    compiled: Compiled,
    known: Facts,
    built: Abstract,
    folder: Path,
    style: Style,
    training: Training | None,
    size: int | None,
    reasons: list[str],
) -> str | None:
    """The code of one way to read a spec, with zeros of that `size` where it is not None; None, with the reason noted,
    where it is not the spec's model."""
    try:
        asked = frozenset(name for name, _, _ in training.adapted) if training is not None else frozenset[str]()
        program = program_of(compiled, known, asked, training is not None)
        program.form = _form(compiled.graph, style, training)
        if program.weights and program.shared:
            raise Unsaid("the weights are those of a model without models in it")
        program.size, program.trains = size, any(map(differs, compiled.graph.layers.values()))
        paths = Paths(folder)
        functions = STYLES[style](program, paths)
        if training is not None:
            functions = script(functions, program, compiled.spec, training, paths, style)
        text = module(functions, program.modules, _note(compiled), is_script=training is not None)
    except Unsaid as error:
        reasons.append(str(error))
        return None
    classes = classes_of(program) if style == "subclass" else ()
    wrong = tried(text, program, built.model, folder, classes)
    if wrong:
        reasons.append(wrong)
    return None if wrong else text


def _form(graph: Graph, style: Style, training: Training | None) -> Form:
    """The form of the code's outputs: what is trained wants their names, which a class gives to a mapping alone."""
    form: Form = outputs_of(graph, training is not None)[0]
    return "mapping" if form == "list" and style == "subclass" and training is not None else form


def _refuse_adapted(graph: Graph, model: str = "model") -> None:
    """LoRA and quantization are no part of a model's making: a person does them to the model that the code makes.
    `model` is how code reaches it."""
    for layer in graph.layers.values():
        made = f'{model}.get_layer("{layer.name}")'
        if layer.lora is not None:
            _refuse_done(layer, made, "lora", f"enable_lora({layer.lora.rank})", layer.lora.route)
        if layer.quantize is not None:
            _refuse_done(layer, made, "quantize", f'quantize("{layer.quantize.mode}")', layer.quantize.route)
        if isinstance(layer.operation, Graph):
            _refuse_adapted(layer.operation, made)
        for held in held_in(layer.operation):
            _refuse_adapted(held.model, f"{made}.layer")


def _refuse_done(layer: Layer, made: str, word: str, call: str, route: Route) -> None:
    if len(route) > 1:
        help = f"leave it out, name the step `{layer.name}`, and call `{made}.{call}`"
    elif word == "quantize":
        help = f"leave it out, and call `model.{call}` after `build_model`"
    else:  # Keras has it for layers alone
        help = f"leave it out, and call `{call}` on each layer that has it, after `build_model`"
    refuse(f"`{word}` is done to a model that is made, and is not written as code", route, help)


def _note(compiled: Compiled) -> str:
    return f"{harmless(compiled.spec.name or 'A model')}, in Keras."
