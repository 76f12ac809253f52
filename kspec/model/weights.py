"""Weights from files into layers and models, every variable accounted for."""

from __future__ import annotations

import re
import tokenize
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

from kspec.diagnostics import Problem, Route, SpecError, UsageError, listing
from kspec.model.archive import read_config
from kspec.model.backend import load_keras
from kspec.spec.graph import Graph

_SHAPES = re.compile(r"variable\.shape=(\(.*?\)).*value\.shape=(\(.*?\)).*path=([^,>]+)")
"""What Keras says of a variable and a value of two shapes."""


def load_all(model: Any, graph: Graph, path: str | None) -> None:
    """The spec's own `weights`, then each step's.

    Raises SpecError where a file does not fit.
    """
    if path is not None:
        load_into(model, Path(path), ("weights",))
    for layer in graph.layers.values():
        made = model.get_layer(layer.name) if layer.weights is not None or isinstance(layer.operation, Graph) else None
        if layer.weights is not None:
            load_into(made, Path(layer.weights), (*layer.route[:-1], "weights"))
        if isinstance(layer.operation, Graph):
            load_all(made, layer.operation, None)


_DAMAGED = (
    *(ValueError, KeyError, OSError, TypeError, EOFError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, tokenize.TokenError),
)
"""What NumPy, h5py and Keras raise for files that are damaged, lie about their size, or are for another model."""


def load_into(target: Any, path: Path, route: Route) -> None:
    """A weights file into one model or layer."""
    keras = load_keras()
    try:
        if path.suffix in (".npz", ".npy"):
            _assign(target, _arrays(path), path)
            return
        if path.suffix == ".keras":
            read_config(path)
        model = target
        if not isinstance(target, keras.Model):  # Keras loads into models
            model = keras.Sequential([target])
            model.built = True  # as the layer in it is
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            keras.saving.load_weights(model, str(path))
        skipped = next((each for each in told if issubclass(each.category, UserWarning)), None)
        if skipped is not None:  # what Keras passes over keeps its random weights: nobody wants that
            raise ValueError(str(skipped.message))
    except SpecError:
        raise
    except _DAMAGED as error:
        message = f"the weights in `{path.name}` do not fit `{target.name}`: {_reason(error)}"
        raise SpecError(Problem("weights", message, route)) from None


def _reason(error: Exception) -> str:
    """What Keras says of the first object that could not be loaded, on one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    reason = lines[1] if lines[0].startswith("A total of") and len(lines) > 1 else lines[0]
    shapes = _SHAPES.search(reason)
    return f"{shapes[3]} has shape {shapes[1]}, the file's is {shapes[2]}" if shapes else reason[:300]


def check_adapted(model: Any) -> None:
    """Raise UsageError for a Discretization without bins: Keras keeps them in a layer's configuration, and a spec
    with a weights file has none."""
    keras = load_keras()
    layers = [model]
    while layers:
        layer = layers.pop()
        layers.extend(getattr(layer, "layers", ()))
        if isinstance(layer, keras.layers.Discretization) and layer.bin_boundaries is None:
            message = f"the bins of `{layer.name}` are in no weights file"
            help = "name the run's folder or its `.keras` file, or write `bin_boundaries` in the spec"
            raise UsageError(Problem("weights", message, help=help))


def _arrays(path: Path) -> dict[str, Any]:
    import numpy as np

    loaded = np.load(path, allow_pickle=False)
    return {"": loaded} if path.suffix == ".npy" else {name: loaded[name] for name in loaded.files}


def _assign(target: Any, arrays: dict[str, Any], path: Path) -> None:
    """Arrays by variable name; a single array goes to a single variable."""
    variables = {variable.name: variable for variable in target.weights}
    if set(arrays) == {""} and len(variables) == 1:
        arrays = {next(iter(variables)): arrays[""]}
    if set(arrays) != set(variables):
        raise ValueError(f"the file has {listing(arrays)}, the layer {listing(variables)}")
    for name, variable in variables.items():
        if tuple(arrays[name].shape) != tuple(variable.shape):
            raise ValueError(f"`{name}` has shape {arrays[name].shape}, the layer's is {tuple(variable.shape)}")
        variable.assign(arrays[name])
