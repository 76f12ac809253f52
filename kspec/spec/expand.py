"""Blocks, variables, repeat, residual, parallel, when -> flat steps, each remembering the place it came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from kspec import catalog
from kspec.diagnostics import Route, suggestion
from kspec.spec import blocks, forms, stepform
from kspec.spec.graph import Ref
from kspec.spec.objects import Checker, Object, shown
from kspec.spec.schema import Spec, dtype
from kspec.spec.steps import UNKNOWN, Expanded, Step, Unknown
from kspec.spec.walk import MAX_STEPS, Context, Here, Scope, TooMany, Walk, reserve

FORMS: dict[str, Callable[[Any, Mapping[str, Any], Here, Walk], Any]] = {
    "reuse": forms.reuse,
    "repeat": forms.repeat,
    "residual": forms.residual,
    "parallel": forms.parallel,
    "model": forms.model,
}


def expand(spec: Spec, variables: Mapping[str, Any], checker: Checker) -> Expanded:
    """Flatten a spec's `layers`; problems are the checker's."""
    walk = _Expansion(spec.blocks, variables, checker)
    scope = Scope("", variables, {name: ("inputs", name) for name in spec.inputs})
    # without inputs every wire is unknown: the graph says that one is needed, and nothing follows from it
    only: Any = UNKNOWN if not spec.inputs else Ref(next(iter(spec.inputs))) if len(spec.inputs) == 1 else None
    try:
        last = walk.chain(spec.layers, ("layers",), only, Context(scope))
    except TooMany:
        last = UNKNOWN
    return Expanded(tuple(walk.steps), walk.aliases, last)


class _Expansion(Walk):
    """Walks lists of steps; each operation has its own room."""

    def inside(self) -> Walk:
        return _Expansion(self.blocks, self.variables, self.checker)

    def chain(self, items: Any, route: Route, previous: Any, context: Context) -> Any:
        if not isinstance(items, list):
            help = "begin each step with `- `"
            self.wrong("wrong-type", f"expected a list of steps, not {shown(items)}", route, context, help, "key")
            return UNKNOWN
        reserve(items, context.scope)
        start = previous
        for index, item in enumerate(items):
            previous = self._step(item, (*route, index), previous, start, context)
        return previous

    def _step(self, item: Any, route: Route, previous: Any, start: Any, context: Context) -> Any:
        """Flatten one step; the tensor it gives, or the one before it where `when` leaves it out."""
        self.total += 1
        if self.total > MAX_STEPS:
            raise self.too_many(route, context)
        form = stepform.read(item, route, self, context)
        if form is None:
            return UNKNOWN
        key, value, given = form
        words: dict[str, Any] | None = given
        if given:
            words = stepform.words(given, route, self, context)
            if words is None:
                return previous
        assert words is not None
        here = Here((*route, key) if isinstance(item, dict) else route, previous, start, context)
        if key in FORMS:
            result = FORMS[key](value, words, here, self)
        elif key in self.blocks:
            result = blocks.use(key, value, words, here, self)
        else:
            result = self.layer(key, value, words, here)
        return UNKNOWN if result is None else result

    def layer(self, key: str, value: Any, words: Mapping[str, Any], here: Here) -> Any:
        """A call of a Keras layer, a keras.ops function or a custom layer."""
        context = here.context
        operation = self._operation(key, value, here)
        if operation is not None and operation.kind != "ops":
            words = self._own_words(operation, words, here)
        outputs = words["name"] if isinstance(words.get("name"), list) else None
        name = self.name({} if outputs else words, key.rsplit(".", 1)[-1], here)
        for index, output in enumerate(outputs or ()):
            route = (*here.beside("name"), index)
            if isinstance(output, str):
                self.alias(output, Ref(name, index), route, context)
            else:
                self.wrong("wrong-type", "names of outputs are texts", route, context)
        if operation is None and "from" not in words:
            return Unknown(name)
        wires = self.wires(words, here)
        made: Any = UNKNOWN if operation is None else operation
        self.steps.append(
            Step(
                name,
                made if context.shares is None else forms.shared(made, name, context),
                wires,
                words.get("call", {}),
                words.get("trainable", context.trainable),
                words.get("dtype", context.dtype),
                words.get("weights"),
                here.route,
                context.uses,
                context.scope.prefix,
            )
        )
        return [Ref(name, index) for index in range(len(outputs))] if outputs else Ref(name)

    def _operation(self, key: str, value: Any, here: Here) -> Object | None:
        """The checked Object of an operation; None, with problems noted, where it is wrong."""
        kind = "ops" if key.startswith("ops.") else "layers"
        if self.checker.registry.find(kind, key) is None:
            self._unknown(key, here)
            return None
        if value is not None:
            value = self.filled(value, here.route, here.context)
            if value is UNKNOWN:
                return None
        problems = self.checker.problems
        before = len(problems)
        found = self.checker.operation(kind, key, value, here.route)
        if here.context.uses and len(problems) > before:
            problems[before:] = [replace(problem, uses=here.context.uses) for problem in problems[before:]]
        return found

    def _own_words(self, operation: Object, words: Mapping[str, Any], here: Here) -> Mapping[str, Any]:
        """Keras's own `name`, `dtype` and `trainable` inside the operation, moved beside it."""
        for word in ("name", "dtype", "trainable"):
            if word not in operation.args:
                continue
            value = operation.args.pop(word)
            route = (*here.route, word)
            if word in words:
                message = f"`{word}` stands both inside {operation.name} and beside it"
                self.wrong("misplaced-word", message, route, here.context, "keep one", "key")
            elif value is not None:
                words = {**words, word: value}
                if word == "dtype":
                    dtype(value, route, self.checker)
        return words

    def _unknown(self, key: str, here: Here) -> None:
        """An operation that is nothing: the nearest one, or how it is written."""
        layers, ops = catalog.names("layers"), catalog.names("ops")
        names = (*layers, *FORMS, *self.blocks, *self.checker.registry.custom)
        help = suggestion(key, ops if key.startswith("ops.") else names)
        if catalog.find("activations", key) is not None:
            help = f"write `Activation: {key}`"
        elif f"ops.{key}" in ops:
            help = f"did you mean `ops.{key}`?"
        message = f"there is no layer, function or block `{key}`"
        self.wrong("unknown-operation", message, here.route, here.context, help, "key")
