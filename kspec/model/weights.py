"""Weights from files into layers and models, every variable accounted for."""

from __future__ import annotations

import math
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from kspec.diagnostics import KspecError, Problem, Route, SpecError, UsageError, listing
from kspec.model.admission import read_config
from kspec.model.archive import reason
from kspec.model.backend import load_keras
from kspec.model.levels import layers_of, levels
from kspec.model.npyheader import START, parsed
from kspec.model.private import layers_in
from kspec.model.tensorfile import Held, declared, read
from kspec.model.tensorfile import arrays as tensor_arrays
from kspec.model.variables import by_path, check_plain
from kspec.model.weightsfile import MOST, Array, arrays
from kspec.spec.graph import Graph


def load_all(model: Any, graph: Graph, path: str | None) -> None:
    """The spec's own `weights`, then each step's.

    Raises SpecError where a file does not fit.
    """
    if path is not None:
        load_into(model, Path(path), ("weights",))
    for made, layer in layers_of(model, graph):
        if layer.weights is not None:
            load_into(made, Path(layer.weights), (*layer.route[:-1], "weights"))
    for made, inner in levels(model, graph):
        load_all(made, inner, None)


def arrays_of(path: Path) -> list[Array]:
    """The arrays of a file of weights, none of them read.

    Raises FileError where it is damaged, or holds more than numbers.
    """
    return tensor_arrays(path) if path.suffix == ".safetensors" else arrays(path)


_DAMAGED = (
    *(ValueError, KeyError, OSError, TypeError, EOFError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error),
)
"""What NumPy, h5py and Keras raise for files that are damaged, lie about their size, or are for another model."""


def load_into(target: Any, path: Path, route: Route) -> None:
    """A weights file into one model or layer."""
    keras = load_keras()
    try:
        if path.suffix in (".npz", ".npy"):
            _assign(target, _arrays(path, target), path)
            settle(target)
            return
        if path.suffix == ".safetensors":
            _assign_all(target, path)
            return
        if path.suffix == ".keras":
            read_config(path)
        else:
            arrays(path, max(MOST, 4 * len([*layers_in(target), *target.weights])))
        model = target
        if not isinstance(target, keras.Model):  # Keras loads into models
            model = keras.Sequential([target])
            model.built = True  # as the layer in it is
        with warnings.catch_warnings(record=True) as told, without_optimizer(model):
            warnings.simplefilter("always")
            warnings.filterwarnings("ignore", "Explicitly requested dtype", UserWarning)  # which JAX has in 32 bits
            keras.saving.load_weights(model, str(path))
        skipped = next((each for each in told if issubclass(each.category, UserWarning)), None)
        if skipped is not None:  # what Keras passes over keeps its random weights: nobody wants that
            raise ValueError(str(skipped.message))
    except KspecError:
        raise
    except _DAMAGED as error:
        message = f"the weights in `{path.name}` do not fit `{target.name}`: {reason(error)}"
        raise SpecError(Problem("weights", message, route)) from None


@contextmanager
def without_optimizer(model: Any) -> Iterator[None]:
    """Keras counts an optimizer's variables among a model's weights in files: with Adam, three times the size."""
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        yield
        return
    model.optimizer = None
    try:
        yield
    finally:
        model.optimizer = optimizer


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


def _arrays(path: Path, target: Any) -> dict[str, Any]:
    """The arrays of a file, none of them larger than the largest variable: a small file can declare any size."""
    import numpy as np

    largest = max((math.prod(variable.shape) for variable in target.weights), default=0)
    if path.suffix == ".npy":
        with path.open("rb") as file:
            _look(file, "", largest)
        return {"": np.load(path, allow_pickle=False)}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if not name.endswith(".npy"):
                raise ValueError(f"the file has `{name[:100]}`, which is no array")
            with archive.open(name) as member:
                _look(member, name.removesuffix(".npy"), largest)
    loaded = np.load(path, allow_pickle=False)
    return {name: loaded[name] for name in loaded.files}


def _look(file: IO[bytes], name: str, largest: int) -> None:
    """Raise ValueError for an array that has more numbers than `largest`, by its header."""
    try:
        shape, _, dtype, _ = parsed(file.read(START))
    except ValueError as error:
        raise ValueError(f"`{name[:100]}` cannot be read: {error}" if name else str(error)) from None
    if dtype.itemsize > 16:
        raise ValueError(f"`{name[:100]}` holds {dtype}, and no numbers")
    if math.prod(shape) > largest:
        raise ValueError(f"`{name[:100]}` has shape {shape}, and no variable is as large")


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


def _assign_all(target: Any, path: Path) -> None:
    """Every variable from the array of its name; nothing is assigned before all of them fit."""
    check_plain(target)
    variables = by_path(target)
    held = _for_layer(declared(path), variables, target)
    lost, strange = [name for name in variables if name not in held], [name for name in held if name not in variables]
    if lost or strange:
        told = [f"the file lacks {listing(lost)}"] if lost else []
        told += [f"the model has no {listing(strange)}"] if strange else []
        raise ValueError("; ".join(told))
    for name, variable in variables.items():
        _check_fits(name, variable, held[name])
    for name, array in read(path, held):
        variables[name].assign(array)
    settle(target)


def _for_layer(held: dict[str, Held], variables: dict[str, Any], target: Any) -> dict[str, Held]:
    """For a layer also what a model of this layer alone writes, `dense/kernel`, whatever it is called there."""
    if isinstance(target, load_keras().Model) or set(held) == set(variables):
        return held
    first = {name.partition("/")[0] for name in held}
    inside = {name.partition("/")[2]: each for name, each in held.items()}
    return inside if len(first) == 1 and set(inside) == set(variables) else held


def _check_fits(name: str, variable: Any, held: Held) -> None:
    import jax

    if held.shape != tuple(variable.shape):
        raise ValueError(f"{name} has shape {tuple(variable.shape)}, the file's is {held.shape}")
    # JAX has float64 and the like where it is told to, and their halves otherwise.
    dtype = jax.dtypes.canonicalize_dtype(variable.dtype).name
    if held.dtype != dtype:
        raise ValueError(f"{name} is {dtype}, the file's is {held.dtype}")


def settle(target: Any) -> None:
    """A Normalization computes with numbers that it works out from its variables, when it is told to."""
    for layer in layers_in(target):
        if isinstance(layer, load_keras().layers.Normalization):
            layer.finalize_state()
