"""What callbacks remember: counters, best values, kept weights. Their attributes are looked through, since Keras's
callbacks have no method that tells their state; nothing is pickled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from kspec.files import write_atomically
from kspec.model.backend import load_keras

if TYPE_CHECKING:
    import numpy as np

_NOT_THEIRS = frozenset({"_model", "model", "params", "validation_data", "append", "append_header"})
"""What Keras gives to a callback, and how a `CSVLogger` has opened its file."""
_PLAIN = (bool, int, float, str, type(None))


class _Unknown(Exception):
    """A value that is neither plain data nor an array."""


class Remembered(NamedTuple):
    """For each callback its class and attributes as JSON, and the arrays in them by the keys that stand there."""

    told: list[dict[str, Any]]
    arrays: dict[str, np.ndarray]


def remember(callbacks: Sequence[Any]) -> Remembered:
    """What callbacks remember now."""
    arrays: dict[str, np.ndarray] = {}
    told = []
    for callback in callbacks:
        known, unknown = {}, []
        for name, value in vars(callback).items():
            if name in _NOT_THEIRS:
                continue
            try:
                known[name] = _told(value, arrays)
            except _Unknown:
                if not callable(value):  # a function is what the callback was made with
                    unknown.append(name)
        told.append({"class": type(callback).__name__, "attributes": known, "unknown": unknown})
    return Remembered(told, arrays)


def restore(callbacks: Sequence[Any], told: Sequence[Mapping[str, Any]], arrays: Mapping[str, np.ndarray]) -> None:
    """Give callbacks of the same classes, in the same order, what they remembered."""
    for callback, known in zip(callbacks, told, strict=True):
        for name, value in known["attributes"].items():
            vars(callback)[name] = _made(value, arrays)


def go_on_writing(callbacks: Sequence[Any], epochs: int) -> None:
    """Before ``on_train_begin``: Keras's `CSVLogger` adds to its file what comes after so many epochs, and does not
    begin it anew."""
    for callback in _loggers(callbacks):
        path = Path(callback.filename)
        if path.is_file():
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            write_atomically(path, "".join(lines[: epochs + 1]))
            callback.append = True


def close(callbacks: Sequence[Any]) -> None:
    """Close what ``on_train_end`` would have, when a training is broken off."""
    for callback in _loggers(callbacks):
        if callback.csv_file is not None:
            callback.csv_file.close()


def _loggers(callbacks: Sequence[Any]) -> list[Any]:
    return [callback for callback in callbacks if isinstance(callback, load_keras().callbacks.CSVLogger)]


def forgotten(told: Sequence[Mapping[str, Any]]) -> list[str]:
    """The attributes that are not kept, such as open files: ``Logger.stream``. Keras's own begin anew by themselves."""
    own = {"CSVLogger", "LambdaCallback", "TensorBoard", "BackupAndRestore", "RemoteMonitor"}
    return [f"{each['class']}.{name}" for each in told if each["class"] not in own for name in each["unknown"]]


def _told(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Plain values as they are, everything else as a dictionary with one key that says what it is."""
    import jax
    import numpy as np

    if type(value) in _PLAIN:
        return value
    if callable(value) and getattr(load_keras().ops, getattr(value, "__name__", ""), None) is value:
        return {"operation": getattr(value, "__name__", "")}  # `monitor_op`, which comes with a sign of `min_delta`
    if isinstance(value, (np.ndarray, np.generic, jax.Array)):
        array = np.array(value)
        if array.dtype.kind == "O":
            raise _Unknown
        key = f"{len(arrays):06}"
        arrays[key] = array
        return {"scalar" if isinstance(value, np.generic) else "array": key}
    if type(value) in (list, tuple, set):
        return {type(value).__name__: [_told(item, arrays) for item in value]}
    if type(value) is dict:
        return {"dict": [[_told(key, arrays), _told(item, arrays)] for key, item in value.items()]}
    raise _Unknown


def _made(told: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    if not isinstance(told, Mapping):
        return told
    ((kind, value),) = told.items()
    if kind == "scalar":
        return arrays[value][()]
    if kind == "operation":
        return getattr(load_keras().ops, value)
    if kind == "array":
        return arrays[value]
    if kind == "dict":
        return {_made(key, arrays): _made(item, arrays) for key, item in value}
    kinds: dict[str, Any] = {"list": list, "tuple": tuple, "set": set}
    return kinds[kind](_made(item, arrays) for item in value)
