"""Program -> the subclass style: layers are made in `__init__` and called in `call`; blocks are layers too."""

from __future__ import annotations

from kspec.convert.code.expr import Argument, Call, Expr, Pairs, Text, call, flat
from kspec.convert.code.fed import fed
from kspec.convert.code.functional import later, parameters, policy_lines, title
from kspec.convert.code.layout import signature, statement
from kspec.convert.code.modes import trained
from kspec.convert.code.names import Words, beside
from kspec.convert.code.paths import Paths
from kspec.convert.code.program import Function, Program
from kspec.convert.code.refusal import refuse
from kspec.convert.code.selves import Selves
from kspec.convert.literals import harmless, quoted
from kspec.model.backend import load_keras


def subclass(program: Program, paths: Paths) -> list[list[str]]:
    """The classes of a program, each as its lines, and the function that builds the model.

    Raises UsageError for what only a functional model can say; Unsaid where another way to read the spec may do.
    """
    help = "`--style functional` can say it"
    if program.own:
        refuse(
            "the model has a class of its own, which takes a functional model's inputs and outputs", ("class",), help
        )
    if program.weights:
        refuse("the file of weights is that of a functional model", ("weights",), help)
    *blocks, name = classes_of(program)
    classes = {function.name: block for function, block in zip(program.functions, blocks, strict=True)}
    made = [_block(function, classes, program, paths) for function in program.functions]
    return [*made, _model(program, name, classes, paths), _build(program, name)]


def classes_of(program: Program) -> list[str]:
    """The names of the code's own classes."""
    words = beside(f"{module}.{name}" for module, names in program.modules.items() for name in names)
    return [
        *(words.fresh_class(function.block) for function in program.functions),
        words.fresh_class(program.name or "Network"),
    ]


def _attributes() -> Words:
    """The names that attributes may have: none that Keras's own classes have."""
    keras = load_keras()
    words = Words()
    for name in {*dir(keras.Model), *vars(keras.Model()), "optimizer", "history", "stop_training"}:
        words.take(name)
    return words


def _block(function: Function, classes: dict[str, str], program: Program, paths: Paths) -> list[str]:
    """A block as a layer, or as a model where the spec has one."""
    base = "keras.Model" if function.kind == "model" and function.block in program.nested else "keras.Layer"
    given = list(function.inputs) or [each.variable for each in function.given]
    selves = Selves(_attributes(), classes, function.parameters, paths)
    init, calls = selves.split(function.body, Text(", ".join(function.results)))
    lines = [f"class {classes[function.name]}({base}):", f'    """The block `{harmless(function.block)}`."""', ""]
    lines += selves.init(init, program.short)
    heads = ["self", *(f"{name}: Any" for name in given)]
    several = len(function.results) > 1
    if function.kind == "model" and len(given) > 1:
        heads, first = ["self", "inputs: Any"], [f"        {', '.join(given)} = inputs"]
    else:
        first = []
    return [*lines, "", *signature("call", heads, "tuple[Any, ...]" if several else "Any", 4), *first, *calls]


def _model(program: Program, name: str, classes: dict[str, str], paths: Paths) -> list[str]:
    """The model's class."""
    selves = Selves(_attributes(), classes, program.parameters, paths)
    if program.trains:  # `fit` tells a model that asks, and the layers are told by none but it
        selves.trained = trained(program.body)
    ends: Expr = Text(program.outputs[0][1])
    if program.form == "list":
        ends = Text(", ".join(tensor for _, tensor in program.outputs))
    elif program.form == "mapping":
        ends = Pairs(tuple((Text(quoted(key)), Text(tensor)) for key, tensor in program.outputs))
    init, calls = selves.split(program.body, ends)
    lines = [f"class {name}(keras.Model):", f'    """The model `{harmless(program.name or name)}`."""', ""]
    lines += selves.init(init, program.short)
    training = ["training: bool | None = None"] if program.trains else []
    if len(program.inputs) == 1:
        lines += ["", *signature("call", ["self", f"{program.inputs[0].variable}: Any", *training], "Any", 4)]
    else:
        lines += ["", *signature("call", ["self", "inputs: dict[str, Any]", *training], "Any", 4)]
        lines += [f"        {each.variable} = inputs[{quoted(each.name)}]" for each in program.inputs]
    return [*lines, *calls]


def _build(program: Program, name: str) -> list[str]:
    """What makes the model, and its weights by calling it on its inputs."""
    lines = signature("build_model", parameters(program.parameters), name)
    lines += [f'    """{title(program)}"""', *policy_lines(program)]
    passed = [Argument(each.name, Text(each.name)) for each in program.parameters if not each.later]
    named = [Argument("name", Text(quoted(program.name)))] if program.name is not None else []
    lines += statement("model = ", Call(Text(name), (*passed, *named)), indent=4)
    inputs: list[tuple[Expr, Expr]] = [(Text(quoted(each.name)), fed(each, program.size)) for each in program.inputs]
    given = inputs[0][1] if len(inputs) == 1 else Pairs(tuple(inputs))
    computed = [each for each in program.parameters if each.later]
    needed = {token for _, item in inputs for token in Selves.names_in(flat(item))}
    lines += later([each for each in computed if each.name in needed], 4)
    lines += statement("", call("model", given), indent=4)
    return [*lines, "    return model"]
