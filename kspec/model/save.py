"""keras.Model -> file, whole or not at all."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kspec.diagnostics import Problem, UsageError
from kspec.files import atomic_path
from kspec.model.admission import serialized
from kspec.model.backend import load_keras
from kspec.model.private import layers_in, weights_opened
from kspec.model.quiet import without_keras_warnings
from kspec.model.tensorfile import write
from kspec.model.variables import by_path, check_plain


def check_ending(path: Path) -> None:
    """Raise UsageError for a file name whose ending is no model's, or that is nothing else."""
    if not path.name[1:].endswith((".keras", ".weights.h5", ".safetensors")):
        help = "a whole model ends in `.keras`, its weights alone in `.weights.h5` or `.safetensors`"
        raise UsageError(Problem("usage", f"`{path.name}` does not say what to save", help=help))


def save(model: Any, path: Path) -> None:
    """Save a whole model (.keras) or its weights (.weights.h5, .safetensors).

    Raises FileError where the file cannot be written; what was there before stays. Raises UsageError where
    safetensors cannot hold the weights.
    """
    if path.suffix == ".safetensors":
        check_plain(model)
        write(path, by_path(model))
        return
    if path.suffix == ".keras":
        check_told(model)
    with atomic_path(path, least=_bytes(model)) as temporary, without_keras_warnings(), _failing_late():
        if path.name.endswith(".weights.h5"):
            model.save_weights(temporary)
        else:
            model.save(temporary)


def check_told(model: Any) -> None:
    """Raise UsageError where a layer makes others of its own, and these are quantized: Keras writes nothing of that
    into a `.keras` file, and cannot load it again."""
    for layer in layers_in(model):
        inside = [each for each in layers_in(layer)[1:] if getattr(each, "quantization_mode", None)]
        if not inside or isinstance(layer, load_keras().Model):
            continue
        told = {item["config"].get("name") for item in serialized(load_keras().saving.serialize_keras_object(layer))}
        if any(each.name not in told for each in inside):
            message = f"`{layer.name}` is quantized inside, which no `.keras` file tells: Keras could not load it"
            help = "write `quantize: false` beside it, or save weights alone, as `.safetensors`"
            raise UsageError(Problem("not-supported", message, help=help))


def _bytes(model: Any) -> int:
    """What the numbers of a model take, with those of its optimizer."""
    optimizer = getattr(model, "optimizer", None)
    variables = [*model.variables, *(optimizer.variables if optimizer is not None else [])]
    return sum(variable.value.nbytes for variable in {id(each): each for each in variables}.values())


@contextmanager
def _failing_late() -> Iterator[None]:
    """A disk that is full is told when Keras is done: HDF5 crashes the process where a write fails as it closes a
    file."""
    import h5py

    files: list[_Patient] = []

    def opened(path: Any) -> Any:
        files.append(_Patient(path))
        return h5py.File(files[-1], "w")

    try:
        with weights_opened(opened):
            yield
    except Exception as error:  # what Keras makes of numbers that are missing, where a write has failed before
        raise _failure(files) or error from None
    finally:
        for file in files:
            file.close()
    if failure := _failure(files):
        raise failure


def _failure(files: list[_Patient]) -> OSError | None:
    return next((file.failure for file in files if file.failure is not None), None)


class _Patient(io.RawIOBase):
    """A file for HDF5 that keeps the first failure of a write, and goes on as if nothing had been."""

    def __init__(self, path: Any) -> None:
        self._file = open(path, "wb+", buffering=0)  # noqa: SIM115 - `close` closes it
        self.failure: OSError | None = None

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        rest = memoryview(data).cast("B")
        count = len(rest)
        while len(rest) and self.failure is None:
            try:
                rest = rest[self._file.write(rest) :]
            except OSError as error:
                self.failure = error
        return count

    def truncate(self, size: int | None = None, /) -> int:
        try:
            return self._file.truncate(size)
        except OSError as error:
            self.failure = self.failure or error
            return size or 0

    def readinto(self, buffer: Any, /) -> int:
        return self._file.readinto(buffer) or 0

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            self.failure = self.failure or error
        super().close()
