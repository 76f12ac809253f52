"""A spec -> Program by its structure: the top of the walk, with inputs, outputs and variables."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from kspec.convert.code.expr import Expr, Items, arguments
from kspec.convert.code.facts import Facts
from kspec.convert.code.frames import Bound, Frame
from kspec.convert.code.inlined import inlined
from kspec.convert.code.names import CHAIN, Words, beside
from kspec.convert.code.outputs import of_layers, outputs_of, targets
from kspec.convert.code.program import Given, Parameter, Program, Unsaid
from kspec.convert.code.uses import Blocks
from kspec.convert.code.values import Writer, has_variables, plain, type_of
from kspec.spec.compiled import Compiled
from kspec.spec.graph import Ref
from kspec.spec.variables import needed_by


def structured(compiled: Compiled, facts: Facts, asked: frozenset[str], by_name: bool) -> Program:
    """The program of a spec's structure; the layers `asked` for have their names, and outputs that are asked for
    `by_name`. Raises Unsaid."""
    return _Whole(inlined(compiled), facts).program(asked, by_name)


class _Whole:
    def __init__(self, compiled: Compiled, facts: Facts) -> None:
        self.compiled, self.facts, self.spec = compiled, facts, compiled.spec
        self.modules: dict[str, set[str]] = {}
        self.writer = Writer(self.modules)
        self.words = beside([*compiled.registry.custom, self.spec.class_ or ""])
        data = compiled.source.data
        self.raw: Mapping[str, Any] = data if isinstance(data, dict) else {}

    def program(self, names: frozenset[str], by_name: bool) -> Program:
        spec, graph = self.spec, self.compiled.graph
        form, pairs = outputs_of(self.compiled.graph, by_name)
        named = (names | of_layers(self.compiled.graph)) if form == "list" else names
        blocks = Blocks(self.compiled, self.facts, self.writer, named, words=self.words)
        words = Words(self.words)
        asked = _asked(spec.outputs) | _last_name(spec.layers)
        frame = Frame(words, {}, self.compiled.variables, spec.layers, asked, is_top=True)
        inputs = [self._input(given.name, given.arguments, frame) for given in graph.inputs]
        for given in inputs:
            frame.bind(given.name, Bound(given.variable))
        first = inputs[0].variable if len(inputs) == 1 else None
        last = blocks.chain(spec.layers, ("layers",), first, frame, CHAIN)
        outputs = self._outputs(last, pairs, frame)
        return Program(
            spec.name,
            self._parameters(frame),
            inputs,
            frame.top,
            outputs,
            form,
            blocks.order,
            None if spec.dtype_policy is None else self.writer.value(spec.dtype_policy),
            self.facts.short,
            spec.weights or "",
            self.writer.own(spec.class_) if spec.class_ is not None else "",
            frozenset(name for name, body in spec.blocks.items() if body.get("nested") is True),
            frozenset(blocks.shared),
            self.modules,
        )

    def _input(self, name: str, known: Mapping[str, Any], frame: Frame) -> Given:
        """`keras.Input`'s arguments, with the variables that stand in them."""
        raw = self.raw.get("inputs", {}).get(name)
        if not isinstance(raw, dict):
            raw = {"shape": raw}
        found: dict[str, Expr] = {}
        for key, value in known.items():
            given = raw.get(key)
            if key in ("shape", "batch_shape"):
                if isinstance(given, str) and has_variables(given):
                    inner = self.writer.value(frame.filled(given), given, frame.rename)
                    is_list = isinstance(frame.filled(given), list)
                    found[key] = inner if is_list else Items((inner,), True)
                    continue
                made = self.writer.value(value, given if isinstance(given, list) else None, frame.rename)
                found[key] = Items(made.items, True) if isinstance(made, Items) else made
            else:
                found[key] = self.writer.value(value, given, frame.rename)
        found["name"] = plain(name)
        variable = frame.words.fresh_input(name, len(self.compiled.graph.inputs) == 1)
        return Given(name, variable, arguments(found.items()))

    def _outputs(self, last: Any, pairs: list[tuple[str, Ref]], frame: Frame) -> list[tuple[str, str]]:
        """Each output's tensor."""
        wanted = self.spec.outputs
        if wanted is None:
            tensors = last if isinstance(last, list) else [last]
        else:
            tensors = []
            for target in targets(wanted):
                found = frame.find(target)
                tensors += found if isinstance(found, list) else [found]
        if len(tensors) != len(pairs) or not all(isinstance(each, str) for each in tensors):
            raise Unsaid("the outputs are not those of the chain's end")
        return [(name, self.facts.output(ref, tensor)) for (name, ref), tensor in zip(pairs, tensors, strict=True)]

    def _parameters(self, frame: Frame) -> list[Parameter]:
        """The spec's variables that the code asks for; those that are made of others are computed from them."""
        raw = self.raw.get("vars") or {}
        waiting = list(frame.outer)
        while waiting:
            for name in needed_by(raw.get(waiting.pop())):
                if name not in frame.outer:
                    frame.rename(name)
                    waiting.append(name)
        found = []
        for name in _in_order(raw, frame.outer):
            value = self.compiled.variables[name]
            kind = type_of(value)
            if has_variables(raw.get(name)):
                found.append(
                    Parameter(frame.outer[name], kind, self.writer.value(value, raw[name], frame.rename), True)
                )
                continue
            made = self.writer.value(value)
            if isinstance(made, Items):
                made = Items(made.items, True)
            if kind in ("dict", "Any"):
                raise Unsaid(f"`{name}` is no plain value")
            found.append(Parameter(frame.outer[name], kind, made))
        return found


def _asked(outputs: Any) -> set[str]:
    names = targets(outputs)
    return {*names, *(name.rpartition(".")[0] for name in names)}


def _last_name(layers: list[Any]) -> set[str]:
    """The last step's name: it makes the model's output."""
    last = layers[-1] if layers else None
    name = last.get("name") if isinstance(last, dict) else None
    return {name} if isinstance(name, str) else set()


def _in_order(raw: Mapping[str, Any], asked: Mapping[str, str]) -> list[str]:
    """Variables, each after those that it needs."""
    places = {name: place for place, name in enumerate(raw) if name in asked}
    sorter = TopologicalSorter({name: needed_by(raw[name]) & places.keys() for name in places})
    try:
        sorter.prepare()
    except CycleError:
        raise Unsaid("variables need each other") from None
    found: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=places.__getitem__)
        sorter.done(*ready)
        found += ready
    return found
