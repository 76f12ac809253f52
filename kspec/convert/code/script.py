"""A whole script: what builds the model, what loads the data, and `main` that trains and saves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from kspec import catalog
from kspec.convert.code.expr import Argument, Call, Expr, Items, Pairs, Text, arguments, call
from kspec.convert.code.layout import statement
from kspec.convert.code.loading import Part, loader
from kspec.convert.code.paths import Paths
from kspec.convert.code.program import Program
from kspec.convert.code.refusal import refuse
from kspec.convert.code.values import Writer
from kspec.convert.literals import quoted
from kspec.spec.objects import Object
from kspec.spec.schema import Compile, Fit, Spec


class Training(NamedTuple):
    """What a script trains on: files, and layers that must see data (each with the input that reaches it)."""

    train: Part
    validation: Part | None
    adapted: tuple[tuple[str, str, str], ...]
    """Name, class and input of each layer that is adapted."""
    name: str
    """What the trained model is called."""


def script(
    functions: list[list[str]], program: Program, spec: Spec, training: Training, paths: Paths, style: str
) -> list[list[str]]:
    """The functions of a script: those that build the model, those that load data, and `main`."""
    with_axes = style == "subclass"
    loaders = [loader("load_data", training.train, with_axes)]
    own = training.validation is not None and _differs(training.train, training.validation)
    if training.validation is not None and own:
        loaders.append(loader("load_validation_data", training.validation, with_axes))
    return [*functions, *loaders, _main(program, spec, training, paths, style, own)]


def _differs(one: Part, other: Part) -> bool:
    return one._replace(path="") != other._replace(path="")


def _main(program: Program, spec: Spec, training: Training, paths: Paths, style: str, own: bool) -> list[str]:
    writer = Writer(program.modules)
    lines = ["def main() -> None:"]
    if spec.seed is not None:
        lines.append(f"    keras.utils.set_random_seed({spec.seed})")
    lines.append("    model = build_model()")
    names = [variable for variable, _, _ in training.train.variables()]
    lines += statement(f"{', '.join(names)} = ", call("load_data", Text(paths.here(training.train.path))), indent=4)
    fit = spec.fit or Fit()
    for layer, kind, port in training.adapted:
        lines += _adapted(layer, kind, port, names[0], training.train.one_input, fit.validation_split)
    assert spec.compile is not None  # the command has asked for it
    lines += statement("", Call(Text("model.compile"), _compile(spec.compile, program, writer, style)), indent=4)
    lines += statement(
        "", Call(Text("model.fit"), _fit(fit, program, training, names, writer, paths, own, style)), indent=4
    )
    saves = saves_whole(spec, style)
    file = f"{training.name}.{'keras' if saves else 'weights.h5'}"
    return [*lines, f"    model.{'save' if saves else 'save_weights'}(HERE / {quoted(file)})"]


def saves_whole(spec: Spec, style: str) -> bool:
    """Whether a script saves the trained model, and not its weights alone: Keras loads no class that it cannot make."""
    return style != "subclass" and spec.class_ is None


def _adapted(layer: str, kind: str, port: str, fed: str, simple: bool, split: float) -> list[str]:
    """A layer that is told the statistics of the rows that are trained on."""
    taken = fed if simple else f"{fed}[{quoted(port)}]"
    if split:
        taken = f"{taken}[: int(len({taken}) * (1 - {split}))]"
    lines = [f"    {kind} = model.get_layer({quoted(layer)})"]
    if kind == "normalization":
        return [*lines, f"    {kind}.adapt({taken})"]
    # `adapt` would ask whether the data are TensorFlow's: these are its steps
    return [*lines, f"    {kind}.reset_state()", f"    {kind}.update_state({taken})", f"    {kind}.finalize_state()"]


def _compile(section: Compile, program: Program, writer: Writer, style: str) -> tuple[Argument, ...]:
    found: dict[str, Expr] = {"optimizer": writer.value(section.optimizer)}
    for key in ("loss", "loss_weights", "metrics", "weighted_metrics"):
        value = getattr(section, key)
        if value is not None:
            found[key] = _plain(writer.value(_by_output(key, value, program, style)))
    for key in ("run_eagerly", "steps_per_execution", "jit_compile", "auto_scale_loss"):
        value = getattr(section, key)
        if value != Compile.model_fields[key].default:
            found[key] = writer.value(value)
    return arguments(found.items())


def _plain(value: Expr) -> Expr:
    """Lists stay lists: Keras asks for them here."""
    return Items(value.items) if isinstance(value, Items) else value


def _by_output(key: str, value: Any, program: Program, style: str) -> Any:
    """What is given for each output by name, as the code's model takes it."""
    names = [name for name, _ in program.outputs]
    if program.form == "one":
        if isinstance(value, dict) and not isinstance(value, Object):
            only = value.get(names[0])
            return [only] if key == "loss_weights" else only
        return value
    if program.form == "mapping" and isinstance(value, list) and len(value) == len(names):
        return dict(zip(names, value, strict=True))
    return value


def _fit(
    fit: Fit,
    program: Program,
    training: Training,
    names: list[str],
    writer: Writer,
    paths: Paths,
    own: bool,
    style: str,
) -> tuple[Argument, ...]:
    found: dict[str, Expr] = {}
    for key in ("batch_size", "epochs", "initial_epoch", "validation_split", "shuffle"):
        value = getattr(fit, key)
        if value != Fit.model_fields[key].default:
            found[key] = writer.value(value)
    if fit.checkpoint_every is not None:
        help = "leave it out: `--set fit.checkpoint_every=null`, or take the callback ModelCheckpoint"
        refuse("Keras has nothing like `checkpoint_every`", ("fit", "checkpoint_every"), help)
    if fit.on_nan != "stop":
        refuse("Keras has nothing like `on_nan`", ("fit", "on_nan"), "leave it out: `--set fit.on_nan=stop`")
    if training.validation is not None:
        loaded = call("load_validation_data" if own else "load_data", Text(paths.here(training.validation.path)))
        found["validation_data"] = loaded
    for key in ("steps_per_epoch", "validation_steps", "validation_batch_size", "validation_freq"):
        value = getattr(fit, key)
        if value != Fit.model_fields[key].default:
            found[key] = writer.value(value)
    if fit.class_weight and not training.train.of("weight"):
        table = fit.class_weight
        flat = table if not any(isinstance(item, Mapping) for item in table.values()) else next(iter(table.values()))
        found["class_weight"] = Pairs(tuple((writer.value(key), writer.value(item)) for key, item in flat.items()))
    given = [Text(name) for name in names if name != "weights"]
    if training.train.of("weight"):
        found["sample_weight"] = Text("weights")
        if program.form == "list":  # Keras takes weights by name where outputs are a mapping
            given[1] = Text("list(targets.values())")
            found["sample_weight"] = Text("list(weights.values())")
    if fit.callbacks:
        made = tuple(_callback(each, writer, paths) for each in fit.callbacks)
        found["callbacks"] = Items(made)
    return (*(Argument("", each) for each in given), *arguments(found.items()))


def _callback(each: Any, writer: Writer, paths: Paths) -> Expr:
    parameter = catalog.PATHS.get(each.name) if isinstance(each, Object) else None
    made = writer.value(each)
    if parameter is None or not isinstance(each, Object) or parameter not in each.args or not isinstance(made, Call):
        return made if not isinstance(each, str) else call(f"keras.callbacks.{each}")
    path = call("str", Text(paths.here(each.args[parameter])))
    entry = catalog.find("callbacks", each.name)
    first = entry.parameters[0].name if entry is not None else ""
    return made._replace(
        arguments=tuple(
            Argument(key, path) if key == parameter or (not key and first == parameter) else Argument(key, value)
            for key, value in made.arguments
        )
    )
