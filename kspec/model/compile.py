"""The spec's `compile` -> keras.Model.compile."""

from __future__ import annotations

from typing import Any

from kspec.diagnostics import Problem, SpecError
from kspec.model.backend import load_keras
from kspec.model.errors import brief
from kspec.model.jit import compile_what_can_be
from kspec.model.objects import faults, make
from kspec.model.private import names_counted_anew
from kspec.spec.schema import Compile, Spec


def compile_model(model: Any, section: Compile) -> None:
    """Compile a model as the spec says; metrics have the names that they have in a new process.

    Raises SpecError where Keras refuses an argument.
    """
    with names_counted_anew():
        _compile_model(model, section)


def _compile_model(model: Any, section: Compile) -> None:
    problems: list[Problem] = []
    made: dict[str, Any] = {}
    for key in ("optimizer", "loss", "loss_weights", "metrics", "weighted_metrics"):
        value = getattr(section, key)
        try:
            made[key] = make(value)
        except SpecError as error:
            problems.extend(error.problems)
    if problems:
        raise SpecError(problems)
    try:
        made["optimizer"] = _scaled(made["optimizer"], model, section.auto_scale_loss)
        model.compile(
            **_by_output(made, model),
            run_eagerly=section.run_eagerly,
            steps_per_execution=section.steps_per_execution,
            jit_compile=section.jit_compile,
            auto_scale_loss=section.auto_scale_loss,
        )
        if section.jit_compile is not False:
            compile_what_can_be(model)
    except (ValueError, TypeError) as error:
        raise SpecError(Problem("wrong-value", f"Keras refuses this: {brief(error)}", ("compile",), at="key")) from None


def _by_output(made: dict[str, Any], model: Any) -> dict[str, Any]:
    """Lists of one thing for each output as mappings, where the model's outputs are a mapping.

    Keras would give them out in the order of the outputs' names; the spec has them in the order of its outputs.
    """
    outputs = getattr(model, "output", None)
    if not isinstance(outputs, dict) or len(outputs) == 1:
        return made
    return {
        key: dict(zip(outputs, value, strict=True))
        if isinstance(value, (list, tuple)) and len(value) == len(outputs)
        else value
        for key, value in made.items()
    }


def _scaled(optimizer: Any, model: Any, wanted: bool) -> Any:
    """The optimizer, with loss scaling where Keras would add it.

    Keras adds it by the model's dtype policy, which a saved functional model forgets: loaded again, its optimizer
    would not fit the variables saved. Said outright, the scaling is in the file.
    """
    if not wanted or optimizer is None or model.dtype_policy.name != "mixed_float16":
        return optimizer
    keras = load_keras()
    inner = keras.optimizers.get(optimizer)
    scaled = isinstance(inner, keras.optimizers.LossScaleOptimizer)
    return inner if scaled else keras.optimizers.LossScaleOptimizer(inner, name="loss_scale_optimizer")


def check_compile(spec: Spec) -> list[Problem]:
    """Problems of the objects in `compile` and `fit`, found by making them once."""
    compile = () if spec.compile is None else [getattr(spec.compile, name) for name in type(spec.compile).model_fields]
    with names_counted_anew():
        return faults([compile, () if spec.fit is None else spec.fit.callbacks])
