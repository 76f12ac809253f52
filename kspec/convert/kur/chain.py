"""A Kurfile's containers -> the steps of a spec: names, inputs, loops, templates, outputs.

Kur's containers follow each other as a spec's steps do. An `input` is a container that the next one takes; a template
is a block, a `for` loop a `repeat`, and what a `parallel` does to every element is in a TimeDistributed.
"""

from __future__ import annotations

from typing import Any

from kspec.convert.foreigntext import Beyond, Findings
from kspec.convert.kur.jinja import Variables
from kspec.convert.kur.layers import Step, boolean, constant, is_layer, make, plain
from kspec.diagnostics import Route
from kspec.spec.expressions import variables_of
from kspec.spec.values import shown
from kspec.spec.walk import name_problem

_WORDS = frozenset({"name", "tag", "oldest", "inputs", "sink", "freeze", "when", "vars"})
_INPUTS = ("input", "placeholder")
_INPUT = "x"
"""The name of an input that has none; a spec keeps `input` to itself."""
_WITHOUT_EFFECT = {"debug": "a message", "assert": "an assertion"}
_DEEPEST = 20


class Chain:
    """Steps as they are being written; loops, templates and the model each have their own.

    `previous` is the name of the input (or of the step) that the next step takes, or empty where it is the step before.
    """

    def __init__(self, model: Model, depth: int) -> None:
        self.model, self.depth = model, depth
        self.steps: list[Step] = []
        self.previous = ""

    def take(self, entry: Any, route: Route, mapped: bool = False) -> None:
        """One container; with `mapped`, it does what it does to every element."""
        if isinstance(entry, str):
            entry = {entry: None}
        if not isinstance(entry, dict):
            self.model.findings.wrong(route, f"a container is a name or a mapping, not {shown(entry)}")
            return
        kinds = [key for key in entry if key not in _WORDS]
        if len(kinds) != 1:
            told = ", ".join(f"`{kind}`" for kind in kinds) or "none"
            self.model.findings.wrong(route, f"a container has one kind, here: {told}")
            return
        kind = kinds[0]
        if not isinstance(kind, str):
            self.model.findings.wrong(route, f"a container's kind is a name, not {shown(kind)}")
            return
        place = (*route, kind) if kind in self.model.at(route) else route
        with self.model.findings.telling(place):
            self._container(kind, entry, place, mapped)

    def _container(self, kind: str, entry: dict[str, Any], route: Route, mapped: bool) -> None:
        arguments = entry[kind]
        if kind in _WITHOUT_EFFECT:
            self.model.findings.note(route, f"`{kind}` is left out: {_WITHOUT_EFFECT[kind]} is no part of a model")
        elif kind in _INPUTS:
            self._input(arguments, entry)
        elif kind == "output":
            self._output(arguments, entry)
        elif kind in ("for", "for_each"):
            self._loop(kind, arguments, entry, route, mapped)
        elif kind == "parallel":
            self._parallel(arguments, entry, route)
        elif kind == "reuse":
            target = arguments.get("target") if isinstance(arguments, dict) else arguments
            self._add([{"reuse": self._reference(target)}], entry)
        elif is_layer(kind):
            self._layer(kind, arguments, entry, route, mapped)
        elif kind in self.model.blocks:
            self._template(kind, arguments, entry, mapped)
        else:
            known = "kspec knows Kur's layers, `for`, `for_each`, `parallel`, `reuse`, `output` and templates"
            raise Beyond(f"`{kind}` is no container with a counterpart in Keras", known)

    def outputs(self) -> list[str]:
        """What the model gives: what is said to be an output, and every end that nothing takes. Empty where that is the
        last step alone, without being said."""
        taken = {name for step in self.steps for name in _names(step.get("from"))}
        ends = [each for each in (*self.model.ends, self.steps[-1]) if each.get("name") not in taken]
        if not self.model.outputs and len(ends) == 1 and ends[0] is self.steps[-1]:
            return []
        return list(dict.fromkeys([*self.model.outputs, *(self._name_of(each) for each in ends)]))

    # -- what containers are -----------------------------------------------------------------------------------

    def _layer(self, kind: str, arguments: Any, entry: dict[str, Any], route: Route, mapped: bool) -> None:
        variables = self.model.variables
        made = make(kind, variables.value(arguments), variables.used)
        for remark in made.remarks:
            self.model.findings.note(route, remark)
        if kind == "embedding" and self.previous in self.model.inputs:
            self.model.inputs[self.previous].setdefault("dtype", "int32")
        self._add([_mapped(step) if mapped else step for step in made.steps], entry)

    def _input(self, arguments: Any, entry: dict[str, Any]) -> None:
        given = arguments if isinstance(arguments, dict) else {}
        name = self.model.variables.value(arguments if isinstance(arguments, str) else entry.get("name", _INPUT))
        shape = self.model.variables.value(given.get("shape"))
        if self.depth or not isinstance(name, str) or "$" in name:
            raise Beyond("an input stands in the model itself, under its own name")
        if _allowed(name) in self.model.inputs:
            raise Beyond(f"the input `{name}` stands here twice")
        wanted = self.model.shapes.pop(name, None) or (
            self.model.shapes.pop("", None) if len(self.model.shapes) else None
        )
        if wanted is None and not isinstance(shape, list):
            help = f"say it: `--shape {name}=28,28` (`none` for a size that may be any)"
            raise Beyond(f"the shape of `{name}` is not said: Kur takes it from the data", help)
        self.model.inputs[name] = {"shape": wanted if wanted is not None else shape}
        self.model.dangling(self)
        self.previous = name

    def _output(self, arguments: Any, entry: dict[str, Any]) -> None:
        name = arguments.get("name") if isinstance(arguments, dict) else arguments
        name = self.model.variables.value(name if name is not None else entry.get("name"))
        if self.depth or not isinstance(name, str) or "$" in name:
            raise Beyond("an output stands in the model itself, under its own name")
        _allowed(name)
        source = self._inputs(entry)
        last = self.steps[-1] if self.steps else {}
        free = not source and not self.previous and last and "name" not in last and not {"repeat", "reuse"} & set(last)
        if free and name not in self.model.inputs:
            last["name"] = name
        else:
            self._add([{"Identity": None}], {"name": name, **({"inputs": entry["inputs"]} if source else {})})
        self.model.outputs.append(name)

    def _loop(self, kind: str, arguments: Any, entry: dict[str, Any], route: Route, mapped: bool) -> None:
        needed = ("range", "iterate") if kind == "for" else ("items", "iterate")
        if not isinstance(arguments, dict) or any(arguments.get(word) is None for word in needed):
            raise Beyond(f"`{kind}` needs `{needed[0]}` and `{needed[1]}`")
        times = self.model.variables.value(arguments[needed[0]])
        if isinstance(times, (bool, dict, float)) or (kind == "for" and isinstance(times, list)):
            raise Beyond(f"`{needed[0]}` cannot be {shown(times)}")
        word, usual = ("with_index", "index") if kind == "for" else ("loop_var", "item")
        name = arguments.get(word, usual)
        if not isinstance(name, str) or not name.isidentifier():
            raise Beyond(f"`{word}` is the name of a variable, not {shown(name)}")
        inner = self._inner()
        with self.model.variables.scope({name}):
            for index, item in enumerate(_listed(arguments["iterate"], "iterate")):
                inner.take(item, (*route, "iterate", index), mapped)
        repeat = times if kind == "for" and not _mentions(inner.steps, name) else {name: times}
        if inner.steps:
            self._add([{"repeat": repeat, "layers": inner.steps}], entry)

    def _parallel(self, arguments: Any, entry: dict[str, Any], route: Route) -> None:
        if not isinstance(arguments, dict) or "apply" not in arguments:
            raise Beyond("`parallel` needs `apply`")
        items = _listed(arguments["apply"], "apply")
        before = len(self.steps)
        for index, item in enumerate(items):
            self.take(item, (*route, "apply", index), mapped=True)
        if len(self.steps) > before:
            self._finish(self.steps[before:], entry)
            if entry.get("inputs") is not None:
                self.steps[before]["from"] = self._inputs(entry)

    def _template(self, kind: str, arguments: Any, entry: dict[str, Any], mapped: bool) -> None:
        if mapped:
            raise Beyond(f"the template `{kind}` inside `parallel`", "write its layers there")
        if arguments is not None and not isinstance(arguments, dict):
            raise Beyond(f"a template has a mapping of arguments, not {shown(arguments)}")
        self._add([{kind: self.model.variables.value(arguments) or None}], entry)

    # -- steps -------------------------------------------------------------------------------------------------

    def _inner(self) -> Chain:
        if self.depth >= _DEEPEST:
            raise Beyond(f"loops are nested deeper than {_DEEPEST}")
        return Chain(self.model, self.depth + 1)

    def _add(self, steps: list[Step], entry: dict[str, Any]) -> None:
        """The steps of a container, with what stands beside it."""
        source = self._inputs(entry)
        if source is not None:
            self.model.dangling(self, source)
            steps[0]["from"] = source
        elif self.previous:
            steps[0]["from"] = self.previous
        self.previous = ""
        self.steps += steps
        self._finish(steps, entry)

    def _finish(self, steps: list[Step], entry: dict[str, Any]) -> None:
        """`freeze` and `when` are for all steps of a container; its names are those of what it gives, the last one."""
        variables = self.model.variables
        if entry.get("freeze") is not None:
            frozen = boolean(plain(variables.value(entry["freeze"]), variables.used), "freeze")
            for step in steps:
                if frozen is not False and not next(iter(step)).startswith("ops."):  # a function has no weights
                    trainable = frozen is not True and f"$(not {frozen[1:]})"
                    step["trainable"] = _both(step.get("trainable", True), trainable)
        if entry.get("when") is not None:
            when = boolean(plain(variables.value(entry["when"]), variables.used), "when")
            for step in steps:
                step["when"] = _both(step.get("when", True), when)
        step = steps[-1]
        if entry.get("name") is not None:
            step["name"] = _allowed(str(variables.value(entry["name"])))
            if not self.depth and self.model.named.setdefault(step["name"], step) is not step:
                raise Beyond(f"the name `{step['name']}` is taken")
        for word in ("tag", "oldest"):
            for tag in entry[word] if isinstance(entry.get(word), list) else [entry.get(word)]:
                if tag is not None:
                    self._tagged(str(tag), word, step)
        sink = constant(variables.value(entry.get("sink")), variables.used)
        if sink is not None and boolean(sink, "sink") is True:
            if self.depth:
                raise Beyond("an output inside a loop or a template")
            self.model.outputs.append(self._name_of(step))

    def _tagged(self, tag: str, word: str, step: Step) -> None:
        """A tag is a name that moves on; it is followed in the model itself."""
        if self.depth:
            raise Beyond(f"`{word}` inside a loop or a template", "write `name` and `inputs`")
        tags = self.model.tags[word]
        if word == "tag" or tag not in tags:
            tags[tag] = self._name_of(step)

    def _name_of(self, step: Step) -> str:
        if "name" not in step:
            base = next(iter(step)).rpartition(".")[2].lower()
            number = self.model.numbers.get(base, 0)
            while (name := f"{base}_{number}") in self.model.named or name in self.model.inputs:
                number += 1
            self.model.numbers[base] = number + 1
            step["name"] = name
            self.model.named[step["name"]] = step
        return str(step["name"])

    def _inputs(self, entry: dict[str, Any]) -> Any:
        given = entry.get("inputs")
        if given is None or given == []:
            return None
        names = [self._reference(each) for each in (given if isinstance(given, list) else [given])]
        return names[0] if len(names) == 1 else names

    def _reference(self, raw: Any) -> str:
        """The name of a container that another one refers to."""
        text = raw.strip() if isinstance(raw, str) else ""
        word = text.removeprefix("{{").removesuffix("}}").strip() if text.startswith("{{") else ""
        if word.startswith(("tags", "oldest")):
            kind, tag = ("tag", word[4:]) if word.startswith("tags") else ("oldest", word[6:])
            found = self.model.tags[kind].get(tag.strip(".[]'\" "))
            if found is None:
                raise Beyond(f"`{text}` names no container above")
            return found
        if word == "inputs" and self.depth:
            return "input"
        name = self.model.variables.value(raw)
        if not isinstance(name, str):
            raise Beyond(f"{shown(raw)} is not the name of a container")
        return name


class Model:
    """What all chains of a Kurfile share."""

    def __init__(self, findings: Findings, variables: Variables, shapes: dict[str, list[int | None]]) -> None:
        self.findings, self.variables, self.shapes = findings, variables, shapes
        self.inputs: dict[str, dict[str, Any]] = {}
        self.outputs: list[str] = []
        self.named: dict[str, Step] = {}
        self.numbers: dict[str, int] = {}
        """The next number for a name that begins with an operation's."""
        self.tags: dict[str, dict[str, str]] = {"tag": {}, "oldest": {}}
        self.blocks: dict[str, dict[str, Any]] = {}
        self.ends: list[Step] = []
        """Steps that the following one does not take."""

    def at(self, route: Route) -> Any:
        """What stands at a route; nothing that has keys where there is none."""
        found: Any = self.findings.source.data
        for part in route:
            try:
                found = found[part]
            except (KeyError, IndexError, TypeError):
                return {}
        return found if isinstance(found, dict) else {}

    def dangling(self, chain: Chain, source: Any = None) -> None:
        """The last step is an end of the model where the next one takes something else."""
        if chain.depth or not chain.steps or chain.previous:
            return
        last = chain.steps[-1]
        if last.get("name") not in (source if isinstance(source, list) else [source]) or "name" not in last:
            self.ends.append(last)


def _mapped(step: Step) -> Step:
    ((operation, arguments),) = step.items()
    if operation.startswith("ops."):
        raise Beyond(f"`{operation}` inside `parallel` is no layer", "write it outside, for the axis behind")
    return {"TimeDistributed": operation if arguments is None else {operation: arguments}}


def _allowed(name: str) -> str:
    """A name, where a spec allows it; of one with an expression, nothing is known here. Raises Beyond."""
    problem = None if "$" in name else name_problem(name)
    if problem is not None:
        raise Beyond(*problem)
    return name


def _names(value: Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else [value] if isinstance(value, str) else []


def _both(one: bool | str, other: bool | str) -> bool | str:
    """Whether two conditions hold, each of them a boolean or an expression."""
    if isinstance(one, bool):
        return one and other
    if isinstance(other, bool):
        return other and one
    return f"$({one[1:]} and {other[1:]})"


def _listed(value: Any, word: str) -> list[Any]:
    if not isinstance(value, list):
        raise Beyond(f"`{word}` is a list of containers")
    return value


def _mentions(value: Any, name: str) -> bool:
    """Whether a variable stands in steps."""
    if isinstance(value, dict):
        return any(_mentions(item, name) for item in value.values())
    if isinstance(value, list):
        return any(_mentions(item, name) for item in value)
    return isinstance(value, str) and "$" in value and name in variables_of(value)
