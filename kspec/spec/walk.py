"""What flattening shares: names and their scopes, wiring, and where one step stands."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from kspec.diagnostics import Note, Problem, Route
from kspec.spec.graph import Ref
from kspec.spec.objects import Checker, shown
from kspec.spec.schema import NAME, RESERVED
from kspec.spec.steps import UNKNOWN, Step
from kspec.spec.variables import put_in

MAX_STEPS = 200_000


class Use(NamedTuple):
    """One use of a block, so that it can be used again with the same layers."""

    block: str
    variables: Mapping[str, Any]
    prefix: str


class Scope:
    """The names of one chain: the top, one use of a block, or the inside of a nested block."""

    def __init__(self, prefix: str, variables: Mapping[str, Any], taken: dict[str, Route]) -> None:
        self.prefix, self.variables, self.taken = prefix, variables, taken
        self.reserved: set[str] = set()
        """Names that steps ahead give themselves: automatic names keep clear of them."""
        self.counts: dict[str, int] = {}
        self.uses: dict[str, Use] = {}
        self.tensors: set[str] = set()
        """Names of tensors that are no layer's."""


class Context(NamedTuple):
    """What surrounds a list of steps."""

    scope: Scope
    uses: tuple[Route, ...] = ()
    trainable: bool | None = None
    dtype: Any = None
    shares: str | None = None
    """The prefix of the block use whose layers are called again."""
    blocks: tuple[str, ...] = ()
    """The blocks around, outermost first."""


class Here(NamedTuple):
    """Where one step stands: the route of its operation, the tensor before it, the one its chain began with."""

    route: Route
    previous: Any
    start: Any
    context: Context

    def beside(self, word: str) -> Route:
        """The route of a word beside the operation."""
        return (*self.route[:-1], word)


class TooMany(Exception):
    """The spec expands to more steps than allowed; the problem is noted."""


class Walk:
    """The state of one flattening: steps and aliases so far, and the problems."""

    def __init__(self, blocks: Mapping[str, Any], variables: Mapping[str, Any], checker: Checker) -> None:
        self.blocks, self.variables, self.checker = blocks, variables, checker
        self.steps: list[Step] = []
        self.aliases: dict[str, Any] = {}
        self.total = 0

    # What the forms and blocks call back; `expand` defines them.
    def chain(self, items: Any, route: Route, previous: Any, context: Context) -> Any:
        """Flatten a list of steps that begins with the tensor `previous`; the tensor it ends with."""
        raise NotImplementedError

    def layer(self, key: str, value: Any, words: Mapping[str, Any], here: Here) -> Any:
        """Flatten a call of a layer or function; the tensor it gives."""
        raise NotImplementedError

    def inside(self) -> Walk:
        """A walk of its own for a nested model, on the same problems."""
        raise NotImplementedError

    # -- problems ----------------------------------------------------------------------------------------------

    def wrong(self, code: str, message: str, route: Route, context: Context, help: str = "", at: Any = "value") -> None:
        """Note a problem, with the uses that asked for the step."""
        self.checker.problems.append(Problem(code, message, route, help, at, (), context.uses))

    def once(self, code: str, message: str, route: Route, help: str = "", at: Any = "value") -> None:
        """Note a problem of a definition that many uses would find."""
        problem = Problem(code, message, route, help, at)
        if problem not in self.checker.problems:
            self.checker.problems.append(problem)

    def too_many(self, route: Route, context: Context) -> TooMany:
        self.wrong("too-many-steps", f"the spec expands to more than {MAX_STEPS:,} steps", route, context, at="key")
        return TooMany()

    def filled(self, value: Any, route: Route, context: Context) -> Any:
        """A value with the scope's variables put in, or UNKNOWN with the problem noted."""
        return put_in(value, route, context.scope.variables, self.checker, context.uses)

    # -- names -------------------------------------------------------------------------------------------------

    def name(self, words: Mapping[str, Any], base: str, here: Here) -> str:
        """The step's complete name: its own, or Keras's snake_case of `base` made unique."""
        scope = here.context.scope
        given = words.get("name")
        if isinstance(given, str):
            full = scope.prefix + given
            self._take(given, full, here.beside("name"), here.route, here.context)
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
        scope.taken[full] = here.route
        return full

    def alias(self, name: str, target: Any, route: Route, context: Context) -> None:
        """Another name for a tensor (or several)."""
        full = context.scope.prefix + name
        if self._take(name, full, route, route, context):
            context.scope.tensors.add(full)
            self.aliases[full] = target

    def _take(self, name: str, full: str, place: Route, route: Route, context: Context) -> bool:
        """Whether a name can be a name and is free; taken from now on."""
        if name in RESERVED:
            help = "choose another name"
            self.wrong("wrong-value", f"`{name}` has a meaning of its own in `from`", place, context, help)
            return False
        if not NAME.match(name):
            help = "a name has no spaces and none of / $ : , [ ] { }"
            self.wrong("wrong-value", f"`{name}` cannot be a name", place, context, help)
            return False
        taken = context.scope.taken
        if full in taken:
            self._duplicate(full, place, taken[full], context)
            return False
        taken[full] = route
        return True

    def _duplicate(self, name: str, route: Route, first: Route, context: Context) -> None:
        same = first[:-1] == route[:-1]  # the same step, in another copy of a repeat
        help = "each copy needs its own: `name: x_$i` in `repeat: {i: …}`" if same else "choose another name"
        what = "an input" if first[:1] == ("inputs",) else "a step"
        notes = () if same else (Note(f"`{name}` is {what} already", first),)
        message = f"every copy of this step would be called `{name}`" if same else f"the name `{name}` is taken"
        problem = Problem("duplicate-name", message, route, help, "value", notes, () if same else context.uses)
        if problem not in self.checker.problems[-3:]:
            self.checker.problems.append(problem)

    # -- wiring ------------------------------------------------------------------------------------------------

    def wires(self, words: Mapping[str, Any], here: Here) -> Any:
        """`from` with its names as Refs; the previous step where it is left out."""
        if "from" not in words:
            return self._previous(here, here.route)
        return self._wire(words["from"], here, here.beside("from"), False)

    def start(self, words: Mapping[str, Any], here: Here) -> Any:
        """The tensor that a form's chains begin with: one, by `from` or the previous step."""
        wires = self.wires(words, here)
        if isinstance(wires, dict):
            message = f"`{here.route[-1]}` begins with one tensor"
            self.wrong("wiring", message, here.beside("from"), here.context, "write `from: name`")
            return UNKNOWN
        return wires

    def _previous(self, here: Here, route: Route) -> Any:
        if here.previous is None:
            help = "say which with `from: name`"
            self.wrong("wiring", "no single input to begin with", route, here.context, help, "key")
            return UNKNOWN
        return here.previous

    def _wire(self, value: Any, here: Here, route: Route, inner: bool) -> Any:
        if isinstance(value, str):
            if value == "previous":
                return self._previous(here, route)
            if value == "input" and here.start is not None:
                return here.start
            return Ref(here.context.scope.prefix + value)
        if isinstance(value, list):
            return [self._wire(item, here, (*route, index), True) for index, item in enumerate(value)]
        if isinstance(value, dict) and not inner:
            return {key: self._wire(item, here, (*route, key), True) for key, item in value.items()}
        if inner and isinstance(value, (int, float)):
            return value
        help = "a name, a list of names, or a mapping from call arguments to names"
        self.wrong("wrong-type", f"`from` cannot be {shown(value)}", route, here.context, help)
        return UNKNOWN


@functools.lru_cache(maxsize=4096)
def snake_case(name: str) -> str:
    """Keras's own spelling of an automatic name (keras.src.utils.naming.to_snake_case)."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def reserve(items: list[Any], scope: Scope) -> None:
    """Note the names that steps ahead give themselves."""
    for item in items:
        if item.__class__ is dict:
            if "name" in item:
                name = item["name"]
                scope.reserved.update(str(each) for each in (name if isinstance(name, list) else [name]))
            for form in ("repeat", "residual", "parallel"):
                if form in item:
                    inner = item.get("layers") if form == "repeat" else item[form]
                    inner = list(inner.values()) if isinstance(inner, dict) else inner
                    for part in inner if isinstance(inner, list) else ():
                        reserve(part if isinstance(part, list) else [part], scope)
