"""Blocks, variables, repeat, residual, parallel, when -> flat steps, each remembering the place it came from."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import replace
from typing import Any

from kspec import catalog
from kspec.diagnostics import Route, listing
from kspec.spec import adapting, advice, blocks, forms, stepform
from kspec.spec.expressions import UNREAD
from kspec.spec.graph import Ref
from kspec.spec.objects import Checker, Known, Object
from kspec.spec.schema import Spec
from kspec.spec.sections import dtype
from kspec.spec.steps import UNKNOWN, Expanded, Nested
from kspec.spec.values import shown
from kspec.spec.walk import Context, Here, Scope, TooMany, Walk, reserve, tensors

FORMS: dict[str, Callable[[Any, Mapping[str, Any], Here, Walk], Any]] = {
    "reuse": forms.reuse,
    "repeat": forms.repeat,
    "residual": forms.residual,
    "parallel": forms.parallel,
    "model": forms.model,
}


def expand(
    spec: Spec,
    variables: Mapping[str, Any],
    checker: Checker,
    own: Container[str] = (),
    gaps: frozenset[str] = frozenset(),
) -> Expanded:
    """Flatten a spec's `layers`; problems are the checker's. Of `own` blocks those that no step uses are looked at;
    `gaps` are sections that could not be read, or in part only."""
    walk = _Expansion(_rightly_named(spec.blocks, checker), variables, checker)
    walk.tally.operations = checker.registry.whole and "blocks" not in gaps
    walk.tally.named = gaps.isdisjoint(("layers", "inputs"))
    walk.tally.numbered = frozenset(
        str(problem.route[1])
        for problem in checker.problems
        if problem.route[:1] == ("inputs",) and len(problem.route) == 2 and not isinstance(problem.route[1], str)
    )
    scope = Scope("", variables, {name: ("inputs", name) for name in spec.inputs})
    # without inputs every wire is unknown: the graph says that one is needed, and nothing follows from it
    first = UNKNOWN if not spec.inputs or "inputs" in gaps else Ref(next(iter(spec.inputs)))
    only: Any = first if len(spec.inputs) < 2 or first is UNKNOWN else None
    last: Any = UNKNOWN
    unused: list[Nested] = []
    complete = True
    around = {word: adapting.of_spec(word, getattr(spec, word), checker) for word in adapting.READERS}
    try:
        last = walk.chain(spec.layers, ("layers",), only, Context(scope, **around))
        for block in spec.blocks:
            if block in own and block in walk.blocks and block not in walk.tally.used:
                unused += blocks.look(block, walk)
    except TooMany:
        complete = False
    tally = walk.tally
    if complete and spec.layers and not checker.problems:
        adapting.check_taken(around, walk.steps, checker)
    return Expanded(
        tuple(walk.steps),
        walk.aliases,
        last,
        tally.left_out,
        tuple(unused),
        complete,
        tally.named,
        tally.unsure,
        frozenset(tally.doubled),
        gaps,
    )


def _rightly_named(blocks: Mapping[str, Any], checker: Checker) -> Mapping[str, Any]:
    """The blocks without those named like a word of kspec's or a layer of Keras, which are problems."""
    wrong = {}
    for name in blocks:
        if name in FORMS or name in stepform.WORDS or name in stepform.OF_FORMS:
            wrong[name] = "a word of kspec"
        elif (catalog.find("layers", str(name)) or catalog.find("ops", str(name))) is not None:
            wrong[name] = "a function of Keras" if str(name).startswith("ops.") else "a layer of Keras"
    for name, what in wrong.items():
        checker.wrong("wrong-value", f"`{name}` is {what}", ("blocks", name), "give the block another name", "key")
    return {name: body for name, body in blocks.items() if name not in wrong}


class _Expansion(Walk):
    """Walks lists of steps; each operation has its own room."""

    def inside(self) -> Walk:
        return _Expansion(self.blocks, self.variables, self.checker, self.tally)

    def chain(self, items: Any, route: Route, previous: Any, context: Context) -> Any:
        if not isinstance(items, list):
            help, at = "begin each step with `- `", "key" if isinstance(items, dict) else "value"
            self.wrong("wrong-type", f"expected a list of steps, not {shown(items)}", route, context, help, at)
            return UNKNOWN
        reserve(items, context.scope)
        start = previous
        for index, item in enumerate(items):
            previous = self._step(item, (*route, index), previous, start, context)
        return previous

    def branch(self, value: Any, route: Route, previous: Any, context: Context) -> Any:
        if not isinstance(value, (str, dict)):
            return self.chain(value, route, previous, context)
        reserve([value], context.scope)
        # the place of a bare name is the value itself, to which this route leads
        return self._step(value, (*route, value) if isinstance(value, str) else route, previous, previous, context)

    def _step(self, item: Any, route: Route, previous: Any, start: Any, context: Context) -> Any:
        """Flatten one step; the tensor it gives, or the one before it where `when` leaves it out."""
        self.count(route, context)
        form = stepform.read(item, route, self, context)
        if form is None:
            if item == UNREAD:
                self.tally.named = False
            return self.lost(item if isinstance(item, dict) else {}, route, context)
        key, value, given, sure = form
        words: dict[str, Any] | None = given
        if given:
            words = stepform.words(given, route, self, context)
            if words is None:
                self._leave_out(given, route, context)
                return previous
            lost = given.keys() - words.keys()
            sure = sure and not lost & {"call", "output"} and not ("name" in lost and isinstance(given["name"], list))
        assert words is not None
        here = Here((*route, key) if isinstance(item, dict) else route, previous, start, context, sure)
        if key in FORMS:
            result = FORMS[key](value, words, here, self)
        elif key in self.blocks:
            result = blocks.use(key, value, words, here, self)
        else:
            result = self.layer(key, value, words, here)
        if not sure:
            return UNKNOWN
        return self.lost(words, route, context) if result is None else result

    def _leave_out(self, words: Mapping[str, Any], route: Route, context: Context) -> None:
        """Remember the names of a step that is not there."""
        name = words.get("name")
        for each in name if isinstance(name, list) else [name]:
            if isinstance(each, str):
                self.tally.left_out[context.scope.prefix + each] = (*route, "when")

    def layer(self, key: str, value: Any, words: Mapping[str, Any], here: Here) -> Any:
        """A call of a Keras layer, a keras.ops function or a custom layer."""
        context = here.context
        operation = self._operation(key, value, here)
        if operation is not None:
            words = self._own_words(operation, words, here)
            operation = self._around(operation, words, here)
        elif isinstance(value, dict) and isinstance(value.get("name"), str) and "name" not in words:
            words = {**words, "name": value["name"]}
        if operation is None and UNREAD in (value, words.get("name")):
            words = {word: given for word, given in words.items() if word != "name"}
            self.tally.named = False
        if operation is None and "name" not in words and self._is_unknown(key):
            self.tally.unsure = True
        name = self.name(words, key.rsplit(".", 1)[-1], here)
        outputs = self.outputs(words, name, here)
        if operation is None and "from" not in words:
            self.aliases[name] = UNKNOWN
            return UNKNOWN
        wires = self.wires(words, here)
        made = forms.shared(operation if operation is not None and here.sure else UNKNOWN, name, context)
        self.steps.append(forms.step(name, made, wires, words, here, outputs, self))
        return tensors(name, outputs)

    def _is_unknown(self, key: str) -> bool:
        """Whether an operation is nothing, so that nothing is known of the name it would have had."""
        return self.checker.registry.find("ops" if key.startswith("ops.") else "layers", key) is None

    def _operation(self, key: str, value: Any, here: Here) -> Object | None:
        """The checked Object of an operation; None, with problems noted, where it is wrong."""
        kind = "ops" if key.startswith("ops.") else "layers"
        known = self.checker.registry.find(kind, key)
        if known is None:
            if self.tally.operations:
                self._unknown(key, here)
            return None
        if value is not None:
            value = self._value(known, value, here)
            if value is UNKNOWN:
                return None
        if kind == "ops" and value is not None and not known.entry.jax and _tensors_inside(known, value, here, self):
            return None
        problems = self.checker.problems
        before = len(problems)
        found = self.checker.operation(kind, key, value, here.route)
        if here.context.uses and len(problems) > before:
            problems[before:] = [replace(problem, uses=here.context.uses) for problem in problems[before:]]
        return found

    def _value(self, known: Known, value: Any, here: Here) -> Any:
        """What stands behind an operation's colon with its variables put in, and a block in the place of a layer by its
        place; UNKNOWN, with the problems noted, where something is wrong."""
        place = blocks.place(known, value, here.route)
        if place is None or place.block not in self.blocks:
            is_known = place is None or self.checker.registry.find("layers", place.block) is not None
            return self.filled(value, here.route, here.context) if is_known or self.tally.operations else UNKNOWN
        rest = self.filled(place.rest, here.route, here.context)
        return UNKNOWN if rest is UNKNOWN else {**rest, known.first: place}

    def _around(self, operation: Object, words: Mapping[str, Any], here: Here) -> Object | None:
        """An operation with the models of the blocks that it is around; `words` are its own, those inside it too."""
        for key, place in operation.args.items():
            if isinstance(place, blocks.Place):
                held = blocks.held(place, words, operation.name, here._replace(route=place.route), self)
                if held is None:
                    return None
                operation = operation._replace(args={**operation.args, key: held})
        return operation

    def _own_words(self, operation: Object, words: Mapping[str, Any], here: Here) -> Mapping[str, Any]:
        """Keras's own `name`, `dtype` and `trainable` inside the operation, moved beside it."""
        if operation.kind == "ops":
            message, help = f"`{{word}}` means nothing beside {operation.name}", "a function has no weights of its own"
            return stepform.refuse(
                words, ("trainable", "dtype", "weights", "lora", "quantize"), here, self, message, help
            )
        for word in ("name", "dtype", "trainable"):
            if word not in operation.args:
                continue
            value = operation.args.pop(word)
            route = (*here.route, word)
            if word in words:
                message = f"`{word}` stands both inside {operation.name} and beside it"
                self.wrong("misplaced-word", message, route, here.context, "keep one", "key")
            elif value is not None:
                if word == "dtype" and isinstance(value, str):
                    value = dtype(value, route, self.checker)
                words = {**words, word: value}
        return self._own_lora(operation, words, here)

    def _own_lora(self, operation: Object, words: Mapping[str, Any], here: Here) -> Mapping[str, Any]:
        """Keras's `lora_rank` and `lora_alpha`, likewise: what a layer makes of them itself forgets the second, and
        learns nothing more once weights were loaded."""
        if operation.args.get("lora_rank") is None or catalog.find("layers", operation.name) is None:
            return words
        alpha = {"lora_alpha": operation.args["lora_alpha"]} if operation.args.get("lora_alpha") is not None else {}
        given: dict[str, Any] = {"lora": {"rank": operation.args.pop("lora_rank"), **alpha}}
        operation.args.pop("lora_alpha", None)
        if "lora" in words:
            message = f"`lora` stands both inside {operation.name} and beside it"
            self.wrong("misplaced-word", message, (*here.route, "lora_rank"), here.context, "keep one", "key")
            return words
        adapting.of_step(given, here.route[:-1], self, here.context)
        if (found := given.get("lora")) is not None:
            given["lora"] = found._replace(route=(*here.route, "lora_rank"))
        return {**words, **given}

    def _unknown(self, key: str, here: Here) -> None:
        """An operation that is nothing: the nearest one, or how it is written."""
        help = advice.for_operation(key, (*FORMS, *self.blocks, *self.checker.registry.custom))
        message = f"there is no layer, function or block `{key}`"
        self.wrong("unknown-operation", message, here.route, here.context, help, "key")


def _tensors_inside(known: Known, value: Any, here: Here, walk: Walk) -> bool:
    """Whether tensors of a function stand among its arguments; they belong in `from`."""
    tensors = [argument for argument in known.entry.call if argument.tensor is not None]
    names = [argument.name for argument in tensors]
    name, route, at = known.entry.name, here.route, "value"
    if isinstance(value, dict):
        inside = {key: item for key, item in value.items() if key in names and key not in known.parameters}
        if not inside:
            return False
        needed = [argument.name for argument in tensors if argument.required or argument.name in inside]
        wires = "{" + ", ".join(f"{key}: {inside.get(key, 'previous')}" for key in needed) + "}"
        names, route, at = list(inside), (*route, next(iter(inside))), "key"
    elif known.first or len(tensors) < 2 or not isinstance(value, (int, float, str)):
        return False
    else:
        wires = f"[previous, {value}]"
    are = "is a tensor" if len(names) == 1 else "are tensors"
    message = f"{listing(names)} of {name} {are}, and tensors stand in `from`"
    walk.wrong("misplaced-word", message, route, here.context, f"write beside it `from: {wires}`", at)
    return True
