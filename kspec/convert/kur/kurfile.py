"""A Kurfile -> the data of a spec."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kspec.convert.foreigntext import Findings, Rewritten, title
from kspec.convert.kur.chain import Chain, Model
from kspec.convert.kur.includes import included
from kspec.convert.kur.jinja import Variables
from kspec.convert.kur.layers import Step
from kspec.convert.kur.training import OTHERS, TRAIN, compile_section, fit_section, seed
from kspec.diagnostics import Problem, Route, UsageError
from kspec.spec.expressions import variables_of
from kspec.spec.places import Source
from kspec.spec.values import shown

_SECTIONS = frozenset({"settings", "model", "loss", "include", "templates", *TRAIN, *OTHERS})


def is_kurfile(data: Any) -> bool:
    """Whether data are a Kurfile's: its model is a list of containers, or comes from a file that it includes."""
    if not isinstance(data, dict) or not _SECTIONS & set(data) - {"loss"}:
        return False
    return isinstance(data.get("model"), list) or ("include" in data and "kspec" not in data)


def spec_of(source: Source, path: Path, shapes: Mapping[str, list[int | None]]) -> Rewritten:
    """The data of the spec that a Kurfile's model is; `shapes` are those of inputs, by name; the only one's by ``""``.

    Raises FileError with every place where a container has no counterpart; UsageError where a shape's input is none.
    """
    findings = Findings(source)
    data = included(source, path, findings)
    variables = Variables(data)
    model = Model(findings, variables, dict(shapes))
    if not isinstance(data.get("model"), list):
        findings.wrong(("model",), "`model` is a list of containers")
        findings.check()
    _templates(data, model)
    chain = Chain(model, 0)
    for index, entry in enumerate(data["model"]):
        chain.take(entry, ("model", index))
    if not model.inputs and not findings.problems:
        findings.wrong(("model",), "the model has no `input`", "begin it with `- input: NAME`")
    findings.check()
    if model.shapes:
        names = ", ".join(f"`{name}`" for name in model.inputs)
        wrong = next(iter(model.shapes)) or "the one without a name"
        raise UsageError(Problem("usage", f"`--shape`: there is no input `{wrong}`", help=f"inputs: {names}"))
    if not chain.steps:
        findings.wrong(("model",), "the model does nothing with its input")
        findings.check()
    outputs = chain.outputs()
    _spare(chain.steps, model)
    compiled = compile_section(data, outputs or [str(chain.steps[-1].get("name", ""))], variables, findings)
    fit = fit_section(data, variables, findings, with_optimizer=compiled is not None)
    _unused(data, variables, findings)
    sections: dict[str, Any] = {
        "kspec": 1,
        "name": title(path) if title(path) not in ("kurfile", "Kurfile") else None,
        "seed": seed(data),
        "vars": None,
        "inputs": {name: _input(given) for name, given in model.inputs.items()},
        "blocks": model.blocks or None,
        "layers": [_step(each) for each in chain.steps],
        "outputs": None if outputs == [chain.steps[-1].get("name")] else outputs or None,
        "compile": compiled,
        "fit": fit,
    }
    sections["vars"] = _named(sections, variables.used) or None
    return Rewritten({key: value for key, value in sections.items() if value is not None}, tuple(findings.notes))


def _named(sections: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """The variables that a spec names; those that only decided what is written in it are left out."""
    named: set[str] = set()
    waiting = [sections]
    while waiting:
        item = waiting.pop()
        if isinstance(item, (dict, list)):
            waiting += item.values() if isinstance(item, dict) else item
        elif isinstance(item, str):
            new = set(variables_of(item)) - named
            named |= new
            waiting += [values[name] for name in new if name in values]
    return {name: value for name, value in values.items() if name in named}


def _templates(data: dict[str, Any], model: Model) -> None:
    """Templates as blocks; their variables are what any use gives them."""
    templates = data.get("templates")
    if templates is None:
        return
    if not isinstance(templates, dict):
        model.findings.wrong(("templates",), "`templates` is a mapping of lists of containers")
        return
    model.blocks.update({name: {} for name in templates if isinstance(name, str)})
    arguments = _arguments([data.get("model"), templates], set(model.blocks))
    for name, containers in templates.items():
        route: Route = ("templates", name)
        if not isinstance(name, str):
            model.findings.wrong(route, f"a template's name is a text, not {shown(name)}")
            continue
        if not isinstance(containers, list):
            model.findings.wrong(route, "a template is a list of containers")
            continue
        chain = Chain(model, 1)
        model.variables.defaults = {}
        with model.variables.scope(set(arguments[name])):
            for index, entry in enumerate(containers):
                chain.take(entry, (*route, index))
        own = {each: model.variables.defaults.get(each) for each in arguments[name]}
        block: dict[str, Any] = {"vars": own} if own else {}
        model.blocks[name] = {**block, "layers": [_step(each) for each in chain.steps]}


def _arguments(value: Any, names: set[str]) -> dict[str, dict[str, None]]:
    """The arguments that the uses of templates give them, in their order."""
    found: dict[str, dict[str, None]] = {name: {} for name in names}
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            for name, given in item.items():
                if name in names and isinstance(given, dict):
                    found[name] |= {str(key): None for key in given}
            stack += list(item.values())[::-1]
        elif isinstance(item, list):
            stack += item[::-1]
    return found


def _spare(steps: list[Step], model: Model) -> None:
    """The first step takes the only input without being told."""
    if len(model.inputs) == 1 and steps and steps[0].get("from") == next(iter(model.inputs)):
        del steps[0]["from"]


def _input(given: dict[str, Any]) -> Any:
    return given if set(given) > {"shape"} else given["shape"]


_ORDER = ("name", "from", "when", "trainable")


def _step(step: Step) -> Any:
    """A step as people write it: the operation first; a bare name where there is nothing else."""
    words = {word: step[word] for word in _ORDER if word in step}
    rest: dict[str, Any] = {}
    for key, value in step.items():
        if key == "layers":
            rest[key] = [_step(each) for each in value]
        elif key not in _ORDER:
            rest[key] = {} if value is None and words else value
    if not words and len(rest) == 1 and next(iter(rest.values())) is None:
        return next(iter(rest))
    return {**rest, **words}


def _unused(data: dict[str, Any], variables: Variables, findings: Findings) -> None:
    """Settings that the spec has no use for."""
    settings = data.get("settings")
    if not isinstance(settings, dict):
        return
    used = {path[0] for path in variables.paths.values()} | {"seed"}
    rest = [str(key) for key in settings if key not in used]
    if rest:
        findings.note(("settings",), f"settings that the model does not use are left out: {', '.join(rest)}")
