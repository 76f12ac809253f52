"""Weights as safetensors: a header that tells arrays by their names, and their bytes. Nothing in such a file is run.

The library checks a stranger's header: https://github.com/huggingface/safetensors#format. What it lets pass and kspec
does not is looked for here. The bytes are read here, too: the library has float8 in its files, and gives none to NumPy.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from kspec.diagnostics import FileError, Problem, UsageError
from kspec.files import atomic_path
from kspec.model.weightsfile import Array, refused

_DTYPES = {
    "BOOL": "bool",
    "I8": "int8",
    "I16": "int16",
    "I32": "int32",
    "I64": "int64",
    "U8": "uint8",
    "U16": "uint16",
    "U32": "uint32",
    "U64": "uint64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "BF16": "bfloat16",
    "F16": "float16",
    "F32": "float32",
    "F64": "float64",
    "C64": "complex64",
}
"""Keras's names of the dtypes that both have."""
_MAX_HEADER = 16 * 2**20
"""Bytes; an array takes about a hundred. The library reads six times as much."""
_MAX_AXES = 64
"""NumPy's."""
_WRONG = {
    "incomplete meta|MetadataIncom": "its arrays are not the {held:,} bytes after its header: cut, or grown",
    "invalid offset|InvalidOffset": "its arrays do not lie one after the other",
    "overflow|ValidationOverflow": "it declares more bytes than there can be",
    "invalid shape|TensorInvalidInfo": "an array in it has another number of bytes than its shape and dtype",
}
"""How what the library says begins, in several versions of it, and what it means."""


class Held(NamedTuple):
    """An array in a file: its shape, Keras's name of its dtype, and where its bytes begin."""

    shape: tuple[int, ...]
    dtype: str
    start: int
    bytes: int


def arrays(path: Path) -> list[Array]:
    """The arrays of a ``.safetensors`` file, none of them read.

    Raises `FileError`: ``file-missing``, or ``model-file`` where the file is damaged or declares what it has not.
    """
    return [Array(name, held.shape, held.dtype, held.bytes) for name, held in declared(path).items()]


def declared(path: Path) -> dict[str, Held]:
    """What a file says that it holds, checked, by name; raises as `arrays` does."""
    header, size = _header(path)
    start = 8 + len(header)
    _check(path, size - start)
    try:
        content = json.loads(header, object_pairs_hook=_once)
        content.pop("__metadata__", None)
        return {str(name): _held(name, item, start) for name, item in content.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise refused(path, str(error)) from None


def read(path: Path, held: Mapping[str, Held]) -> Iterator[tuple[str, Any]]:
    """The arrays of a file, one after the other.

    Raises `FileError` where it is not any more what it was when `held` was read.
    """
    import ml_dtypes  # makes bfloat16 and the like known to NumPy
    import numpy as np

    with open(path, "rb") as file:
        for name, (shape, dtype, start, count) in sorted(held.items(), key=lambda item: item[1].start):
            file.seek(start)
            found = np.fromfile(file, np.uint8, count)
            if len(found) < count:
                raise refused(path, "it changed while it was read")
            # A bool is one of two bytes to NumPy, and one of 256 to a file.
            flat = found != 0 if dtype == "bool" else found.view(np.dtype(getattr(ml_dtypes, dtype, dtype)))
            yield name, flat.reshape(shape)


def write(path: Path, variables: Mapping[str, Any]) -> None:
    """Write variables by their names: whole or not at all, and the same variables as the same bytes.

    Nothing else is told in the file: the library writes what is told beside the arrays in a random order.
    Raises FileError where the file cannot be written, UsageError for a dtype that no such file has.
    """
    import numpy as np
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    # The library writes what lies in memory, so an array must lie there in the order of its axes.
    found = {name: np.asarray(variable.value, order="C") for name, variable in variables.items()}
    for name, array in found.items():
        if array.dtype.name not in _DTYPES.values():
            message = f"`{name}` is {array.dtype.name}, which a safetensors file cannot hold"
            raise UsageError(Problem("weights", message, help="name a `.weights.h5` file"))
    with atomic_path(path, needed=sum(array.nbytes for array in found.values())) as temporary:
        temporary.touch()
        mode = temporary.stat().st_mode
        try:
            save_file(found, temporary)
        except SafetensorError as error:
            if code := re.search(r"os error (\d+)", str(error)):
                raise OSError(int(code[1]), str(error), str(temporary)) from None
            raise
        temporary.chmod(mode)  # the library gives its file to its owner alone


def _header(path: Path) -> tuple[bytes, int]:
    """The header of a file, and the size of it all."""
    if not path.is_file():
        raise FileError(Problem("file-missing", f"there is no file `{path}`", file=str(path)))
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            length = int.from_bytes(file.read(8), "little")
            if size < 8:
                raise refused(path, f"it is too short to have a header, {size} of 8 bytes")
            if length > min(size - 8, _MAX_HEADER):
                most = f"of {size - 8:,} left" if length > size - 8 else f"and {_MAX_HEADER:,} are read at most"
                raise refused(path, f"its header is said to be {length:,} bytes, {most}")
            return file.read(length), size
    except OSError as error:
        raise refused(path, f"it cannot be read: {(error.strerror or str(error)).lower()}") from None


def _check(path: Path, held: int) -> None:
    """The library reads the header; `held` bytes follow it."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="np"):
            pass
    except (SafetensorError, OSError) as error:
        told = str(error).removeprefix("Error while deserializing header: ").splitlines()[0][:200]
        known = next((meant.format(held=held) for said, meant in _WRONG.items() if re.match(said, told)), None)
        raise refused(path, known or f"its header is damaged: {told}") from None


def _held(name: str, item: Mapping[str, Any], start: int) -> Held:
    begin, end = item["data_offsets"]
    shape = tuple(item["shape"])
    if item["dtype"] not in _DTYPES:
        raise ValueError(f"`{name}` holds {item['dtype']}, which no variable of Keras does")
    if len(shape) > _MAX_AXES:
        raise ValueError(f"`{name}` has {len(shape)} axes")
    return Held(shape, _DTYPES[item["dtype"]], start + begin, end - begin)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A mapping of JSON: the library takes the last of two values with one name, and others the first."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"`{name}` stands twice in its header")
        found[name] = value
    return found
