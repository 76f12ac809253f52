"""Blocks, variables, repeat, residual, parallel, when -> flat steps, each remembering the place it came from.

A flat step is one call of one layer, function, nested model or saved model. Names are complete (`transformer_2.dense`)
and wiring refers to complete names; whether those exist is the graph's question.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from kspec import catalog
from kspec.diagnostics import Problem, Route, listing, suggestion
from kspec.spec.objects import Checker, Object, shown
from kspec.spec.schema import NAME, RESERVED, dtype
from kspec.spec.steps import UNKNOWN, Expanded, Nested, Ref, Saved, Shared, Step, Unknown
from kspec.spec.variables import put_in, resolve_variables

MAX_STEPS = 200_000
MAX_BLOCK_DEPTH = 50

WORDS = frozenset({"name", "from", "call", "when", "trainable", "dtype", "weights"})
FORMS = ("reuse", "repeat", "residual", "parallel", "model")
_BESIDE = {
    "repeat": frozenset({"layers"}),
    "residual": frozenset({"merge"}),
    "parallel": frozenset({"merge"}),
    "model": frozenset({"output"}),
}
_EVERY_BESIDE = frozenset().union(*_BESIDE.values())
_BLOCK_KEYS = ("vars", "inputs", "outputs", "layers", "nested")


class _Scope:
    """The names of one chain: the top, one use of a block, or the inside of a nested block."""

    def __init__(self, prefix: str, variables: Mapping[str, Any], taken: dict[str, Route]) -> None:
        self.prefix, self.variables, self.taken = prefix, variables, taken
        self.reserved: set[str] = set()
        self.counts: dict[str, int] = {}
        self.uses: dict[str, _Use] = {}
        self.forms: set[str] = set()


class _Use(NamedTuple):
    """One use of a block, so that it can be used again with the same layers."""

    block: str
    variables: Mapping[str, Any]
    prefix: str
    route: Route


class _Context(NamedTuple):
    """What surrounds a list of steps."""

    scope: _Scope
    uses: tuple[Route, ...] = ()
    trainable: bool | None = None
    dtype: Any = None
    shares: str | None = None
    """The prefix of the block use whose layers are called again."""
    blocks: tuple[str, ...] = ()
    """The blocks around, outermost first."""


class _TooMany(Exception):
    pass


def expand(spec: Any, variables: Mapping[str, Any], checker: Checker) -> Expanded:
    """Flatten a spec's `layers`; problems are the checker's."""
    expander = _Expander(spec.blocks, variables, checker)
    scope = _Scope("", variables, {name: ("inputs", name) for name in spec.inputs})
    only = Ref(next(iter(spec.inputs))) if len(spec.inputs) == 1 else None
    try:
        last = expander.chain(spec.layers, ("layers",), only, _Context(scope))
    except _TooMany:
        last = None
    return Expanded(tuple(expander.steps), expander.aliases, last)


class _Expander:
    """Walks lists of steps; collects flat steps, aliases and problems."""

    def __init__(self, blocks: Mapping[str, Any], variables: Mapping[str, Any], checker: Checker) -> None:
        self.blocks, self.variables, self.checker = blocks, variables, checker
        self.wrong, self.problems = checker.wrong, checker.problems
        self.steps: list[Step] = []
        self.aliases: dict[str, Any] = {}
        self.total = 0
        self.forms: dict[str, Callable[..., Any]] = {form: getattr(self, f"_{form}") for form in FORMS}

    # -- chains ------------------------------------------------------------------------------------------------

    def chain(self, items: Any, route: Route, previous: Any, context: _Context) -> Any:
        """Flatten a list of steps that begins with the tensor `previous`; the tensor it ends with."""
        if not isinstance(items, list):
            self.wrong("wrong-type", f"expected a list of steps, not {shown(items)}", route, "begin each with `- `")
            return previous
        _reserve(items, context.scope)
        start = previous
        for index, item in enumerate(items):
            previous = self.step(item, (*route, index), previous, start, context)
        return previous

    def step(self, item: Any, route: Route, previous: Any, start: Any, context: _Context) -> Any:
        """Flatten one step; the tensor it gives, or the previous one where it is left out or wrong."""
        self.total += 1
        if self.total > MAX_STEPS:
            self.wrong("too-many-steps", f"the spec expands to more than {MAX_STEPS:,} steps", route)
            raise _TooMany
        found = self._operation_of(item, route, context)
        if found is None:
            return UNKNOWN
        key, value, words = found
        before = len(self.problems)
        if words:
            words = self._words(words, route, context)
            if words.get("when", True) is False:
                return previous
        place = (*route, key) if isinstance(item, dict) else route
        if key in self.forms:
            result = self.forms[key](value, words, place, previous, start, context)
        elif key in self.blocks:
            result = self._use(key, value, words, place, previous, start, context)
        else:
            result = self._layer(key, value, words, place, previous, start, context)
        return UNKNOWN if len(self.problems) > before and result is None else result

    def _operation_of(self, item: Any, route: Route, context: _Context) -> tuple[str, Any, dict[str, Any]] | None:
        """A step's operation key, its value, and kspec's words beside it."""
        if isinstance(item, str):
            if "$" in item:
                item = self.substituted(item, route, context)
            return (item, None, {}) if isinstance(item, str) and self._is_word(item, route) else None
        if not isinstance(item, dict):
            help = "a step is a name, or a mapping with one operation"
            self.wrong("step-form", f"{shown(item)} is not a step", route, help)
            return None
        if len(item) == 1:
            ((key, value),) = item.items()
            if key not in WORDS and isinstance(key, str):
                return key, value, {}
        operations = [key for key in item if key not in WORDS]
        if len(operations) > 1:
            operations = self._one_operation(operations, item, route)
        if len(operations) != 1:
            if not operations:
                message = "this step has no operation" if item else "an empty step"
                help = "a step has one operation, such as `Dense: 10`, and kspec's words beside it"
                self.wrong("step-form", message, route, help, "key")
            return None
        key = operations[0]
        if not isinstance(key, str):
            self.wrong("step-form", f"{shown(key)} is not an operation", (*route, key), at="key")
            return None
        return key, item[key], {word: value for word, value in item.items() if word != key}

    def _one_operation(self, keys: list[Any], item: dict[Any, Any], route: Route) -> list[Any]:
        """Of several unknown keys the operation; the others are form's words, or problems."""
        forms = [key for key in keys if key in FORMS]
        if len(forms) == 1:
            form = forms[0]
            strange = [key for key in keys if key != form and key not in _BESIDE.get(form, frozenset())]
            for key in strange:
                words = (*_BESIDE.get(form, ()), *WORDS)
                help = suggestion(key, words, f"beside `{form}` stand {listing(sorted(words))}")
                self.wrong("unknown-key", f"`{key}` means nothing beside `{form}`", (*route, key), help, "key")
            return [] if strange else [form]
        operations = [key for key in keys if self._known_operation(key)]
        first = operations[0] if operations else keys[0]
        for key in keys:
            if key is first:
                continue
            if key in operations:
                message, help = f"a step has one operation; `{first}` and `{key}` are two", "begin a new step with `- `"
                self.wrong("step-form", message, (*route, key), help, "key")
            elif key in _EVERY_BESIDE:
                self.wrong("unknown-key", f"`{key}` means nothing beside `{first}`", (*route, key), at="key")
            else:
                self._beside(first, key, item, route)
        return []

    def _beside(self, operation: Any, key: Any, item: dict[Any, Any], route: Route) -> None:
        """An argument that stands beside its operation, or a misspelled word."""
        found = self.checker.registry.find("layers", operation) or self.checker.registry.find("ops", operation)
        inside = found is not None and key in found.parameters
        close = suggestion(key, WORDS)
        if inside and found is not None:
            value = item[operation]
            first = f"{found.first}: {value}, " if isinstance(value, (int, float, str)) and found.first else ""
            help = f"arguments go inside: `{operation}: {{{first}{key}: …}}`"
            message = f"`{key}` is an argument of {operation} and stands beside it"
            self.wrong("misplaced-word", message, (*route, key), help, "key")
        else:
            help = close or f"beside an operation stand {listing(sorted(WORDS))}"
            self.wrong("unknown-key", f"`{key}` means nothing beside `{operation}`", (*route, key), help, "key")

    def _known_operation(self, key: Any) -> bool:
        if not isinstance(key, str):
            return False
        registry = self.checker.registry
        return key in self.blocks or registry.find("layers", key) is not None or registry.find("ops", key) is not None

    def _is_word(self, text: str, route: Route) -> bool:
        """Whether a bare step is one word; `Dense:64` lacks a space."""
        name, colon, rest = text.partition(":")
        if colon and rest and name.isidentifier():
            help = f"a space is missing after the colon: `{name}: {rest.strip()}`"
            self.wrong("step-form", f"`{text}` is one text, not a name and a value", route, help)
            return False
        if text in FORMS:
            self.wrong("step-form", f"`{text}` needs a value", route, f"write `{text}: …`")
            return False
        return True

    # -- kspec's words -----------------------------------------------------------------------------------------

    def _words(self, words: dict[str, Any], route: Route, context: _Context) -> dict[str, Any]:
        """kspec's words with variables put in, their types checked. A step that `when` leaves out is not read further."""
        if "when" in words:
            when = self.substituted(words["when"], (*route, "when"), context)
            if not isinstance(when, bool):
                if when is not UNKNOWN:
                    message = f"`when` is true or false, not {shown(when)}"
                    self.wrong("wrong-type", message, (*route, "when"), "write an expression such as `$(depth > 2)`")
                return {"when": False}
            if not when:
                return {"when": False}
        bodies = ("layers", "merge", "when")
        result = {
            word: value if word in bodies else self.substituted(value, (*route, word), context)
            for word, value in words.items()
        }
        for word, (types, phrase) in _WORD_TYPES.items():
            if word in result and not isinstance(result[word], types) and result[word] is not UNKNOWN:
                message = f"`{word}` is {phrase}, not {shown(result[word])}"
                self.wrong("wrong-type", message, (*route, word))
                del result[word]
        if "dtype" in result:
            dtype(result["dtype"], (*route, "dtype"), self.checker)
        return {word: value for word, value in result.items() if value is not UNKNOWN}

    def substituted(self, value: Any, route: Route, context: _Context) -> Any:
        """A value with the scope's variables put in, or `UNKNOWN` with the problem noted."""
        return put_in(value, route, context.scope.variables, self.checker, context.uses)

    # -- names and wiring --------------------------------------------------------------------------------------

    def name(self, words: Mapping[str, Any], base: str, route: Route, context: _Context) -> str:
        """The step's complete name: its own, or Keras's snake_case of `base` made unique."""
        scope = context.scope
        given = words.get("name")
        if isinstance(given, str):
            full = scope.prefix + given
            if not self._name_ok(given, (*route[:-1], "name"), context):
                return full
            if full in scope.taken:
                self._duplicate(full, (*route[:-1], "name"), scope.taken[full], context)
            scope.taken[full] = route
            return full
        snake = snake_case(base)
        count = scope.counts.get(snake, 0)
        while True:
            local = snake if count == 0 else f"{snake}_{count}"
            count += 1
            full = scope.prefix + local
            if full not in scope.taken and local not in scope.reserved:
                break
        scope.counts[snake] = count
        scope.taken[full] = route
        return full

    def _name_ok(self, name: str, route: Route, context: _Context) -> bool:
        if name in RESERVED:
            message = f"`{name}` has a meaning of its own in `from`"
            self.note("wrong-value", message, route, context, "choose another name")
        elif not NAME.match(name):
            help = "a name has no spaces and none of / $ : , [ ] { }"
            self.note("wrong-value", f"`{name}` cannot be a name", route, context, help)
        else:
            return True
        return False

    def _duplicate(self, name: str, route: Route, first: Route, context: _Context) -> None:
        from kspec.diagnostics import Note

        help = "each copy needs its own: `name: x_$i` in `repeat: {i: …}`" if context.uses else "choose another name"
        what = "an input" if first[:1] == ("inputs",) and len(first) == 2 else "a step"
        notes = (Note(f"`{name}` is {what} already", first),)
        self.problems.append(
            Problem("duplicate-name", f"the name `{name}` is taken", route, help, "value", notes, context.uses)
        )

    def note(self, code: str, message: str, route: Route, context: _Context, help: str = "", at: Any = "value") -> None:
        self.problems.append(Problem(code, message, route, help, at, (), context.uses))

    def alias(self, name: str, target: Any, route: Route, context: _Context) -> None:
        """Another name for a tensor (or several)."""
        full = context.scope.prefix + name
        if not self._name_ok(name, route, context):
            return
        if full in context.scope.taken:
            self._duplicate(full, route, context.scope.taken[full], context)
        context.scope.taken[full] = route
        context.scope.forms.add(full)
        self.aliases[full] = target

    def wires(self, words: Mapping[str, Any], route: Route, previous: Any, start: Any, context: _Context) -> Any:
        """`from` with its names as Refs; the previous step where it is left out."""
        if "from" not in words:
            return self._previous(previous, route, context)
        return self._wire(words["from"], (*route[:-1], "from"), previous, start, context)

    def _previous(self, previous: Any, route: Route, context: _Context) -> Any:
        if previous is None:
            help = "say which with `from: name`"
            self.note("wiring", "no single input to begin with: there are several", route, context, help, "key")
            return UNKNOWN
        return previous

    def _wire(self, value: Any, route: Route, previous: Any, start: Any, context: _Context, inner: bool = False) -> Any:
        if isinstance(value, str):
            if value == "previous":
                return self._previous(previous, route, context)
            if value == "input" and start is not None:
                return start
            return Ref(context.scope.prefix + value)
        if isinstance(value, list):
            return [self._wire(v, (*route, i), previous, start, context, True) for i, v in enumerate(value)]
        if isinstance(value, dict) and not inner:
            return {
                key: self._wire(item, (*route, key), previous, start, context, True) for key, item in value.items()
            }
        if inner and isinstance(value, (int, float)):
            return value
        help = "a name, a list of names, or a mapping from call arguments to names"
        self.note("wrong-type", f"`from` cannot be {shown(value)}", route, context, help)
        return UNKNOWN

    # -- operations --------------------------------------------------------------------------------------------

    def add(self, step: Step) -> Ref:
        self.steps.append(step)
        return Ref(step.name)

    def _layer(
        self, key: str, value: Any, words: dict[str, Any], route: Route, previous: Any, start: Any, context: _Context
    ) -> Any:
        """A Keras layer, a keras.ops function or a custom layer."""
        operation = self.operation(key, value, route, context)
        words = self._own_words(operation, words, route)
        outputs = words.get("name") if isinstance(words.get("name"), list) else None
        name = self.name({} if outputs else words, key.rsplit(".", 1)[-1], route, context)
        for index, output in enumerate(outputs or ()):
            if not isinstance(output, str):
                self.note("wrong-type", "names of outputs are texts", (*route[:-1], "name", index), context)
            else:
                self.alias(output, Ref(name, index), (*route[:-1], "name", index), context)
        wires = self.wires(words, route, previous, start, context)
        if operation is None:
            return Unknown(name)
        if context.shares is not None:
            local = name[len(context.scope.prefix) :]
            operation = Shared(context.shares + local)
        self._add(name, operation, wires, words, route, context)
        return [Ref(name, index) for index in range(len(outputs))] if outputs else Ref(name)

    def _add(
        self, name: str, operation: Any, wires: Any, words: Mapping[str, Any], route: Route, context: _Context
    ) -> None:
        call = words.get("call", {})
        trainable = words.get("trainable", context.trainable)
        policy = words.get("dtype", context.dtype)
        weights = words.get("weights")
        scope = context.scope.prefix
        self.add(Step(name, operation, wires, call, trainable, policy, weights, route, context.uses, scope))

    def operation(self, key: str, value: Any, route: Route, context: _Context) -> Object | None:
        """The checked Object of an operation; None, with problems noted, where it is wrong."""
        if value is not None:
            value = self.substituted(value, route, context)
            if value is UNKNOWN:
                return None
        kind = "ops" if key.startswith("ops.") else "layers"
        if self.checker.registry.find(kind, key) is None:
            self._unknown_operation(key, route, context)
            return None
        before = len(self.problems)
        found = self.checker.operation(kind, key, value, route)
        if context.uses and len(self.problems) > before:
            self.problems[before:] = [_with_uses(problem, context.uses) for problem in self.problems[before:]]
        return found

    def _own_words(self, operation: Object | None, words: dict[str, Any], route: Route) -> dict[str, Any]:
        """Keras's own `name`, `dtype` and `trainable` inside the operation, moved beside it."""
        if operation is None or operation.kind == "ops":
            return words
        inside = [word for word in ("name", "dtype", "trainable") if word in operation.args]
        for word in inside:
            value = operation.args.pop(word)
            if word in words:
                message = f"`{word}` stands both inside {operation.name} and beside it"
                self.wrong("misplaced-word", message, (*route, word), "keep one", "key")
            elif value is not None:
                words = {**words, word: value}
        return words

    def _unknown_operation(self, key: str, route: Route, context: _Context) -> None:
        layers, ops = catalog.names("layers"), catalog.names("ops")
        names = (*layers, *FORMS, *self.blocks, *self.checker.registry.custom)
        help = suggestion(key, ops if key.startswith("ops.") else names)
        if f"ops.{key}" in ops:
            help = f"did you mean `ops.{key}`?"
        elif catalog.find("activations", key) is not None:
            help = f"write `Activation: {key}`"
        elif not help and key in WORDS:
            help = "this is kspec's word; a step needs an operation too"
        self.note("unknown-operation", f"there is no layer, function or block `{key}`", route, context, help, "key")

    # -- the five forms ----------------------------------------------------------------------------------------

    def _reuse(
        self, value: Any, words: dict[str, Any], route: Route, previous: Any, start: Any, context: _Context
    ) -> Any:
        target = self.substituted(value, route, context)
        if not isinstance(target, str):
            self.note("wrong-type", f"`reuse` is the name of a step, not {shown(target)}", route, context)
            return None
        for word in ("trainable", "dtype", "weights"):
            if word in words:
                message = f"`{word}` belongs to the layer, which `{target}` makes"
                self.note("misplaced-word", message, (*route[:-1], word), context, f"write it at `{target}`", "key")
        scope = context.scope
        full = scope.prefix + target
        if full in scope.uses:
            use = scope.uses[full]
            wires = self.wires(words, route, previous, start, context)
            name = self.name(words, target, route, context)
            shared = context._replace(shares=use.prefix, uses=(*context.uses, route))
            return self._inline(use.block, use.variables, name, wires, route, shared)
        if full in scope.forms or full not in scope.taken or scope.taken[full][:1] == ("inputs",):
            known = [name[len(scope.prefix) :] for name in scope.taken if scope.taken[name][:1] != ("inputs",)]
            message = f"there is no earlier layer or block use `{target}`"
            if full in scope.forms:
                message = f"`{target}` names a tensor, not a layer or a block use"
            self.note("unknown-name", message, route, context, suggestion(target, known))
            return None
        wires = self.wires(words, route, previous, start, context)
        name = self.name(words, target, route, context)
        self._add(name, Shared(full), wires, words, route, context)
        return Ref(name)

    def _repeat(
        self, value: Any, words: dict[str, Any], route: Route, previous: Any, start: Any, context: _Context
    ) -> Any:
        if "layers" not in words:
            help = "write `layers: [ … ]` beside `repeat`"
            self.note("missing-key", "`repeat` needs `layers`", route, context, help, "key")
            return None
        variable, items = self._copies(value, route, context)
        previous = self._start(words, route, previous, start, context)
        inner = self._inherit(words, context)
        body = (*route[:-1], "layers")
        scope = context.scope
        saved = scope.variables
        for index, item in enumerate(items):
            if variable is not None:
                scope.variables = {**saved, variable: item}
            uses = (*context.uses, (*route, index))
            previous = self.chain(words["layers"], body, previous, inner._replace(uses=uses))
        scope.variables = saved
        return self._named(words, previous, route, context)

    def _copies(self, value: Any, route: Route, context: _Context) -> tuple[str | None, list[Any]]:
        """The walking variable and its values: ``12``, ``{i: 12}``, ``{filters: [64, 128]}``."""
        value = self.substituted(value, route, context)
        variable = None
        if isinstance(value, dict):
            if len(value) != 1 or not str(next(iter(value))).isidentifier():
                message, help = "`repeat` has one variable", "write `{i: 12}` or `{filters: [64, 128]}`"
                self.note("wrong-value", message, route, context, help)
                return None, []
            ((variable, value),) = value.items()
        if isinstance(value, list) and variable is not None:
            return variable, value
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            if value is not UNKNOWN:
                help = "write a count, `{i: 12}` or `{filters: [64, 128]}`"
                self.note("wrong-type", f"`repeat` is a count, not {shown(value)}", route, context, help)
            return None, []
        if value > MAX_STEPS:
            message = f"the spec expands to more than {MAX_STEPS:,} steps"
            self.note("too-many-steps", message, route, context)
            raise _TooMany
        return variable, list(range(value))

    def _residual(
        self, value: Any, words: dict[str, Any], route: Route, previous: Any, start: Any, context: _Context
    ) -> Any:
        begin = self._start(words, route, previous, start, context)
        end = self.chain(_as_chain(value), route, begin, self._inherit(words, context))
        return self._merged(words, "Add", [end, begin], route, context)

    def _parallel(
        self, value: Any, words: dict[str, Any], route: Route, previous: Any, start: Any, context: _Context
    ) -> Any:
        begin = self._start(words, route, previous, start, context)
        inner = self._inherit(words, context)
        if not isinstance(value, (list, dict)) or not value:
            help = "`parallel: [[…], […]]`, or a mapping that names the chains"
            self.note("wrong-type", f"`parallel` is a list of chains, not {shown(value)}", route, context, help)
            return None
        ends = []
        for key, branch in value.items() if isinstance(value, dict) else enumerate(value):
            end = self.chain(_as_chain(branch), (*route, key), begin, inner)
            if isinstance(value, dict):
                self.alias(str(key), end, (*route, key), context)
            ends.append(end)
        if "merge" not in words:
            return self._named(words, ends, route, context)
        return self._merged(words, None, ends, route, context)

    def _merged(self, words: Mapping[str, Any], default: Any, ends: list[Any], route: Route, context: _Context) -> Any:
        """The layer that joins chains: `merge`, or `default`."""
        beside = (*route[:-1], "merge")
        value = words.get("merge", default)
        place = beside if "merge" in words else route
        if isinstance(value, dict) and len(value) == 1:
            ((key, args),) = value.items()
            place = (*beside, key)
        else:
            key, args = value, None
        if not isinstance(key, str):
            help = "`merge: Multiply`, or `merge: {Concatenate: {axis: 1}}`"
            self.note("wrong-type", f"`merge` is a layer, not {shown(value)}", beside, context, help)
            return None
        own = {word: words[word] for word in ("name", "dtype", "trainable") if word in words}
        if isinstance(own.get("name"), list):
            self.note("wrong-type", "`name` is one text here", (*route[:-1], "name"), context)
            del own["name"]
        previous: Any = UNKNOWN if any(isinstance(end, Unknown) for end in ends) else ends
        return self._layer(key, args, own, place, previous, None, context)

    def _model(
        self, value: Any, words: dict[str, Any], route: Route, previous: Any, start: Any, context: _Context
    ) -> Any:
        path = self.substituted(value, route, context)
        if not isinstance(path, str):
            self.note("wrong-type", f"`model` is a file, not {shown(path)}", route, context)
            return None
        output = words.get("output")
        if output is not None and not isinstance(output, str):
            self.note("wrong-type", f"`output` is a name, not {shown(output)}", (*route[:-1], "output"), context)
        base = re.sub(r"\W+", "_", path.rsplit("/", 1)[-1].rsplit(".", 1)[0]) or "model"
        name = self.name(words, base, route, context)
        wires = self.wires(words, route, previous, start, context)
        operation: Any = Saved(path, output)
        if context.shares is not None:
            operation = Shared(context.shares + name[len(context.scope.prefix) :])
        self._add(name, operation, wires, words, route, context)
        return Ref(name)

    def _start(self, words: Mapping[str, Any], route: Route, previous: Any, start: Any, context: _Context) -> Any:
        """The tensor a form's chains begin with: one, by `from` or the previous step."""
        wires = self.wires(words, route, previous, start, context)
        if isinstance(wires, dict):
            message = f"`{route[-1]}` begins with one tensor"
            self.note("wiring", message, (*route[:-1], "from"), context, "write `from: name`")
            return UNKNOWN
        return wires

    def _inherit(self, words: Mapping[str, Any], context: _Context) -> _Context:
        return context._replace(
            trainable=words.get("trainable", context.trainable), dtype=words.get("dtype", context.dtype)
        )

    def _named(self, words: Mapping[str, Any], value: Any, route: Route, context: _Context) -> Any:
        """A form's result; its `name` names that tensor."""
        name = words.get("name")
        if isinstance(name, str):
            self.alias(name, value, (*route[:-1], "name"), context)
        return value

    # -- blocks ------------------------------------------------------------------------------------------------

    def _use(
        self,
        block: str,
        value: Any,
        words: dict[str, Any],
        route: Route,
        previous: Any,
        start: Any,
        context: _Context,
    ) -> Any:
        if block in context.blocks or len(context.blocks) >= MAX_BLOCK_DEPTH:
            chain = " → ".join((*context.blocks, block))
            self.note("block-recursion", f"a block cannot use itself: {chain}", route, context, at="key")
            return None
        variables = self._block_variables(block, value, route, context)
        body = self._block_body(block, route, context)
        if variables is None or body is None:
            return None
        wires = self.wires(words, route, previous, start, context)
        name = self.name(words, block, route, context)
        if body.get("nested") is True:
            return self._nest(block, variables, name, wires, words, route, context)
        if "weights" in words:
            message, help = f"`weights` needs one layer, and `{block}` is several", "make the block `nested: true`"
            self.note("misplaced-word", message, (*route[:-1], "weights"), context, help, "key")
        inner = self._inherit(words, context)._replace(uses=(*context.uses, route))
        if context.shares is not None:
            inner = inner._replace(shares=context.shares + name[len(context.scope.prefix) :] + ".")
        return self._inline(block, variables, name, wires, route, inner)

    def _inline(
        self, block: str, variables: Mapping[str, Any], name: str, wires: Any, route: Route, context: _Context
    ) -> Any:
        """The block's steps in place, named after the use."""
        prefix = f"{name}."
        context.scope.uses[name] = _Use(block, variables, prefix, route)
        scope = _Scope(prefix, variables, context.scope.taken)
        inputs = self._block_inputs(block, wires, scope, route, context)
        inner = context._replace(scope=scope, blocks=(*context.blocks, block))
        last = self._body(block, inputs, inner)
        result = self._block_outputs(block, last, prefix, inner)
        self.aliases[name] = result
        if isinstance(result, dict):
            self.aliases.update((f"{name}.{key}", item) for key, item in result.items())
            return list(result.values())
        return result

    def _nest(
        self,
        block: str,
        variables: Mapping[str, Any],
        name: str,
        wires: Any,
        words: Mapping[str, Any],
        route: Route,
        context: _Context,
    ) -> Any:
        """The block as one nested model: its own expander, its own names."""
        inputs = self._input_names(block)
        inner = _Expander(self.blocks, self.variables, self.checker)
        inner.total = self.total
        scope = _Scope("", variables, {key: ("blocks", block, "inputs") for key in inputs})
        uses = (*context.uses, route)
        # trainable and dtype given at the use: the nested model itself is frozen, its layers take the policy
        below = _Context(scope, uses, None, words.get("dtype", context.dtype), None, (*context.blocks, block))
        last = inner._body(block, {key: Ref(key) for key in inputs}, below)
        outputs = inner._block_outputs(block, last, "", below)
        self.total = inner.total
        operation: Any = Nested(block, inputs, tuple(inner.steps), inner.aliases, outputs)
        if context.shares is not None:
            operation = Shared(context.shares + name[len(context.scope.prefix) :])
        self._add(name, operation, wires, {**words, "dtype": None}, route, context)
        if isinstance(outputs, dict):
            for index, key in enumerate(outputs):
                self.aliases[f"{name}.{key}"] = Ref(name, index)
            return [Ref(name, index) for index in range(len(outputs))]
        if isinstance(outputs, list):
            return [Ref(name, index) for index in range(len(outputs))]
        return Ref(name)

    def _body(self, block: str, inputs: Mapping[str, Any], context: _Context) -> Any:
        body = self.blocks[block]
        start = next(iter(inputs.values())) if len(inputs) == 1 else None
        return self.chain(body.get("layers", []), ("blocks", block, "layers"), start, context)

    def _block_body(self, block: str, route: Route, context: _Context) -> dict[str, Any] | None:
        """The block's definition, its own form checked once."""
        body = self.blocks[block]
        base: Route = ("blocks", block)
        if not isinstance(body, dict):
            help = f"write `{block}: {{layers: [ … ]}}`"
            self._once("wrong-type", f"a block is a mapping, not {shown(body)}", base, help)
            return None
        for key in body:
            if key not in _BLOCK_KEYS:
                help = suggestion(key, _BLOCK_KEYS, f"a block has {listing(_BLOCK_KEYS)}")
                self._once("unknown-key", f"`{key}` means nothing in a block", (*base, key), help, "key")
        if "nested" in body and not isinstance(body["nested"], bool):
            self._once("wrong-type", f"`nested` is true or false, not {shown(body['nested'])}", (*base, "nested"))
        if "layers" not in body:
            self._once("missing-key", f"the block `{block}` has no `layers`", base, "add `layers:`", "key")
            return None
        return body

    def _once(self, code: str, message: str, route: Route, help: str = "", at: Any = "value") -> None:
        problem = Problem(code, message, route, help, at)
        if problem not in self.problems:
            self.problems.append(problem)

    def _block_variables(self, block: str, value: Any, route: Route, context: _Context) -> dict[str, Any] | None:
        """The block's variables: the caller's values over its own defaults, over the spec's variables."""
        body = self.blocks[block]
        defaults = (body.get("vars") if isinstance(body, dict) else None) or {}
        if not isinstance(defaults, dict):
            self._once("wrong-type", f"`vars` is a mapping, not {shown(defaults)}", ("blocks", block, "vars"))
            return None
        given = self.substituted(value, route, context)
        if given is UNKNOWN:
            return None
        if given is not None and not isinstance(given, dict):
            if not defaults:
                self.note("wrong-value", f"the block `{block}` has no variables", route, context, at="key")
                return None
            given = {next(iter(defaults)): given}
        given = given or {}
        for key in given:
            if key not in defaults:
                help = suggestion(key, defaults, f"its variables: {listing(defaults)}" if defaults else "it has none")
                message = f"the block `{block}` has no variable `{key}`"
                self.note("unknown-argument", message, (*route, key), context, help, "key")
        missing = [key for key, default in defaults.items() if default is None and given.get(key) is None]
        if missing:
            help = f"write `{block}: {{{', '.join(f'{key}: …' for key in missing)}}}`"
            self.note("missing-variable", f"the block `{block}` needs {listing(missing)}", route, context, help, "key")
            return None
        route = ("blocks", block, "vars")
        return resolve_variables({**defaults, **given}, set(given), self.variables, route, self.checker)

    def _input_names(self, block: str) -> tuple[str, ...]:
        names = self.blocks[block].get("inputs")
        if names is None:
            return ("input",)
        if isinstance(names, str):
            return (names,)
        if isinstance(names, list) and names and all(isinstance(name, str) for name in names):
            return tuple(names)
        self._once("wrong-type", "a block's `inputs` is a list of names", ("blocks", block, "inputs"))
        return ("input",)

    def _block_inputs(
        self, block: str, wires: Any, scope: _Scope, route: Route, context: _Context
    ) -> dict[str, Any]:
        """The caller's tensors under the block's own names for them."""
        names = self._input_names(block)
        if wires is UNKNOWN or isinstance(wires, Unknown):
            values: dict[str, Any] = dict.fromkeys(names, wires)
        elif isinstance(wires, dict):
            values = {name: wires.get(name, UNKNOWN) for name in names}
            if set(wires) != set(names):
                message = f"the block `{block}` takes {listing(names)}; `from` gives {listing(wires)}"
                self.note("wiring", message, (*route[:-1], "from"), context)
        elif len(names) == 1:
            values = {names[0]: wires}
        elif isinstance(wires, list) and len(wires) == len(names):
            values = dict(zip(names, wires, strict=True))
        else:
            count = len(wires) if isinstance(wires, list) else 1
            message = f"the block `{block}` takes {len(names)} inputs ({listing(names)}), not {count}"
            self.note("wiring", message, route, context, f"`from: [{', '.join(names)}]`", "key")
            values = dict.fromkeys(names, UNKNOWN)
        for name, value in values.items():
            scope.taken.setdefault(scope.prefix + name, ("blocks", block, "inputs"))
            self.aliases[scope.prefix + name] = value
        return values

    def _block_outputs(self, block: str, last: Any, prefix: str, context: _Context) -> Any:
        """The block's result: its last step, or what `outputs` names."""
        outputs = self.blocks[block].get("outputs")
        base: Route = ("blocks", block, "outputs")
        if outputs is None:
            return last
        if isinstance(outputs, str):
            return Ref(prefix + outputs)
        if isinstance(outputs, list) and outputs and all(isinstance(name, str) for name in outputs):
            return {name: Ref(prefix + name) for name in outputs} if len(outputs) > 1 else Ref(prefix + outputs[0])
        if isinstance(outputs, dict) and outputs and all(isinstance(name, str) for name in outputs.values()):
            return {str(key): Ref(prefix + name) for key, name in outputs.items()}
        self._once("wrong-type", "`outputs` is a name, a list of names, or a mapping to names", base)
        return last


_WORD_TYPES: dict[str, tuple[Any, str]] = {
    "name": ((str, list), "a text"),
    "call": (dict, "a mapping of constant arguments"),
    "trainable": (bool, "true or false"),
    "dtype": ((str, dict), "a dtype policy"),
    "weights": (str, "a file"),
}


def _reserve(items: list[Any], scope: _Scope) -> None:
    """Names that steps ahead give themselves: automatic names keep clear of them."""
    for item in items:
        if item.__class__ is dict:
            if "name" in item:
                name = item["name"]
                scope.reserved.update(str(n) for n in (name if isinstance(name, list) else [name]))
            for form in ("repeat", "residual", "parallel"):
                if form in item:
                    inner = item.get("layers") if form == "repeat" else item[form]
                    inner = list(inner.values()) if isinstance(inner, dict) else inner
                    for part in inner if isinstance(inner, list) else ():
                        _reserve(part if isinstance(part, list) else [part], scope)


def _as_chain(value: Any) -> Any:
    return [value] if isinstance(value, (str, dict)) else value


def _with_uses(problem: Problem, uses: tuple[Route, ...]) -> Problem:
    from dataclasses import replace

    return replace(problem, uses=uses)


@functools.lru_cache(maxsize=4096)
def snake_case(name: str) -> str:
    """Keras's own spelling of an automatic name (keras.src.utils.naming.to_snake_case)."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
