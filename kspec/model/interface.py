"""What a built Keras model takes and gives, by name: the names that data are matched with.

Keras is fed by position, in the structure the model was made with; names are for people and files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from kspec.model.backend import load_keras
from kspec.model.quiet import without_keras_warnings

Shape = tuple[int | None, ...]

LossKind = Literal["classes", "probability", "distribution", "elementwise", "by shape", "unknown"]
"""What a loss asks of its targets: whole numbers of classes; numbers from 0 to 1; such numbers along the last axis;
any numbers, one for each of the output's; one of the first three by the shapes, as Keras chooses; not known."""

_BY_KIND: dict[LossKind, tuple[str, ...]] = {
    "classes": ("sparse_categorical_crossentropy", "categorical_generalized_cross_entropy"),
    "probability": ("binary_crossentropy", "binary_focal_crossentropy"),
    "distribution": ("categorical_crossentropy", "categorical_focal_crossentropy"),
    "elementwise": (
        *("mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error"),
        *("mean_squared_logarithmic_error", "huber", "log_cosh", "poisson", "kl_divergence", "cosine_similarity"),
        *("hinge", "squared_hinge", "categorical_hinge", "dice", "tversky"),
    ),
}
_KINDS = {name: kind for kind, names in _BY_KIND.items() for name in names}


@dataclass(frozen=True, slots=True)
class Loss:
    """A compiled loss: Keras's name, what it asks of targets, and the class it passes over (``ignore_class``)."""

    name: str
    kind: LossKind
    ignored: int | None = None


@dataclass(frozen=True, slots=True)
class Port:
    """One input: its name, its shape without the batch axis, its dtype, and whether it may be left out."""

    name: str
    shape: Shape
    dtype: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Output:
    """One output: its name, its shape without the batch axis, its losses, and whether training needs its targets."""

    name: str
    shape: Shape
    losses: tuple[Loss, ...] = ()
    needed: bool = True


@dataclass(frozen=True)
class Interface:
    """The inputs and outputs of a model, in the order of its own structure."""

    inputs: tuple[Port, ...]
    outputs: tuple[Output, ...]
    _input: Any = field(repr=False, default=None)
    _output: Any = field(repr=False, default=None)

    def pack_inputs(self, arrays: Mapping[str, Any]) -> Any:
        """Arrays by input name in the structure that the model is called with; None for one left out."""
        return _pack(self._input, [arrays.get(port.name) for port in self.inputs])

    def pack_outputs(self, arrays: Mapping[str, Any]) -> Any:
        """Values by output name in the structure that the model returns."""
        return _pack(self._output, [arrays.get(output.name) for output in self.outputs])

    def unpack_outputs(self, values: Any) -> dict[str, Any]:
        """What the model returned, by output name."""
        flat = load_keras().tree.flatten(values)
        return {output.name: value for output, value in zip(self.outputs, flat, strict=True)}


def interface_of(model: Any) -> Interface:
    """The interface of a built `keras.Model`; compiled or not."""
    keras = load_keras()
    functional = not isinstance(model, keras.Sequential)  # a Sequential has no structure: one tensor in, one out
    ins, outs = (model.input, model.output) if functional else (model.inputs[0], model.outputs[0])
    in_names = _names(ins, [tensor.name for tensor in model.inputs])
    given = list(model.output_names) if functional else [model.layers[-1].name]
    out_names = _names(outs, given)
    optional = {layer.name for layer in model.layers if getattr(layer, "optional", False)}
    inputs = tuple(
        Port(name, tuple(tensor.shape[1:]), str(tensor.dtype), tensor.name in optional)
        for name, tensor in zip(in_names, model.inputs, strict=True)
    )
    losses = _losses_by_output(model, out_names)
    outputs = tuple(
        Output(name, tuple(tensor.shape[1:]), found, bool(found) or _measured(model, name, index, len(out_names)))
        for index, (name, tensor, found) in enumerate(zip(out_names, model.outputs, losses, strict=True))
    )
    return Interface(inputs, outputs, ins, outs)


def _names(structure: Any, names: list[str]) -> list[str]:
    """The keys of a flat mapping, else the given names made unique."""
    if isinstance(structure, dict) and len(structure) == len(names):
        return sorted(structure)  # the order in which keras.tree flattens a mapping
    return unique_names(names)


def unique_names(names: Iterable[str]) -> list[str]:
    """Names with a number where one stands there already: a layer with several outputs repeats its own."""
    unique: list[str] = []
    for name in names:
        count, candidate = 0, name
        while candidate in unique:
            count, candidate = count + 1, f"{name}_{count + 1}"
        unique.append(candidate)
    return unique


def _pack(structure: Any, flat: list[Any]) -> Any:
    packed = load_keras().tree.pack_sequence_as(structure, flat)
    return dict(packed) if isinstance(packed, dict) else packed


def _losses_by_output(model: Any, names: list[str]) -> list[tuple[Loss, ...]]:
    """The compiled losses of each output, distributed as Keras does it."""
    given = getattr(model, "loss", None) if model.compiled else None
    if isinstance(given, dict):
        return [_losses(given.get(name)) for name in names]
    if isinstance(given, (list, tuple)) and len(given) == len(names):
        return [_losses(item) for item in given]
    return [_losses(given)] * len(names)


def _losses(given: Any) -> tuple[Loss, ...]:
    if given is None:
        return ()
    if isinstance(given, (list, tuple)):
        return tuple(loss for item in given for loss in _losses(item))
    return (_loss(given),)


def _loss(given: Any) -> Loss:
    """What is known of a loss: a name, a function of `keras.losses`, or an object of one of its classes."""
    keras = load_keras()
    if isinstance(given, str) and given.lower() in ("crossentropy", "ce"):
        return Loss(given.lower(), "by shape")
    found = keras.losses.get(given)
    # A subclass may compute anything: only Keras's own classes are known by their name.
    own = type(found) in vars(keras.losses).values()
    function = getattr(found, "fn", None) if own else found
    name = getattr(function, "__name__", None) or type(found).__name__
    known = getattr(keras.losses, name, None) is function
    config = found.get_config() if own else {}
    # Along another axis than the last one, or over all of them, the shapes mean something else.
    kind: LossKind = _KINDS.get(name, "unknown") if known and config.get("axis", -1) in (-1, None) else "unknown"
    return Loss(name, kind, config.get("ignore_class"))


def _measured(model: Any, name: str, index: int, count: int) -> bool:
    """Whether an output without a loss has metrics, which need targets too."""
    if not model.compiled:
        return False
    with without_keras_warnings():
        config = model.get_compile_config() or {}
    return any(_has(config.get(key), name, index, count) for key in ("metrics", "weighted_metrics"))


def _has(metrics: Any, name: str, index: int, count: int) -> bool:
    if isinstance(metrics, dict) and "class_name" not in metrics:
        return bool(metrics.get(name))
    if isinstance(metrics, (list, tuple)) and len(metrics) == count > 1:
        return bool(metrics[index])
    return bool(metrics)
