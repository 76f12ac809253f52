"""Program -> the sequential style: one chain of layers; what branches is refused with its place."""

from __future__ import annotations

from typing import NoReturn

from kspec.convert.code.expr import Argument, Call, Expr, Items, Text, call, flat
from kspec.convert.code.functional import later, parameters, policy_lines, saved_lines, settled, title
from kspec.convert.code.layout import signature, statement
from kspec.convert.code.paths import Paths
from kspec.convert.code.program import (
    Apply,
    Copy,
    For,
    Function,
    If,
    Kept,
    Make,
    Model,
    New,
    Op,
    Program,
    Saved,
    Statement,
    Use,
)
from kspec.convert.code.refusal import refuse
from kspec.convert.literals import harmless, quoted
from kspec.diagnostics import Route

SEQUENTIAL = "keras.Sequential"


def sequential(program: Program, paths: Paths) -> list[list[str]]:
    """The functions of a program, each as its lines; the last one builds the model.

    Raises UsageError at the first step that does not take the tensor before it and that alone.
    """
    if len(program.inputs) > 1:
        _refuse(f"the model has {len(program.inputs)} inputs", ("inputs", program.inputs[1].name))
    if program.form != "one":
        several = len(program.outputs) > 1
        _refuse(f"the model has {len(program.outputs)} outputs" if several else "its output has a name", ("outputs",))
    if program.own:
        _refuse("the model has a class of its own", ("class",))
    chain = _Chain(program.inputs[0].variable)
    chain.follow(program.body)
    chain.ends(program.outputs[0][1], ("outputs",))
    functions = [_function(function, paths) for function in program.functions]
    return [*functions, _build(program, paths)]


def _refuse(message: str, route: Route) -> NoReturn:
    refuse(f"a sequential model is one chain, and {message}", route, "`--style functional` can say it")


class _Chain:
    """Which variables hold the tensor that the chain has come to."""

    def __init__(self, first: str) -> None:
        self.now = {first}
        self.models: set[str] = set()

    def ends(self, tensor: str, route: Route) -> None:
        """What a chain gives is the last of it."""
        if tensor not in self.now:
            _refuse("its output is not its last step", route)

    def follow(self, body: list[Statement]) -> None:
        """Check that each step takes what the one before it gave."""
        for each in body:
            if isinstance(each, Copy):
                if each.source not in self.now:
                    _refuse(f"`{each.source}` is taken again", ("layers",))
                self.now.add(each.target)
            elif isinstance(each, Apply):
                self._applied(each)
            elif isinstance(each, Make):
                if isinstance(each.made, New) or each.shared:
                    _refuse(f"`{each.label}` is called again", each.route)
                self.models.add(each.variable)
            elif isinstance(each, Saved):
                self.models.add(each.variable)
            elif isinstance(each, (For, If)):
                self.follow(each.body)

    def _applied(self, each: Apply) -> None:
        what = each.what
        name = f"`{each.label.rpartition('.')[2] or getattr(what, 'hint', '')}`"
        if isinstance(what, Op):
            _refuse(f"{name} is a function, not a layer", each.route)
        if isinstance(what, Kept):
            if what.variable not in self.models:
                _refuse(f"{name} is called again", each.route)
            self.models.discard(what.variable)
        if isinstance(what, Use):
            _check_block(what.function)
        if len(each.targets) > 1:
            _refuse(f"{name} gives several tensors", each.route)
        given = each.arguments
        if len(given) != 1 or given[0].key or flat(given[0].value) not in self.now:
            taken = len(given) == 1 and not given[0].key and isinstance(given[0].value, Text)
            tensors = [each for each in given if not each.key]
            what_else = "takes another tensor than that of the step before it"
            if not taken:
                several = len(tensors) > 1 or (tensors and isinstance(tensors[0].value, Items))
                what_else = "takes several tensors" if several else "is called with more than a tensor"
            _refuse(f"{name} {what_else}", each.route)
        self.now = {each.targets[0]}


def _is_plain(body: list[Statement]) -> bool:
    return all(isinstance(each, Apply) and isinstance(each.what, New) for each in body)


def _made(body: list[Statement]) -> list[Expr]:
    return [each.what.made for each in body if isinstance(each, Apply) and isinstance(each.what, New)]


def _named(name: str | None) -> tuple[Argument, ...]:
    return (Argument("name", Text(quoted(name))),) if name else ()


def _build(program: Program, paths: Paths) -> list[str]:
    lines = signature("build_model", parameters(program.parameters), SEQUENTIAL)
    lines += [f'    """{title(program)}"""', *policy_lines(program), *later(program.parameters, 4)]
    given = Call(Text("keras.Input"), program.inputs[0].arguments)
    return [*lines, *_chain(program.body, [given], program.name, program.weights, paths)]


def _chain(body: list[Statement], first: list[Expr], name: str | None, weights: str, paths: Paths) -> list[str]:
    """A model as one list of layers, or where there are loops and conditions layer by layer."""
    if _is_plain(body):
        made = Items((*first, *_made(body)))
        whole = Call(Text(SEQUENTIAL), (Argument("", made), *_named(name)))
        if not weights:
            return statement("return ", whole, indent=4)
        lines = statement("model = ", whole, indent=4)
    else:
        lines = statement("model = ", Call(Text(SEQUENTIAL), _named(name)), indent=4)
        for each in first:
            lines += statement("", call("model.add", each), indent=4)
        lines += _added(body, paths, 4)
    if weights:
        lines.append(f"    model.load_weights({paths.here(weights)})")
    return [*lines, "    return model"]


def _function(function: Function, paths: Paths) -> list[str]:
    given = parameters(function.parameters)
    if function.given:
        inputs: list[Expr] = [Call(Text("keras.Input"), each.arguments) for each in function.given]
    else:
        inputs = []
    if function.kind == "inline":
        lines = [*signature(function.name, [f"model: {SEQUENTIAL}", *given], "None")]
        lines.append(f'    """Add the layers of `{harmless(function.block)}`."""')
        lines += later(function.parameters, 4)
        return [*lines, *(_added(function.body, paths, 4) or ["    pass"])]
    _check_block(function)
    lines = signature(function.name, given, SEQUENTIAL)
    lines += [f'    """Make the model `{harmless(function.block)}`."""', *later(function.parameters, 4)]
    return [*lines, *_chain(function.body, inputs, function.title or None, "", paths)]


def _check_block(function: Function) -> None:
    """A block is a chain too."""
    route: Route = ("blocks", function.block)
    variables = [each.variable for each in function.given] or list(function.inputs)
    if len(variables) != 1 or len(function.results) != 1:
        _refuse(f"`{function.block}` has several inputs or outputs", route)
    chain = _Chain(variables[0])
    chain.follow(function.body)
    chain.ends(function.results[0], route)


def _added(body: list[Statement], paths: Paths, indent: int) -> list[str]:
    """Statements that add layers to `model`."""
    pad = " " * indent
    lines: list[str] = []
    for each in body:
        if isinstance(each, For):
            lines += statement(f"for {each.variable or '_'} in ", each.over, ":", indent)
            lines += _added(each.body, paths, indent + 4)
        elif isinstance(each, If):
            lines += [f"{pad}if {each.condition}:", *_added(each.body, paths, indent + 4)]
        elif isinstance(each, Saved):
            lines += saved_lines(each, paths, indent)
        elif isinstance(each, Make) and isinstance(each.made, Model):
            made = Call(Text(each.made.function.name), each.made.variables)
            lines += statement(f"{each.variable} = ", made, indent=indent)
            lines += settled(each, each.variable, paths, indent)
        elif isinstance(each, Apply):
            lines += _add(each, indent)
    return lines


def _add(each: Apply, indent: int) -> list[str]:
    what = each.what
    if isinstance(what, New):
        return statement("", call("model.add", what.made), indent=indent)
    if isinstance(what, Kept):
        return [f"{' ' * indent}model.add({what.variable})"]
    assert not isinstance(what, Op)  # `follow` has refused it
    return statement("", Call(Text(what.function.name), (Argument("", Text("model")), *what.variables)), indent=indent)
