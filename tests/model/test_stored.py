"""Files of weights that anybody may have written, told array by array."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import kspec


def bfloat16(path: Path) -> Any:
    """An array of bytes in a file that is open, and what they are said to be is still to come."""
    file = h5py.File(path, "w")
    return file.create_dataset("a", data=np.zeros(3, "V2"))


def time(item: Any) -> None:
    """HDF5 has a type that NumPy has not."""
    h5py.h5a.create(item.id, b"dtype", h5py.h5t.UNIX_D32LE, h5py.h5s.create(h5py.h5s.SCALAR))


@pytest.mark.parametrize(
    ("say", "dtype"),
    [
        (lambda item: item.attrs.__setitem__("dtype", "bfloat16"), "bfloat16"),
        (lambda item: item.attrs.__setitem__("dtype", "b" * 60_000), "|V2"),
        (lambda item: item.attrs.__setitem__("dtype", np.zeros(3)), "|V2"),
        (lambda item: item.attrs.__setitem__("dtype", h5py.Empty("f4")), "|V2"),
        (time, "|V2"),
    ],
)
def test_a_dtype_is_taken_from_a_short_text_alone(say: Any, dtype: str, tmp_path: Path) -> None:
    item = bfloat16(tmp_path / "a.weights.h5")
    say(item)
    item.file.close()
    assert [each.dtype for each in kspec.list_weights(tmp_path / "a.weights.h5", stats=True).entries] == [dtype]


def test_numbers_in_names_may_be_of_any_length_and_kind(tmp_path: Path) -> None:
    names = ["a10", "a2", "a²", "a٣", "a" + "9" * 5000]
    with h5py.File(tmp_path / "a.weights.h5", "w") as file:
        for name in names:
            file[name] = np.zeros(2)
    found = [each.path for each in kspec.list_weights(tmp_path / "a.weights.h5").entries]
    assert sorted(found) == sorted(names)
    assert found.index("a2") < found.index("a10") < found.index(names[-1])
