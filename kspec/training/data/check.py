"""Everything that is wrong with matched data, found before the first step; each array is looked through once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from kspec.diagnostics import FileError, Problem
from kspec.model.interface import Interface, Output, Port
from kspec.training.data.matched import Linked, Matched
from kspec.training.data.stream import Streamed
from kspec.training.data.targets import check_targets
from kspec.training.data.tokens import check_tokens
from kspec.training.data.values import Extent, extent, first, is_whole

if TYPE_CHECKING:
    from kspec.spec.schema import Fit


def check(data: Matched, model: Any, interface: Interface, *, allow_nan: bool = False) -> None:
    """Hold the values against the model and its losses; `allow_nan` lets NaN and infinity pass.

    Raises `FileError` with every problem: ``data-nan``, ``data-dtype``, ``data-token``, ``data-shape``,
    ``data-labels``.
    """
    problems: list[Problem] = _empty(data)
    if problems:
        raise FileError(problems)
    extents = {id(array): extent(array) for arrays in (data.x, data.y, data.weights) for array in arrays.values()}
    if not allow_nan:
        problems += _finite(data, extents)
    for port in interface.inputs:
        if port.name in data.x:
            problems += _whole_input(data, port, extents[id(data.x[port.name])])
    if not problems:
        problems += check_tokens(data, model, interface, extents)
    for output in interface.outputs:
        if output.name in data.y:
            problems += check_targets(data, output, extents[id(data.y[output.name])])
        if output.name in data.weights:
            problems += _weights(data, output)
    if problems:
        raise FileError(problems)


def checked(
    data: Matched | Streamed, model: Any, interface: Interface, *, allow_nan: bool = False
) -> Matched | Streamed:
    """The data: looked through, or, streamed, such as look through each block when it is first read, the first one now.

    Raises what `check` raises.
    """
    if isinstance(data, Matched):
        check(data, model, interface, allow_nan=allow_nan)
        return data
    data = data.looked_at(lambda rows: check(rows, model, interface, allow_nan=allow_nan))
    data.head(1)
    return data


def _empty(data: Matched) -> list[Problem]:
    """Arrays without any element: there is nothing to look at, and nothing to learn from."""
    arrays = [(name, array) for part in (data.x, data.y, data.weights) for name, array in part.items()]
    help = "every axis needs a size of 1 or more"
    return [
        Problem("data-shape", f"the array for `{name}` is empty: {array.shape}", help=help, file=data.path)
        for name, array in arrays
        if array.size == 0 and len(array) > 0
    ]


def check_steps(data: Linked, settings: Fit, validation: Linked | None) -> None:
    """Hold the number of rows against batches, steps and the part kept for validation.

    Raises `FileError` (``data-steps``): Keras warns and trains less, or validates on nothing.
    """
    problems: list[Problem] = []
    training, held = data.rows, validation.rows if validation else 0
    if settings.validation_split and validation is None:
        training = split_at(data.rows, settings.validation_split)
        held = data.rows - training
        if not training or not held:
            part = "training" if not training else "validation"
            message = f"`validation_split: {settings.validation_split:g}` of {_rows(data.rows)} leaves none for {part}"
            problems.append(_steps(data, message, "validation_split", "give more rows, or another part"))
    size = settings.batch_size
    if size and size > training > 0:
        message = f"`batch_size: {size}` is more than the {_rows(training)} to train on"
        problems.append(_steps(data, message, "batch_size", f"at most {training}"))
    elif settings.steps_per_epoch and training:
        batches = math.ceil(training / (size or math.ceil(training / settings.steps_per_epoch)))
        if settings.steps_per_epoch > batches:
            message = (
                f"`steps_per_epoch: {settings.steps_per_epoch}` is beyond the data: {_rows(training)} make {batches}"
            )
            problems.append(_steps(data, message, "steps_per_epoch", f"at most {batches}, or leave it out"))
    if settings.validation_steps and held:
        per_batch = settings.validation_batch_size or size or math.ceil(held / settings.validation_steps)
        batches = math.ceil(held / per_batch)
        if settings.validation_steps > batches:
            message = (
                f"`validation_steps: {settings.validation_steps}` is beyond the data: {_rows(held)} make {batches}"
            )
            problems.append(
                _steps(validation or data, message, "validation_steps", f"at most {batches}, or leave it out")
            )
    if problems:
        raise FileError(problems)


def split_at(rows: int, part: float) -> int:
    """The row where validation begins: the last rows are held back, as `keras.Model.fit` does it."""
    return math.floor(rows * (1.0 - part))


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _steps(data: Linked, message: str, key: str, help: str) -> Problem:
    return Problem("data-steps", message, ("fit", key), help, file=data.path)


_LARGEST = 3.4028235677973366e38
"""The least number that is infinity in float32, in which Keras is fed: its greatest number and half a last place."""


def _finite(data: Matched, extents: dict[int, Extent]) -> list[Problem]:
    import numpy as np

    problems = []
    arrays = {
        link.array: values[link.port]
        for link in data.links
        for values in [{"input": data.x, "target": data.y, "weight": data.weights}[link.role]]
    }
    for name, array in arrays.items():
        found = extents[id(array)]
        if found.finite and max(-found.low, found.high) > _LARGEST:
            place = first(array, lambda block: np.abs(block) > _LARGEST)
            assert place is not None
            file, place = data.where(place)
            message = f"`{name}{place}` is {place.value:g}, which is infinity in float32"
            problems.append(Problem("data-nan", message, help="give it in another unit", file=file))
        if found.finite:
            continue
        place = first(array, lambda block: ~np.isfinite(block))
        assert place is not None  # the extremes said that there is one
        file, place = data.where(place)
        what = "NaN (not a number)" if math.isnan(place.value) else "infinity"
        count = sum(int((~np.isfinite(row)).sum()) for row in np.array_split(array, max(len(array) // 65536, 1)))
        more = f", one of {count:,}" if count > 1 else ""
        help = "fill or drop those rows, or allow them by `--allow-nan`"
        problems.append(Problem("data-nan", f"`{name}{place}` is {what}{more}", help=help, file=file))
    return problems


def _whole_input(data: Matched, port: Port, found: Extent) -> list[Problem]:
    """An input of whole numbers is fed whole numbers of its range: Keras would cut them off, or around."""
    import numpy as np

    array, name = data.x[port.name], data.array_of("input", port.name)
    if not port.dtype.startswith(("int", "uint")) or not found.finite:
        return []
    if not is_whole(array):
        place = first(array, lambda block: np.floor(block) != block)
        assert place is not None  # it was seen that there is one
        file, place = data.where(place)
        message = f"`{name}{place}` is {place.value:g}: the input `{port.name}` takes whole numbers ({port.dtype})"
        help = f"round them, or declare the input as `{port.name}: {{shape: …, dtype: float32}}`"
        return [Problem("data-dtype", message, help=help, file=file)]
    limits = np.iinfo(port.dtype)
    if limits.min <= found.low and found.high <= limits.max:
        return []
    place = first(array, lambda block: (block < limits.min) | (block > limits.max))
    assert place is not None  # the extremes said that there is one
    file, place = data.where(place)
    message = f"`{name}{place}` is {int(place.value)}: the input `{port.name}` takes {port.dtype}"
    help = f"{limits.min} to {limits.max}, or declare the input with a wider dtype"
    return [Problem("data-dtype", message, help=help, file=file)]


def _weights(data: Matched, output: Output) -> list[Problem]:
    """One weight a row, or one for each of the row's targets along the first axes."""
    array, target = data.weights[output.name], data.y[output.name]
    name = data.array_of("weight", output.name)
    extra = array.shape[1:]
    if extra in ((), (1,)) or (len(extra) <= len(target.shape[1:]) and extra == target.shape[1 : 1 + len(extra)]):
        return []
    message = f"`{name}` is {data.shape(array)}, and the targets of `{output.name}` are {data.shape(target)}"
    help = f"sample weights are {data.shape(target)[:1]}, one a row"
    return [Problem("data-shape", message, help=help, file=data.path)]
