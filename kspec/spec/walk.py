"""What flattening shares: names and their scopes, wiring, and where one step stands."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from kspec.diagnostics import MAX_PROBLEMS, Note, Problem, Route, last_told
from kspec.spec.expressions import ExpressionError, substitute
from kspec.spec.graph import Lora, Quantize, Ref
from kspec.spec.objects import Checker
from kspec.spec.schema import NAME, RESERVED
from kspec.spec.steps import UNKNOWN, Step, Unknown
from kspec.spec.values import shown
from kspec.spec.variables import MAX_FILLED, put_in

MAX_STEPS = 200_000
MAX_NAME = 200


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
    lora: Lora | None = None
    quantize: Quantize | None = None


class Here(NamedTuple):
    """Where one step stands: the route of its operation, the tensor before it, the one its chain began with."""

    route: Route
    previous: Any
    start: Any
    context: Context
    sure: bool = True
    """Whether what the step gives is known: no word beside it is misspelled."""

    def beside(self, word: str) -> Route:
        """The route of a word beside the operation."""
        return (*self.route[:-1], word)


class TooMany(Exception):
    """The spec expands to more than is allowed, or has more problems than anyone reads; that is noted."""


class Tally:
    """What a flattening and those of its nested blocks count together."""

    def __init__(self) -> None:
        self.steps = 0
        self.used: set[str] = set()
        """Blocks that were reached."""
        self.left_out: dict[str, Route] = {}
        """Names of steps that their `when` leaves out."""
        self.named = True
        """Whether every name is known."""
        self.unsure = False
        """Whether an unnamed step is wrong, so that automatic names may be others than are meant."""
        self.doubled: set[str] = set()
        """Names that are given twice."""
        self.numbered: frozenset[str] = frozenset()
        """Inputs whose names are numbers, which is wrong."""
        self.operations = True
        """Whether every block and custom module was read: without it an operation that seems unknown may be one."""


class Walk:
    """The state of one flattening: steps and aliases so far, and the problems."""

    def __init__(
        self, blocks: Mapping[str, Any], variables: Mapping[str, Any], checker: Checker, tally: Tally | None = None
    ) -> None:
        self.blocks, self.variables, self.checker = blocks, variables, checker
        self.tally = tally if tally is not None else Tally()
        self.steps: list[Step] = []
        self.aliases: dict[str, Any] = {}

    # What the forms and blocks call back; `expand` defines them.
    def chain(self, items: Any, route: Route, previous: Any, context: Context) -> Any:
        """Flatten a list of steps that begins with the tensor `previous`; the tensor it ends with."""
        raise NotImplementedError

    def branch(self, value: Any, route: Route, previous: Any, context: Context) -> Any:
        """Flatten a chain that may be a single step, written without a list."""
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
        self.once_there(Problem(code, message, route, help, at))

    def once_there(self, problem: Problem) -> None:
        """Note a problem that was not noted yet."""
        if problem not in self.checker.problems:
            self.checker.problems.append(problem)

    def count(self, route: Route, context: Context) -> None:
        """Count a step, or a copy of several."""
        self.tally.steps += 1
        if self.tally.steps > MAX_STEPS:
            raise self.too_many(route, context)
        if self.checker.filled > MAX_FILLED:
            raise TooMany
        problems = self.checker.problems
        if len(problems) > MAX_PROBLEMS:
            problems[-1] = last_told(problems[-1])
            raise TooMany

    def too_many(self, route: Route, context: Context) -> TooMany:
        self.wrong("too-many-steps", f"the spec expands to more than {MAX_STEPS:,} steps", route, context, at="key")
        return TooMany()

    def once_at(self, code: str, message: str, route: Route, context: Context, help: str, at: Any = "value") -> None:
        """Note a problem of a place that every copy of a repeat would find."""
        if not any(problem.route == route and problem.code == code for problem in self.checker.problems[-100:]):
            self.wrong(code, message, route, context, help, at)

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

    def alias(self, name: str, target: Any, route: Route, context: Context, at: Any = "value") -> None:
        """Another name for a tensor (or several)."""
        full = context.scope.prefix + name
        if self._take(name, full, route, route, context, at):
            context.scope.tensors.add(full)
            self.aliases[full] = target

    def outputs(self, words: Mapping[str, Any], name: str, here: Here) -> tuple[str, ...]:
        """The complete names that a list in `name` gives to the outputs of the step `name`."""
        given = words.get("name")
        found = []
        for index, output in enumerate(given if isinstance(given, list) else ()):
            route = (*here.beside("name"), index)
            if isinstance(output, str):
                self.alias(output, Ref(name, index), route, here.context)
            else:
                self.wrong("wrong-type", "names of outputs are texts", route, here.context)
            found.append(f"{here.context.scope.prefix}{output}")
        return tuple(found)

    def lost(self, words: Mapping[Any, Any], route: Route, context: Context) -> Unknown:
        """The tensor of a step that is wrong; the names that the step would have given stay known."""
        given = words.get("name")
        for name in given if isinstance(given, list) else [given]:
            if isinstance(name, str):
                self.lost_name(name, route, context)
            else:
                self.tally.unsure = True
        return UNKNOWN

    def lost_name(self, name: str, route: Route, context: Context) -> None:
        """A name whose tensor is unknown, and whoever takes it is left unreported."""
        try:
            full = f"{context.scope.prefix}{substitute(name, context.scope.variables)}"
        except ExpressionError:
            self.tally.named = False
            return
        context.scope.taken.setdefault(full, route)
        self.aliases.setdefault(full, UNKNOWN)

    def _take(self, name: str, full: str, place: Route, route: Route, context: Context, at: Any = "value") -> bool:
        """Whether a name can be a name and is free; taken from now on."""
        what = name_problem(name)
        if what is not None:
            self.tally.named = False  # what is meant by it is not known
            self.once_at("wrong-value", what[0], place, context, what[1], at)
            return False
        taken = context.scope.taken
        if full in taken:
            self.tally.doubled.add(full)
            self._duplicate(full, place, taken[full], context, at)
            return False
        taken[full] = route
        return True

    def _duplicate(self, name: str, place: Route, first: Route, context: Context, at: Any) -> None:
        # the same step, in another copy of a repeat
        same = first == place or (place[-1:] == ("name",) and first[:-1] == place[:-1])
        help = "each copy needs its own: `name: x_$i` in `repeat: {i: …}`" if same else "choose another name"
        what = "an input" if first[:1] == ("inputs",) else "an output" if isinstance(first[-1], int) else "a step"
        notes = () if same else (Note(f"`{name}` is {what} already", first),)
        message = f"every copy of this step would be called `{name}`" if same else f"the name `{name}` is taken"
        problem = Problem("duplicate-name", message, place, help, at, notes, () if same else context.uses)
        if problem not in self.checker.problems[-3:]:
            self.checker.problems.append(problem)

    def _is_counted(self, name: str, scope: Scope) -> bool:
        """Whether a name is one that a step got by counting, which an unnamed step that is wrong would have changed."""
        full = scope.prefix + name
        return name not in scope.reserved and full in scope.taken and _base(name) in scope.counts

    # -- wiring ------------------------------------------------------------------------------------------------

    def wires(self, words: Mapping[str, Any], here: Here) -> Any:
        """`from` with its names as Refs; the previous step where it is left out."""
        if "from" not in words:
            return self._previous(here, here.route)
        if words["from"] is UNKNOWN:
            return UNKNOWN
        if words["from"] in ([], {}):
            self.wrong("wiring", "`from` is empty", here.beside("from"), here.context, "name a step or an input")
            return UNKNOWN
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
            if self.tally.unsure and self._is_counted(value, here.context.scope):
                return UNKNOWN
            return Ref(here.context.scope.prefix + value)
        if isinstance(value, list):
            return [self._wire(item, here, (*route, index), True) for index, item in enumerate(value)]
        if isinstance(value, dict) and not inner:
            return {key: self._wire(item, here, (*route, key), True) for key, item in value.items()}
        if inner and isinstance(value, (int, float)):
            return UNKNOWN if str(value) in self.tally.numbered else value
        help = "a name, a list of names, or a mapping from call arguments to names"
        self.wrong("wrong-type", f"`from` cannot be {shown(value)}", route, here.context, help)
        return UNKNOWN


def _base(name: str) -> str:
    return re.sub(r"_[0-9]+\Z", "", name)


def tensors(name: str, outputs: tuple[str, ...]) -> Any:
    """What a step gives: one tensor, or those of its outputs that are named."""
    return [Ref(name, index) for index in range(len(outputs))] if outputs else Ref(name)


def name_problem(name: str) -> tuple[str, str] | None:
    """What is wrong with a name of a step, and what to do; None where nothing is."""
    if name in RESERVED:
        return f"`{name}` has a meaning of its own in `from`", "choose another name"
    if NAME.match(name):
        return None
    if len(name) > MAX_NAME:
        return f"a name of {len(name):,} characters", f"at most {MAX_NAME}"
    what = f"`{name}`" if name else "an empty text"
    return f"{what} cannot be a name", "a name has no spaces and none of / $ : , [ ] { }"


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
