"""Blocks as functions: written once, called as often as they are used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kspec.convert.code.calls import Here
from kspec.convert.code.expr import Argument, Expr, Items, Text, arguments, texts
from kspec.convert.code.frames import Bound, Frame, Tensor, split
from kspec.convert.code.given import word
from kspec.convert.code.names import CHAIN, Words
from kspec.convert.code.outputs import targets
from kspec.convert.code.program import Apply, Function, Given, Kept, Make, Model, Parameter, Unsaid, Use
from kspec.convert.code.read import Reader
from kspec.convert.code.values import has_variables, plain, type_of
from kspec.spec.blocks import place as find_place
from kspec.spec.graph import Held
from kspec.spec.objects import Checker
from kspec.spec.schema import shape_only
from kspec.spec.steps import Nested, Step
from kspec.spec.variables import resolve_variables


class Blocks(Reader):
    """Walks a spec and the blocks that it uses."""

    def __init__(self, *given: Any, words: Words) -> None:
        super().__init__(*given)
        self.words = words
        self.functions: dict[tuple[str, str], Function] = {}
        self.order: list[Function] = []
        self.uses: dict[str, int] = {}
        self.shared: set[str] = set()
        """Variables of models that the spec does not have: blocks that are used again."""
        self._identifiers: dict[str, dict[str, str | None]] = {}
        self._outer: dict[str, dict[str, str]] = {}

    def use(self, block: str, value: Any, here: Here) -> Tensor:
        """A use of a block."""
        frame = here.frame
        body = self.blocks[block]
        own = here.item.get("name")
        if has_variables(own) and not isinstance(own, str):
            raise Unsaid("names of a block's outputs")
        automatic = self._name_of_use(here)
        again = {own, automatic} & frame.again
        nested = body.get("nested") is True
        given = self._given(block, value)
        sample = self._sample(block, given, frame)
        function = self._function(block, "model" if nested or again else "inline", sample)
        variables = self._variables(function, given, sample, frame)
        if function.kind == "model":
            return self._model(function, variables, block, own, automatic, nested, here)
        wires = self._tensors(block, here)
        return self._called(
            Use(function, variables, _hint(own, automatic, block)), [*wires], function, own, automatic, here
        )

    def held(self, owner: str, held: Held[Nested], value: Any, here: Here) -> Text:
        known = self.compiled.registry.find("layers", owner)
        place = known and find_place(known, value, here.route)
        wires = self.wires(here)
        tensor = wires.get("inputs") if isinstance(wires, dict) else wires
        if not place or place.block not in self.blocks or not isinstance(tensor, str):
            raise Unsaid(f"{owner} is around a model")
        block, frame = place.block, here.frame
        own = self.blocks[block].get("vars") or {}
        given = self._given(block, place.value)
        given = {name: item for name, item in given.items() if name in own}
        sample = self._sample(block, given, frame)
        function = self._function(block, "model", sample)
        variables = self._variables(function, given, sample, frame)
        variable = frame.words.fresh(f"{block}_model")
        made = Model(function, () if function.given else (f"{tensor}[:, 0]",), variables)
        self._title(function, held.name, frame)
        frame.body.append(
            Make(variable, made, held.name, here.route, held.trainable, held=True, thawed=self.thawed(here))
        )
        return Text(variable)

    def _title(self, function: Function, name: Any, frame: Frame) -> None:
        """The name of a function's model, where it makes one alone."""
        self.uses[function.name] = self.uses.get(function.name, 0) + (2 if frame.rounds or not frame.is_top else 1)
        if self.uses[function.name] == 1 and isinstance(name, str):
            function.title = name
        elif self.uses[function.name] > 1:
            function.title = ""

    # -- a use -------------------------------------------------------------------------------------------------

    def _tensors(self, block: str, here: Here) -> list[str]:
        """What a use is given, in the order of the block's inputs."""
        wires = self.wires(here)
        names = self._inputs(block)
        if isinstance(wires, dict):
            found = [wires[name] for name in names]
        elif len(names) > 1:
            found = wires
        else:
            found = [wires]
        if not all(isinstance(each, str) for each in found):
            raise Unsaid(f"`{block}` is given several tensors as one")
        return found

    def _called(
        self, what: Use | Kept, wires: list[str], function: Function, own: Any, automatic: str | None, here: Here
    ) -> Tensor:
        """The call of a block's function or model, and what its results are called."""
        frame = here.frame
        if isinstance(what, Kept) and len(wires) > 1:
            arguments: tuple[Argument, ...] = (Argument("", Items(texts(wires))),)
        else:
            arguments = tuple(Argument("", Text(each)) for each in wires)
        arguments += tuple(Argument(word(key), value) for key, value in self._constants(here).items())
        names = function.names
        if len(function.results) == 1:
            found = self._single(what, arguments, own, automatic, here)
            if names:
                for each in (own, automatic):
                    if isinstance(each, str):
                        frame.bind(each, Bound(found, outputs={names[0]: found}))
            return found
        base = own if isinstance(own, str) and not has_variables(own) else automatic
        if base is None or has_variables(own):
            raise Unsaid("a block with several outputs in a loop")
        targets = tuple(
            frame.words.fresh(f"{base}_{names[index] if names else index}") for index in range(len(function.results))
        )
        frame.body.append(Apply(targets, what, arguments, str(base), here.route))
        bound = Bound(list(targets), outputs=dict(zip(names, targets, strict=True)) if names else {})
        frame.bind(str(base), bound)
        return list(targets)

    def _single(
        self, what: Use | Kept, arguments: tuple[Argument, ...], own: Any, automatic: str | None, here: Here
    ) -> Tensor:
        frame = here.frame
        target = self.target(own, automatic, here)
        is_chain = "from" not in here.item and len(arguments) == 1
        label = str(own or automatic or "")
        frame.body.append(Apply((target,), what, arguments, label, here.route, is_chain))
        for name in (own, automatic):
            if isinstance(name, str):
                frame.bind(name, Bound(target))
        return target

    def _model(
        self,
        function: Function,
        variables: tuple[Argument, ...],
        block: str,
        own: Any,
        automatic: str | None,
        nested: bool,
        here: Here,
    ) -> Tensor:
        """A use as a keras.Model: a nested block, or one that is used again."""
        frame = here.frame
        step = self.only(here) if nested else None
        wires = self._tensors(block, here)
        if frame.rounds and isinstance(own, str) and own in frame.again:
            raise Unsaid(f"`{own}` is called again, and there are many")
        variable = frame.words.fresh(f"{block}_model")
        frozen = step.trainable if step is not None else None
        label = str(own or automatic or block)
        made = Make(
            variable,
            Model(function, () if function.given else tuple(wires), variables),
            label,
            here.route,
            frozen,
            shared=not nested,
            thawed=self.thawed(here),
        )
        if not nested:
            self.shared.add(variable)
        self._title(function, own or automatic, frame)
        frame.body.append(made)
        if step is not None:
            self.load_step(step, made)
        for name in {own, automatic} & frame.again:
            frame.makers[str(name)] = lambda there: self._again_model(function, variable, block, there)
        return self._called(Kept(variable), wires, function, own, automatic, here)

    def _again_model(self, function: Function, variable: str, block: str, here: Here) -> Tensor:
        wires = self._tensors(block, here)
        return self._called(Kept(variable), wires, function, here.item.get("name"), self._name_of_use(here), here)

    def _name_of_use(self, here: Here) -> str | None:
        """The name that an unnamed use has by itself."""
        if "name" in here.item:
            return None
        found = {
            step.scope[:-1].removeprefix(_scope_around(step))
            for steps in self.facts.copies.values()
            for step in steps
            # a use that is a word alone stands at the place of its item
            if step.uses and step.uses[-1] in (here.route, here.route[:-1]) and step.scope.endswith(".")
        }
        found |= {each.name.removeprefix(each.scope) for each in self.copies(here)}
        return found.pop() if len(found) == 1 else None

    # -- variables ---------------------------------------------------------------------------------------------

    def _given(self, block: str, value: Any) -> dict[str, Any]:
        """A use's variables as they are written."""
        defaults = self.blocks[block].get("vars") or {}
        if value is None:
            return {}
        if isinstance(value, dict):
            return value
        return {next(iter(defaults)): value}

    def _sample(self, block: str, given: Mapping[str, Any], frame: Frame) -> dict[str, Any]:
        """Values of the block's variables at this use."""
        defaults = self.blocks[block].get("vars") or {}
        values = {name: frame.filled(item) for name, item in given.items()}
        checker = Checker(self.compiled.registry, [])
        return resolve_variables({**defaults, **values}, set(values), self.compiled.variables, (), checker)

    def _variables(
        self, function: Function, given: Mapping[str, Any], sample: Mapping[str, Any], frame: Frame
    ) -> tuple[Argument, ...]:
        """What a use passes: the block's variables, and those of the whole spec that the block takes."""
        idents = self._identifiers[function.name]
        found = []
        for name, raw in given.items():
            ident = idents.get(name)
            if ident is None:
                continue  # nothing in the block asks for it
            found.append(Argument(ident, self.writer.value(sample[name], raw, frame.rename)))
        outer = self._outer[function.name]
        found += [Argument(ident, Text(frame.rename(name))) for name, ident in outer.items()]
        return tuple(found)

    def _inputs(self, block: str) -> tuple[str, ...]:
        given = self.blocks[block].get("inputs")
        return ("input",) if given is None else (given,) if isinstance(given, str) else tuple(given)

    def _own_inputs(self, block: str, variables: tuple[str, ...], frame: Frame) -> list[Given]:
        """The inputs of a block that is a model, where they have shapes of their own."""
        raw = self.blocks[block].get("inputs")
        if not isinstance(raw, dict) or not any(raw.values()):
            return []
        if not all(raw.values()):
            raise Unsaid(f"`{block}` has inputs of two kinds")
        found = []
        for (name, value), variable in zip(raw.items(), variables, strict=True):
            value = shape_only(value)
            filled = frame.filled(value)
            made = {key: self.writer.value(filled[key], item, frame.rename) for key, item in value.items()}
            made = {key: Items(item.items, True) if isinstance(item, Items) else item for key, item in made.items()}
            found.append(Given(name, variable, arguments({**made, "name": plain(name)}.items())))
        return found

    # -- a function --------------------------------------------------------------------------------------------

    def _function(self, block: str, kind: Any, sample: Mapping[str, Any]) -> Function:
        """The function of a block, written at its first use."""
        if (block, kind) in self.functions:
            return self.functions[block, kind]
        body = self.blocks[block]
        defaults = body.get("vars") or {}
        name = self.words.fresh(block if kind == "inline" else f"make_{block}")
        words = Words(self.words)
        own = {each: words.fresh(each) for each in defaults}
        outputs = body.get("outputs")
        frame = Frame(words, own, {**self.compiled.variables, **sample}, body["layers"], set(targets(outputs)))
        names = self._inputs(block)
        alone = names == ("input",)
        variables = (
            tuple(words.fresh(each) for each in names) if not alone else (CHAIN if kind == "inline" else "inputs",)
        )
        for each, variable in zip(names, variables, strict=True):
            frame.bind(each, Bound(variable))
        function = Function(name, kind, block, variables)
        function.given = self._own_inputs(block, variables, frame) if kind == "model" else []
        last = self.chain(
            body["layers"], ("blocks", block, "layers"), variables[0] if len(names) == 1 else None, frame, CHAIN
        )
        results, labels = _results(outputs, last, frame)
        function.body, function.results, function.names = frame.top, results, labels
        function.parameters = self._parameters(defaults, own, frame)
        used = {parameter.name for parameter in function.parameters}
        self._identifiers[name] = {each: ident if ident in used else None for each, ident in own.items()}
        self._outer[name] = frame.outer
        self.functions[block, kind] = function
        self.order.append(function)
        return function

    def _parameters(self, defaults: Mapping[str, Any], own: Mapping[str, str], frame: Frame) -> list[Parameter]:
        """A function's arguments: what must be given first."""
        found = []
        rename = frame.rename
        for each, ident in own.items():
            default = defaults[each]
            kind = type_of(frame.sample.get(each))
            if default is None:
                found.append(Parameter(ident, kind))
            elif has_variables(default):
                value = self.writer.value(frame.sample.get(each), default, rename)
                found.append(Parameter(ident, f"{kind} | None", value, True))
            else:
                found.append(Parameter(ident, kind, self._constant(default)))
        found += [Parameter(ident, type_of(self.compiled.variables.get(each))) for each, ident in frame.outer.items()]
        return sorted(found, key=lambda parameter: parameter.default is not None)

    def _constant(self, value: Any) -> Expr:
        """A default: a list is a tuple, which nobody can change."""
        found = self.writer.value(value)
        return Items(found.items, True) if isinstance(found, Items) else found


def _results(outputs: Any, last: Tensor, frame: Frame) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a function gives, and what those are called."""
    if outputs is None:
        found = last if isinstance(last, list) else [last]
        if not all(isinstance(each, str) for each in found):
            raise Unsaid("a block gives nothing")
        return tuple(found), ()
    if isinstance(outputs, str):
        return (_one(frame.find(outputs)),), ()
    pairs = outputs.items() if isinstance(outputs, dict) else zip(outputs, outputs, strict=True)
    names, found = [], []
    for name, target in pairs:
        names.append(str(name))
        found.append(_one(frame.find(target)))
    return tuple(found), tuple(names)


def _scope_around(step: Step) -> str:
    """The names before a use's own: those of the uses around it."""
    return step.scope[:-1].rpartition(".")[0] + "." if "." in step.scope[:-1] else ""


def _one(tensor: Tensor) -> str:
    if not isinstance(tensor, str):
        raise Unsaid("an output of a block is several tensors")
    return tensor


def _hint(own: Any, automatic: str | None, block: str) -> str:
    """What a use is called: in a loop without what counts it."""
    name = split(own)[0].rstrip("_") if has_variables(own) else own
    return name if isinstance(name, str) and name else automatic or block
