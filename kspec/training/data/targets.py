"""Targets held against the loss and the output: what does not fit, Keras broadcasts or ignores in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kspec.diagnostics import Problem
from kspec.model.interface import Loss, LossKind, Output, Shape
from kspec.training.data.matched import Matched
from kspec.training.data.shapes import agrees
from kspec.training.data.values import Extent, Place, first, is_whole

if TYPE_CHECKING:
    import numpy as np


def check_targets(data: Matched, output: Output, extent: Extent) -> list[Problem]:
    """What is wrong with the targets of one output: ``data-shape`` and ``data-labels``."""
    array, name = data.y[output.name], data.array_of("target", output.name)
    for loss in output.losses:
        kind = _kind(loss, array.shape, output.shape)
        wrong = _shape(name, data.shape(array), output, loss, kind)
        place = None
        if wrong is None and extent.finite:  # NaN and infinity are another problem, said already
            wrong, place = _values(array, extent, output, loss, kind)
        if wrong is not None:
            message, help, code = wrong
            file = data.path
            if place is not None:
                file, place = data.where(place)
                message = f"{_at(name, place)}: {message}"
            return [Problem(code, message, help=help, file=file)]
    return []


def refused(
    name: str, shape: tuple[int, ...], extremes: tuple[float, float] | None, output: Output, *, whole: bool
) -> str:
    """Why an array of that shape, with those numbers, cannot be the targets of an output; nothing where it can."""
    for loss in output.losses:
        kind = _kind(loss, shape, output.shape)
        wrong = _shape(name, shape, output, loss, kind)
        if wrong is not None:
            return f"{loss.name} needs {(None, *(output.shape[:-1] if kind == 'classes' else output.shape))}"
        if extremes is None:
            continue
        low, high = extremes
        if kind == "classes" and not whole:
            return f"{loss.name} needs whole numbers"
        classes = output.shape[-1] if kind == "classes" else None
        if kind == "classes" and (high >= (classes or high + 1) or (low < 0 and low != loss.ignored)):
            return f"it has the classes 0 to {classes - 1}" if classes is not None else "classes count from 0"
        if kind in ("probability", "distribution") and (low < 0 or high > 1):
            return f"{loss.name} needs 0 to 1"
    return ""


def classes_of(output: Output) -> int | None:
    """How many classes an output tells apart, where its loss is about classes and the number is known."""
    if not output.shape or not any(loss.kind != "elementwise" and loss.kind != "unknown" for loss in output.losses):
        return None
    return 2 if output.shape[-1] == 1 else output.shape[-1]


def _kind(loss: Loss, given: tuple[int, ...], shape: Shape) -> LossKind:
    """What the loss asks; `crossentropy` is chosen by the shapes as in `keras.Model.compile`."""
    if loss.kind != "by shape":
        return loss.kind
    if shape and shape[-1] == 1:
        return "probability"
    sparse = len(given) < len(shape) + 1 or (given[-1] == 1 and (shape[-1] or 2) > 1)
    return "classes" if sparse else "distribution"


_Wrong = tuple[str, str, str]


def _shape(name: str, given: tuple[int, ...], output: Output, loss: Loss, kind: LossKind) -> _Wrong | None:
    """One target for each number of the output, or for each of its rows of classes."""
    row, shape = given[1:], output.shape
    if kind == "unknown":
        return None
    if kind == "classes":
        fits = agrees(row, shape[:-1]) or agrees(row, (*shape[:-1], 1))
        wanted, help = (None, *shape[:-1]), "give the number of the class for each row"
        if not fits and agrees(row, shape):
            help = "these look like one-hot rows: use `categorical_crossentropy`, or `labels.argmax(-1)`"
    else:
        # Keras adds or drops a last axis of 1 where ranks differ by one; any other difference would be broadcast.
        fits = agrees(row, shape) or agrees((*row, 1), shape) or (row[-1:] == (1,) and agrees(row[:-1], shape))
        wanted, help = (None, *shape), f"the last layer gives {shape[-1] if shape else 1} numbers a row"
        if kind == "distribution" and (agrees(row, shape[:-1]) or agrees(row, (*shape[:-1], 1))):
            help = "labels that are whole numbers go with `sparse_categorical_crossentropy`"
    if fits:
        return None
    message = f"`{name}` is {given}, and output `{output.name}` is {(None, *shape)}: {loss.name} needs {wanted}"
    return message, help, "data-shape"


def _values(
    array: np.ndarray, extent: Extent, output: Output, loss: Loss, kind: LossKind
) -> tuple[_Wrong | None, Place | None]:
    """What is wrong with a value, and which it is."""
    if kind == "classes":
        return _labels(array, extent, output, loss)
    if kind in ("probability", "distribution") and (extent.low < 0 or extent.high > 1):
        place = first(array, lambda block: (block < 0) | (block > 1))
        help = "labels of -1 and 1 go with `hinge`; else scale the targets to 0…1"
        if kind == "probability" and extent.low >= 0 and is_whole(array):
            help = f"for the classes 0 to {extent.high:.0f} use `sparse_categorical_crossentropy` and that many units"
        return (f"{loss.name} of output `{output.name}` needs 0 to 1", help, "data-labels"), place
    return None, None


def _labels(array: np.ndarray, extent: Extent, output: Output, loss: Loss) -> tuple[_Wrong | None, Place | None]:
    """Whole numbers from 0 to the number of classes; Keras gives a loss of 0 or garbage for others."""
    classes, ignored = output.shape[-1], loss.ignored
    if not is_whole(array):
        place = first(array, lambda block: block != block.round())
        message = f"{loss.name} of output `{output.name}` needs whole numbers of classes"
        return (message, "round them, or use a loss for real numbers such as `mse`", "data-labels"), place

    def outside(block: np.ndarray) -> np.ndarray:
        bad = (block < 0) | (block >= classes) if classes is not None else block < 0
        found: np.ndarray = bad if ignored is None else bad & (block != ignored)
        return found

    if extent.low >= 0 and (classes is None or extent.high < classes):
        return None, None
    place = first(array, outside)
    if place is None:
        return None, None
    known = f"0 to {classes - 1}" if classes is not None else "0 and up"
    message = f"output `{output.name}` has the classes {known}"
    help = f"the labels run from {extent.low:.0f} to {extent.high:.0f}"
    if classes is not None and extent.low >= 1 and extent.high == classes:
        help += ": subtract 1"
    elif extent.low >= 0:
        help += f": the last layer would need {extent.high + 1:.0f} units"
    return (message, help, "data-labels"), place


def _at(name: str, place: Place) -> str:
    value = place.value
    shown = f"{value:g}" if isinstance(value, float) else f"{int(value)}"
    return f"`{name}{place}` is {shown}"
