"""Statements taken apart: what makes layers stands in `__init__`, what calls them in `call`."""

from __future__ import annotations

import io
import tokenize
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kspec.convert.code.expr import Argument, Call, Expr, Items, Pairs, Text, call, flat
from kspec.convert.code.functional import later, parameters, saved_lines, settled
from kspec.convert.code.layout import WIDTH, signature, statement
from kspec.convert.code.modes import differs
from kspec.convert.code.names import Words, identifier
from kspec.convert.code.paths import Paths
from kspec.convert.code.program import (
    Apply,
    Copy,
    For,
    If,
    Kept,
    Make,
    Model,
    New,
    Op,
    Parameter,
    Saved,
    Statement,
    Table,
    Unsaid,
    Use,
)
from kspec.convert.code.refusal import refuse


class Part(NamedTuple):
    """Lines of `__init__`, and of `call`."""

    init: list[str]
    call: list[str]


class Selves:
    """The attributes of one class."""

    def __init__(self, words: Words, classes: Mapping[str, str], parameters: Sequence[Parameter], paths: Paths) -> None:
        self.words, self.classes, self.parameters, self.paths = words, classes, list(parameters), paths
        self.kept: dict[str, str] = {}
        """The attribute of each layer or model that is kept."""
        self.needed: dict[str, str] = {}
        """Parameters that `call` asks for, and their attributes."""
        self.known = {each.name for each in parameters}
        self.trained: frozenset[str] | None = None
        """The variables that differ in training, where `call` is told of it."""

    def split(self, body: list[Statement], result: Expr) -> Part:
        """The lines of `__init__` and of `call`, which returns `result`."""
        last = body[-1] if body else None
        if isinstance(last, Apply) and ", ".join(last.targets) == flat(result):
            before, end = self._block(body[:-1], 8), self._apply(last, 8, "return ")
        else:
            before, end = self._block(body, 8), Part([], statement("return ", result, indent=8))
        return Part(before.init + end.init, before.call + end.call)

    def init(self, lines: list[str], short: bool) -> list[str]:
        """`__init__` with what the layers need."""
        given = parameters(self.parameters)
        head = signature("__init__", ["self", *given, "**kwargs: Any"], "None", 4)
        # block inputs are cast by the layers inside, each as its own policy says
        start = [
            "        super().__init__(autocast=False, **kwargs)" if short else "        super().__init__(**kwargs)"
        ]
        stored = [f"        self.{attribute} = {name}" for name, attribute in self.needed.items()]
        return [*head, *start, *later(self.parameters, 8), *stored, *lines]

    # -- statements --------------------------------------------------------------------------------------------

    def _block(self, body: list[Statement], indent: int) -> Part:
        init: list[str] = []
        calls: list[str] = []
        for each in body:
            part = self._statement(each, indent)
            init += part.init
            calls += part.call
        return Part(init, calls)

    def _statement(self, each: Statement, indent: int) -> Part:
        pad = " " * indent
        if isinstance(each, Copy):
            return Part([], [f"{pad}{each.target} = {self._text(each.source)}"])
        if isinstance(each, Table):
            return Part([], [f"{pad}{each.variable}: dict[Any, Any] = {{}}"])
        if isinstance(each, For):
            return self._loop(each, indent)
        if isinstance(each, If):
            inner = self._block(each.body, indent + 4)
            init = [f"{pad}if {each.condition}:", *inner.init] if inner.init else []
            condition = self._text(each.condition)
            return Part(init, [f"{pad}if {condition}:", *inner.call] if inner.call else [])
        if isinstance(each, Saved):
            name = self._kept(each.variable, each.label)
            lines = saved_lines(each, self.paths, indent)  # in a variable: Keras would track the whole model too
            return Part([*lines, f"{pad}{name} = {each.variable}"], [])
        if isinstance(each, Make):
            name = self._kept(each.variable, each.label)
            lines = statement(f"{name} = ", self._made(each), indent=indent)
            return Part(lines + settled(each, name, self.paths, indent), [])
        left = ", ".join(self._text(target) for target in each.targets)
        return self._apply(each, indent, f"{left} = ")

    def _apply(self, each: Apply, indent: int, start: str) -> Part:
        """A call, and what stands before it."""
        what = each.what
        if isinstance(what, Op):
            return Part([], statement(start, self._expr(what.value), indent=indent))
        if isinstance(what, Kept):
            called: Expr = Text(self.kept[what.variable])
            init: list[str] = []
        else:
            name = f"self.{self.words.fresh(_wanted(each))}"
            called, init = Text(name), statement(f"{name} = ", self._new(what), indent=indent)
        return Part(init, statement(start, self._call(called, each), indent=indent))

    def _call(self, called: Expr, each: Apply) -> Call:
        given = tuple(Argument(key, self._expr(value)) for key, value in each.arguments)
        told = self.trained is not None and differs(each.what, self.trained)
        if told and not any(argument.key == "training" for argument in given):
            given = (*given, Argument("training", Text("training")))
        return Call(called, given)

    def _new(self, what: New | Use) -> Call:
        if isinstance(what, New):
            return what.made
        return Call(Text(self.classes[what.function.name]), what.variables)

    def _made(self, each: Make) -> Call:
        made = each.made
        if each.held:
            help = "`--style functional` can say it"
            refuse(f"a layer is around the model `{each.label}`, which has to be a functional one", each.route, help)
        if isinstance(made, New):
            return made.made
        assert isinstance(made, Model)
        return Call(Text(self.classes[made.function.name]), made.variables)

    def _kept(self, variable: str, label: str) -> str:
        local = label.rpartition(".")[2]
        self.kept[variable] = f"self.{self.words.fresh(local if local else variable)}"
        return self.kept[variable]

    # -- loops -------------------------------------------------------------------------------------------------

    def _loop(self, each: For, indent: int) -> Part:
        """Layers in lists, one for each round."""
        pad = " " * indent
        made: list[tuple[str, str, Call]] = []
        calls: list[str] = []
        taken = Words(self.words)
        kept: dict[str, str] = {}
        for inner in each.body:
            if isinstance(inner, (Copy, Table)):
                calls += self._statement(inner, indent + 4).call
            elif isinstance(inner, Make) and inner.frozen is None and not inner.load:
                variable = taken.fresh(inner.variable)
                made.append((self._list(inner.label), variable, self._made(inner)))
                kept[inner.variable] = variable
            elif isinstance(inner, Apply):
                left = ", ".join(self._text(target) for target in inner.targets)
                what = inner.what
                if isinstance(what, Op):
                    calls += statement(f"{left} = ", self._expr(what.value), indent=indent + 4)
                    continue
                if isinstance(what, Kept):
                    called = kept.get(what.variable) or self.kept[what.variable]
                else:
                    called = taken.fresh(identifier(what.hint))
                    made.append((self._list(what.hint), called, self._new(what)))
                calls += statement(f"{left} = ", self._call(Text(called), inner), indent=indent + 4)
            else:
                raise Unsaid("a loop or a condition in a loop")
        init = self._lists(made, each, indent)
        names, over = [variable for _, variable, _ in made], [Text(f"self.{attribute}") for attribute, _, _ in made]
        if each.variable and each.variable in self.names_in("\n".join(calls)):
            names, over = [each.variable, *names], [self._expr(each.over), *over]  # type: ignore[list-item]
        if not made:
            head = statement(f"for {each.variable or '_'} in ", self._expr(each.over), ":", indent)
        elif len(names) == 1:
            head = [f"{pad}for {names[0]} in {flat(over[0])}:"]
        else:
            zipped = Call(Text("zip"), (*(Argument("", item) for item in over), Argument("strict", Text("True"))))
            one = f"for {', '.join(names)} in "
            if len(f"{pad}{one}zip(") <= WIDTH:
                head = statement(one, zipped, ":", indent)
            else:
                head = [f"{pad}for (", *(f"{pad}    {name}," for name in names)]
                head += statement(") in ", zipped, ":", indent)
        return Part(init, [*head, *calls])

    def _list(self, label: str) -> str:
        word = identifier(label)
        return self.words.fresh(word if word.endswith("s") else f"{word}s")

    def _lists(self, made: list[tuple[str, str, Call]], each: For, indent: int) -> list[str]:
        """The lists of a loop's layers, made round by round as they are called."""
        pad = " " * indent
        if not made:
            return []
        head = f"for {each.variable or '_'} in {flat(each.over)}"
        if len(made) == 1:
            attribute, _, layer = made[0]
            one = f"{pad}self.{attribute} = [{flat(layer)} {head}]"
            if len(one) <= WIDTH:
                return [one]
            inner = f"{pad}    {flat(layer)} {head}"
            if len(inner) <= WIDTH:
                return [f"{pad}self.{attribute} = [", inner, f"{pad}]"]
            parts = [f"{pad}    {flat(layer)}", f"{pad}    {head}"]
            if max(map(len, parts)) <= WIDTH:
                return [f"{pad}self.{attribute} = [", *parts, f"{pad}]"]
        lines = [f"{pad}self.{attribute} = []" for attribute, _, _ in made]
        lines += statement(f"for {each.variable or '_'} in ", each.over, ":", indent)
        for attribute, _, layer in made:
            lines += statement("", call(f"self.{attribute}.append", layer), indent=indent + 4)
        return lines

    # -- variables that `call` asks for -------------------------------------------------------------------------

    def _expr(self, value: Expr) -> Expr:
        """An expression of `call`, where parameters are attributes."""
        if isinstance(value, Text):
            return Text(self._text(value.text))
        if isinstance(value, Call):
            given = tuple(Argument(key, self._expr(item)) for key, item in value.arguments)
            return Call(self._expr(value.callee), given)
        if isinstance(value, Items):
            return Items(tuple(map(self._expr, value.items)), value.is_tuple)
        return Pairs(tuple((self._expr(key), self._expr(item)) for key, item in value.pairs))

    def _text(self, text: str) -> str:
        pieces: list[str] = []
        end = 0
        for token in _tokens(text):
            if (
                token.type == tokenize.NAME
                and token.string in self.known
                and text[token.start[1] - 1 : token.start[1]] != "."
            ):
                attribute = self.needed.get(token.string)
                if attribute is None:
                    attribute = self.needed[token.string] = self.words.fresh(token.string)
                pieces += [text[end : token.start[1]], f"self.{attribute}"]
                end = token.end[1]
        return "".join(pieces) + text[end:]

    @staticmethod
    def names_in(text: str) -> set[str]:
        """The words of a text."""
        return {token.string for token in _tokens(text) if token.type == tokenize.NAME}


def _tokens(text: str) -> list[tokenize.TokenInfo]:
    try:
        return list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, IndentationError) as error:
        raise Unsaid(f"`{text[:40]}` cannot be read again") from error


def _wanted(each: Apply) -> str:
    """What a layer's attribute is called: as the step where it has a name of its own."""
    local = each.label.rpartition(".")[2]
    hint = getattr(each.what, "hint", "") or "layer"
    return local if local and not local.startswith(hint) else hint
