"""Program -> the functional style: tensors go from call to call, blocks are functions of tensors."""

from __future__ import annotations

from kspec.convert.code.expr import Argument, Call, Expr, Items, Pairs, Text, call, flat, texts
from kspec.convert.code.layout import signature, statement
from kspec.convert.code.names import LAYER
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
    Parameter,
    Program,
    Saved,
    Statement,
    Table,
    Use,
)
from kspec.convert.literals import harmless, quoted

TENSOR = "keras.KerasTensor"


def functional(program: Program, paths: Paths) -> list[list[str]]:
    """The functions of a program, each as its lines; the last one builds the model."""
    made = [_function(function, paths) for function in program.functions]
    return [*made, _build(program, paths)]


def _build(program: Program, paths: Paths) -> list[str]:
    lines = signature("build_model", parameters(program.parameters), "keras.Model")
    lines.append(f'    """{title(program)}"""')
    lines += policy_lines(program)
    lines += later(program.parameters, 4)
    for given in program.inputs:
        made = Call(Text("keras.Input"), given.arguments)
        lines += statement(f"{given.variable} = ", made, indent=4)
    lines += body_lines(program.body, paths, 4)
    outputs = outputs_expression(program)
    fed: Expr = Text(program.inputs[0].variable)
    if len(program.inputs) > 1:
        fed = Items(tuple(Text(given.variable) for given in program.inputs))
    named = [Argument("name", Text(quoted(program.name)))] if program.name is not None else []
    model = Call(Text(program.own or "keras.Model"), (Argument("", fed), Argument("", outputs), *named))
    if not program.weights:
        return [*lines, *statement("return ", model, indent=4)]
    lines += statement("model = ", model, indent=4)
    return [*lines, f"    model.load_weights({paths.here(program.weights)})", "    return model"]


def outputs_expression(program: Program) -> Expr:
    """A model's outputs."""
    if program.form == "one":
        return Text(program.outputs[0][1])
    if program.form == "list":
        return Items(tuple(Text(tensor) for _, tensor in program.outputs))
    return Pairs(tuple((Text(quoted(name)), Text(tensor)) for name, tensor in program.outputs))


def title(program: Program) -> str:
    """The first line of the documentation of what builds the model."""
    if program.name is None:
        return "Build the model."
    return f"Build the model `{harmless(program.name)}`."


def policy_lines(program: Program) -> list[str]:
    """The dtype policy of all layers that have none of their own."""
    if program.policy is None:
        return []
    return statement("", call("keras.config.set_dtype_policy", program.policy), indent=4)


def parameters(found: list[Parameter]) -> list[str]:
    """A function's arguments with types and defaults; what is computed from others is none at the top."""
    texts = []
    for each in found:
        if each.later:
            if each.type.endswith(" | None"):
                texts.append(f"{each.name}: {each.type} = None")
        elif each.default is None:
            texts.append(f"{each.name}: {each.type}")
        else:
            texts.append(f"{each.name}: {each.type} = {flat(each.default)}")
    return texts


def later(found: list[Parameter], indent: int) -> list[str]:
    """What is computed from other variables."""
    pad = " " * indent
    lines: list[str] = []
    for each in found:
        if each.later and each.default is not None:
            if each.type.endswith(" | None"):
                lines.append(f"{pad}if {each.name} is None:")
                lines += statement(f"{each.name} = ", each.default, indent=indent + 4)
            else:
                lines += statement(f"{each.name} = ", each.default, indent=indent)
    return lines


def _function(function: Function, paths: Paths) -> list[str]:
    given = parameters(function.parameters)
    several = len(function.results) > 1
    if function.kind == "inline":
        returns = f"tuple[{', '.join([TENSOR] * len(function.results))}]" if several else TENSOR
        heads = [f"{name}: {TENSOR}" for name in function.inputs]
        lines = signature(function.name, [*heads, *given], returns)
    else:
        lines = _model_head(function, given)
    lines += later(function.parameters, 4)
    last = function.body[-1] if function.body else None
    if function.kind == "inline" and isinstance(last, Apply) and last.targets == function.results:
        lines += body_lines(function.body[:-1], paths, 4)
        return [*lines, *statement("return ", applied(last), indent=4)]
    lines += body_lines(function.body, paths, 4)
    if function.kind == "inline":
        return [*lines, f"    return {', '.join(function.results)}"]
    names = [each.variable for each in function.given] or list(function.inputs)
    fed: Expr = Text(names[0]) if len(names) == 1 else Items(texts(names))
    ends: Expr = Text(function.results[0])
    if several:
        ends = Items(tuple(Text(each) for each in function.results))
    named = [Argument("name", Text(quoted(function.title)))] if function.title else []
    model = Call(Text("keras.Model"), (Argument("", fed), Argument("", ends), *named))
    return [*lines, *statement("return ", model, indent=4)]


def _model_head(function: Function, given: list[str]) -> list[str]:
    """The head of a function that makes a model, and the model's inputs."""
    like = [] if function.given else likes(function)
    lines = signature(function.name, [*(f"{name}: {TENSOR}" for name in like), *given], "keras.Model")
    tensors = f", for {'a tensor' if len(like) == 1 else 'tensors'} like {' and '.join(f'`{name}`' for name in like)}"
    lines.append(f'    """Make the model `{harmless(function.block)}`{tensors if like else ""}."""')
    for each in function.given:
        lines += statement(f"{each.variable} = ", Call(Text("keras.Input"), each.arguments), indent=4)
    for name, variable in zip(like, function.inputs, strict=False):
        lines.append(f"    {variable} = keras.Input(batch_shape={name}.shape, dtype={name}.dtype)")
    return lines


def likes(function: Function) -> list[str]:
    """What a function that makes a model calls the tensors that it will be given."""
    return ["like"] if len(function.inputs) == 1 else [f"like_{name}" for name in function.inputs]


def body_lines(body: list[Statement], paths: Paths, indent: int) -> list[str]:
    """Statements as lines."""
    lines: list[str] = []
    for each in body:
        lines += _statement(each, paths, indent)
    return lines


def _statement(each: Statement, paths: Paths, indent: int) -> list[str]:
    pad = " " * indent
    if isinstance(each, Apply):
        return statement(f"{', '.join(each.targets)} = ", applied(each), indent=indent)
    if isinstance(each, Copy):
        return [f"{pad}{each.target} = {each.source}"]
    if isinstance(each, Table):
        return [f"{pad}{each.variable} = {{}}"]
    if isinstance(each, For):
        head = statement(f"for {each.variable or '_'} in ", each.over, ":", indent)
        return [*head, *body_lines(each.body, paths, indent + 4)]
    if isinstance(each, If):
        return [f"{pad}if {each.condition}:", *body_lines(each.body, paths, indent + 4)]
    if isinstance(each, Saved):
        return saved_lines(each, paths, indent)
    return _make(each, paths, indent)


def _make(each: Make, paths: Paths, indent: int) -> list[str]:
    made = each.made
    if isinstance(made, New):
        return statement(f"{each.variable} = ", made.made, indent=indent)
    lines = statement(f"{each.variable} = ", _model(made), indent=indent)
    return [*lines, *settled(each, each.variable, paths, indent)]


def _model(made: Model) -> Call:
    like = tuple(Argument("", Text(tensor)) for tensor in made.like)
    return Call(Text(made.function.name), (*like, *made.variables))


def saved_lines(each: Saved, paths: Paths, indent: int, variable: str = "") -> list[str]:
    """A saved model, loaded, cut and named."""
    name = variable or each.variable
    load = call("keras.saving.load_model", Text(paths.here(each.path)), compile=Text("False"))
    lines = statement(f"{name} = ", load, indent=indent)
    end = f"{name}.get_layer({quoted(each.cut)}).output" if each.cut else f"{name}.output"
    titled = [Argument("name", Text(quoted(each.title)))] if each.title else []
    if each.cut or titled:
        given = (Argument("", Text(f"{name}.input")), Argument("", Text(end)), *titled)
        lines += statement(f"{name} = ", Call(Text("keras.Model"), given), indent=indent)
    return [*lines, *settled(each, name, paths, indent)]


def settled(made: Make | Saved, variable: str, paths: Paths, indent: int) -> list[str]:
    """What a model is told once it is made and in `variable`."""
    pad = " " * indent
    lines = [f"{pad}{variable}.load_weights({paths.here(made.load)})"] if made.load else []
    if made.frozen is not None:
        lines.append(f"{pad}{variable}.trainable = {made.frozen}")
    for path in made.thawed if isinstance(made, Make) else ():
        if ":" in path:
            lines += [f"{pad}for {LAYER} in {variable}{path}:", f"{pad}    {LAYER}.trainable = True"]
        else:
            lines.append(f"{pad}{variable}{path}.trainable = True")
    return lines


def applied(each: Apply) -> Expr:
    """A call as an expression."""
    what = each.what
    if isinstance(what, Op):
        return what.value
    if isinstance(what, New):
        return Call(what.made, each.arguments)
    if isinstance(what, Kept):
        return Call(Text(what.variable), each.arguments)
    assert isinstance(what, Use)
    return Call(Text(what.function.name), (*each.arguments, *what.variables))
