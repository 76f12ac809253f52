"""Class weights as sample weights: Keras takes them for a single output and without sample weights only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kspec.diagnostics import Problem, SpecError, listing, suggestion
from kspec.model.backend import load_keras
from kspec.model.interface import Interface, Output
from kspec.training.data.match import Matched
from kspec.training.data.targets import classes_of

if TYPE_CHECKING:
    import numpy as np


def weights_by_class(given: Mapping[Any, Any] | None, interface: Interface) -> dict[str, dict[int, float]]:
    """``fit.class_weight`` as weights of classes by output name.

    Raises `SpecError` (``wrong-value``) for outputs and classes that the model has not, and for several outputs
    without their names.
    """
    names = [output.name for output in interface.outputs]
    flat = {key: value for key, value in (given or {}).items() if not isinstance(value, Mapping)}
    by_output = {key: dict(value) for key, value in (given or {}).items() if isinstance(value, Mapping)}
    problems: list[Problem] = []
    routes: dict[str, tuple[str | int, ...]] = {name: ("fit", "class_weight", name) for name in by_output}
    if flat and (len(names) > 1 or by_output):
        message = "class weights must say which output they are for: the model has several"
        if by_output:
            message = "class weights are given for outputs by name and for classes without one"
        help = f"write `class_weight: {{{names[0]}: {{0: 1.0, 1: 3.0}}}}`"
        problems.append(Problem("wrong-value", message, ("fit", "class_weight"), help))
    elif flat:
        by_output, routes = {names[0]: flat}, {names[0]: ("fit", "class_weight")}
    for name in [name for name in by_output if name not in names]:
        message, help = f"there is no output `{name}`", suggestion(name, names, f"outputs: {listing(names)}")
        problems.append(Problem("wrong-value", message, ("fit", "class_weight", name), help, "key"))
    for output in interface.outputs:
        count = classes_of(output)
        for label in by_output.get(output.name, {}):
            if label < 0 or (count is not None and label >= count):
                known = f"its classes are 0 to {count - 1}" if count else "classes count from 0"
                message = f"output `{output.name}` has no class {label}"
                problems.append(Problem("wrong-value", message, (*routes[output.name], label), known, "key"))
    if problems:
        raise SpecError(problems)
    return by_output


def sample_weights(data: Matched, interface: Interface, by_class: Mapping[str, Mapping[int, float]]) -> Any:
    """What `keras.Model.fit` takes as ``sample_weight``: given weights times class weights; None without any.

    For several outputs, those without weights get ones.
    """
    import numpy as np

    found: dict[str, np.ndarray] = dict(data.weights)
    for output in interface.outputs:
        table = by_class.get(output.name)
        if table and output.name in data.y:
            found[output.name] = _product(_lookup(data.y[output.name], output, table), found.get(output.name))
    if not found:
        return None
    for output in interface.outputs:
        if output.name not in found:
            found[output.name] = np.ones(data.rows, load_keras().config.floatx())
    return interface.pack_outputs(found)


def _lookup(targets: np.ndarray, output: Output, table: Mapping[int, float]) -> np.ndarray:
    """A weight for each label, by Keras's own rules: the greatest of one-hot rows, rounded, and 1 for other classes.

    Labels of single positions (an image's pixels, a text's tokens), which Keras refuses, get a weight each.
    """
    import numpy as np

    labels = targets
    positions = len(output.shape) > 1 and targets.ndim >= len(output.shape)
    one_hot = targets.ndim > 1 and targets.shape[-1] != 1 and (not positions or targets.ndim == len(output.shape) + 1)
    if one_hot:
        labels = np.argmax(targets, axis=-1)
    elif targets.ndim > 1 and targets.shape[-1] == 1:
        labels = targets[..., 0]
    labels = np.round(labels).astype("int32")
    known, place = np.unique(labels, return_inverse=True)
    weights = np.array([table.get(int(label), 1.0) for label in known], load_keras().config.floatx())
    result: np.ndarray = weights[place.reshape(labels.shape)]
    return result


def _product(by_class: np.ndarray, given: np.ndarray | None) -> np.ndarray:
    if given is None:
        return by_class
    low, high = sorted((by_class, given), key=lambda array: array.ndim)
    product: np.ndarray = low.reshape(low.shape + (1,) * (high.ndim - low.ndim)) * high
    return product.astype(by_class.dtype)
