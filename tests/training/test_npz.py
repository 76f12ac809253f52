"""Data files from strangers: each bad one is one problem that names its cause, and no good one is refused."""

from __future__ import annotations

import contextlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.lib import format as npy

from kspec.diagnostics import FileError
from kspec.training import Field, open_source
from kspec.training.data.npz import open_npz

X = np.arange(12, dtype="float32").reshape(3, 4)


def npz_bytes(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def member(name: str, content: bytes, method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr(name, content)
    return file.getvalue()


def header(shape: object, descr: str = "<f4", order: bool = False) -> bytes:
    text = f"{{'descr': {descr!r}, 'fortran_order': {order}, 'shape': {shape}, }}"
    text += " " * (64 - (len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def duplicate() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x.npy", npy_bytes(X))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("x.npy", npy_bytes(X))
    return file.getvalue()


def npy_bytes(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def encrypted() -> bytes:
    content = bytearray(npz_bytes(x=X))
    content[6] |= 1  # the flag in the local header and in the directory
    place = content.rindex(b"PK\x01\x02")
    content[place + 8] |= 1
    return bytes(content)


def flipped() -> bytes:
    array = np.arange(2**14)
    content = bytearray(npz_bytes(x=array))
    content[content.index(array.tobytes()[8:]) + 2**16] ^= 0xFF
    return bytes(content)


HUGE_HEADER = b"\x93NUMPY\x02\x00" + (2**31).to_bytes(4, "little") + b" " * 2**20

OPENING: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "empty": (lambda: b"", "data-format", "is empty"),
    "npy renamed": (lambda: npy_bytes(X), "data-format", "is a single array"),
    "csv renamed": (lambda: b"a,b\n1,2\n", "data-format", "is text"),
    "hdf5 renamed": (lambda: b"\x89HDF\r\n\x1a\n" + b"\0" * 600, "data-format", "is an HDF5 file"),
    "parquet renamed": (lambda: b"PAR1\0\0", "data-format", "is a Parquet file"),
    "pickle renamed": (lambda: b"\x80\x04\x95\0\0", "data-format", "is a Python pickle"),
    "noise": (lambda: b"\x00\x01\x02" * 300, "data-format", "is not an `.npz` archive"),
    "cut in half": (lambda: npz_bytes(x=X)[:200], "data-format", "damaged or cut short"),
    "cut at the end": (lambda: npz_bytes(x=X)[:-3], "data-format", "damaged or cut short"),
    "no members": (lambda: b"PK\x05\x06" + b"\0" * 18, "data-format", "holds no arrays"),
    "a model": (lambda: member("config.json", b"{}"), "data-format", "holds `config.json`, which is no array"),
    "control characters": (lambda: member("\x1b[31m.npy", b""), "data-format", r"holds `\x1b[31m.npy`, which is no"),
    "two of a name": (duplicate, "data-format", "holds two arrays called `x`"),
    "encrypted": (encrypted, "data-format", "is encrypted"),
    "lzma": (lambda: member("x.npy", npy_bytes(X), zipfile.ZIP_LZMA), "data-format", "packs `x` in a way"),
    "no header": (lambda: member("x.npy", b"12345"), "data-format", "holds `x`, whose header makes no sense"),
    "header cut": (lambda: member("x.npy", header((3, 4))[:20]), "data-format", "whose header makes no sense"),
    "huge header": (lambda: member("x.npy", HUGE_HEADER, zipfile.ZIP_DEFLATED), "data-format", "makes no sense"),
    "negative shape": (lambda: member("x.npy", header((-3, 4)) + b"\0" * 48), "data-format", "makes no sense"),
    "bool shape": (lambda: member("x.npy", header((True, 4)) + b"\0" * 16), "data-format", "makes no sense"),
    "endless shape": (lambda: member("x.npy", header((2**62, 2**62, 0))), "data-format", "makes no sense"),
    "no dtype": (lambda: member("x.npy", header((3, 4), "()").replace(b"'()'", b"()  ")), "data-format", "no sense"),
    "deep header": (lambda: member("x.npy", header("(" * 500)), "data-format", "makes no sense"),
    "code as a header": (lambda: member("x.npy", header("__import__('os')")), "data-format", "makes no sense"),
    "shape of 10^12": (
        lambda: member("x.npy", header((10**12,)) + b"\0" * 48),
        "data-format",
        "whose header promises (1000000000000,) float32 (3.6 TiB) where there are 48 bytes",
    ),
    "too few bytes": (lambda: member("x.npy", header((3, 4)) + b"\0" * 47), "data-format", "where there are 47 bytes"),
    "too many bytes": (lambda: member("x.npy", header((3, 4)) + b"\0" * 49), "data-format", "where there are 49 bytes"),
}

READING: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "objects": (lambda: npz_bytes(x=np.array([{}, 1], object)), "data-dtype", "`x` holds Python objects"),
    "text": (lambda: npz_bytes(x=np.array(["cat", "dog"])), "data-dtype", "`x` holds text"),
    "bytes": (lambda: npz_bytes(x=np.array([b"cat"])), "data-dtype", "`x` holds text"),
    "complex": (lambda: npz_bytes(x=X.astype("complex64")), "data-dtype", "has the dtype"),
    "dates": (lambda: npz_bytes(x=np.array(["2020-01-01"], "datetime64[D]")), "data-dtype", "has the dtype"),
    "records": (lambda: npz_bytes(x=np.zeros(2, [("a", "f4"), ("b", "i4")])), "data-dtype", "has the dtype"),
    "bfloat16": (lambda: member("x.npy", header((2,), "|V2") + b"\0" * 4), "data-dtype", "has the dtype"),
    "flipped bit": (flipped, "data-format", "`x` cannot be read"),
}


@pytest.mark.parametrize("case", OPENING)
def test_opening_a_bad_file_is_one_problem(case: str, tmp_path: Path) -> None:
    make, code, message = OPENING[case]
    (tmp_path / "data.npz").write_bytes(make())
    problem = _problem(lambda: open_source(str(tmp_path / "data.npz")))
    assert (problem.code, problem.file) == (code, str(tmp_path / "data.npz"))
    assert message in problem.message
    assert problem.help


@pytest.mark.parametrize("case", READING)
def test_a_member_that_is_no_array_of_numbers_is_refused_when_read(case: str, tmp_path: Path) -> None:
    make, code, message = READING[case]
    (tmp_path / "data.npz").write_bytes(make())
    source = open_source(str(tmp_path / "data.npz"))
    problem = _problem(lambda: source.read("x"))
    assert (problem.code, problem.file) == (code, str(tmp_path / "data.npz"))
    assert message in problem.message


def test_missing_files_folders_and_other_endings(tmp_path: Path) -> None:
    (tmp_path / "digits.npz").write_bytes(npz_bytes(x=X))
    (tmp_path / "folder.npz").mkdir()
    (tmp_path / "data.xlsx").write_text("1,2")
    missing = _problem(lambda: open_source(str(tmp_path / "digit.npz")))
    assert (missing.code, missing.help) == ("file-missing", "did you mean `digits.npz`?")
    assert "does not exist" in _problem(lambda: open_source(str(tmp_path / "nowhere" / "x.npz"))).help
    assert "is a folder" in _problem(lambda: open_source(str(tmp_path / "folder.npz"))).message
    assert "is a folder" in _problem(lambda: open_source(str(tmp_path))).message
    other = _problem(lambda: open_source(str(tmp_path / "data.xlsx")))
    assert other.code == "data-format"
    assert "supported: `.npz`" in other.help
    assert _problem(lambda: open_source("bad\0name.npz")).code == "file-missing"
    assert _problem(lambda: open_source("/dev/null.npz")).code == "file-missing"


def test_an_array_beyond_memory_is_refused_before_it_is_made(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "data.npz", x=np.zeros(2**20, "uint8"))
    problem = _problem(lambda: open_npz(str(tmp_path / "data.npz"), limit=2**19))
    assert problem.code == "too-large"
    assert problem.message == "`x` (1048576,) uint8 would take 1.0 MiB, and there are 512.0 KiB of memory"


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_good_arrays_are_read_as_numpy_reads_them(save: Callable[..., None], tmp_path: Path) -> None:
    arrays = {
        "x": X,
        "columns_first": np.asfortranarray(X),
        "big_endian": X.astype(">f8"),
        "scalar": np.array(3),
        "none": np.zeros((0, 4), "int8"),
        "flags": np.array([True, False]),
        "half": X.astype("float16"),
        "inner/name": np.arange(5, dtype="uint64"),
        "names": np.array(["a", "b"]),
        "objects": np.array([{}], object),
    }
    save(tmp_path / "data.npz", **arrays)
    source = open_source(str(tmp_path / "data.npz"))
    assert list(source.fields) == list(arrays)
    assert source.fields["x"] == Field((3, 4), "float32")
    assert [str(source.fields[name]) for name in ("x", "names", "objects")] == [
        "(3, 4) float32",
        "(2,) text",
        "(1,) Python objects",
    ]
    for name in list(arrays)[:-2]:
        found = source.read(name)
        assert found.shape == arrays[name].shape
        assert found.dtype == arrays[name].dtype.newbyteorder("=")
        np.testing.assert_array_equal(found, arrays[name])


@hypothesis_settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_mutation_ends_in_anything_but_a_problem(data: st.DataObject, tmp_path: Path) -> None:
    content = bytearray(npz_bytes(x=X, y=np.arange(3)))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(content)))
    (tmp_path / "data.npz").write_bytes(content[: end if end % 3 == 0 else None])
    with contextlib.suppress(FileError):
        source = open_source(str(tmp_path / "data.npz"))
        for name in source.fields:
            source.read(name)


def test_the_header_helper_is_what_numpy_reads() -> None:
    stream = io.BytesIO(header((3, 4)))
    assert npy.read_magic(stream) == (1, 0)
    assert npy.read_array_header_1_0(stream)[0] == (3, 4)


def _problem(call: Callable[[], object]):  # type: ignore[no-untyped-def]
    with pytest.raises(FileError) as caught:
        call()
    assert len(caught.value.problems) == 1
    return caught.value.problems[0]


def test_what_cannot_be_streamed_says_how_to_save_it(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "packed.npz", x=np.zeros((4, 2)))
    np.savez(tmp_path / "columns.npz", x=np.asfortranarray(np.zeros((4, 2))))
    for name, help in (("packed", "which compresses nothing"), ("columns", "numpy.ascontiguousarray(array)")):
        found = _problem(lambda: open_npz(str(tmp_path / f"{name}.npz")).blocks(["x"]))  # noqa: B023
        assert found.code == "too-large"
        assert help in found.help
