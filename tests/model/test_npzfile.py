"""A stranger's ``.npz`` file: told in one message what is wrong with it, and nothing of it is loaded."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from kspec.diagnostics import FileError
from kspec.model.npzfile import npz_arrays, npz_read
from tests.conftest import run_kspec


def npy(array: np.ndarray, shape: str = "") -> bytes:
    """An array's bytes, its header saying another shape where one is given."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    if not shape:
        return file.getvalue()
    old = str(array.shape).encode()
    return file.getvalue().replace(old, shape.encode(), 1)


def archive(*members: tuple[str, bytes], pack: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", pack) as made:
        for name, data in members:
            made.writestr(name, data)
    return file.getvalue()


def headed(text: str) -> bytes:
    """An array under a header that says what it likes."""
    return archive(("a.npy", b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()))


def shaped(shape: str) -> bytes:
    return headed(f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}")


ONES = np.ones((2, 3), "float32")
NONSENSE = "its header makes no sense"
STRANGE = {
    "text": (b"a page, and no weights", "it cannot be read"),
    "cut": (archive(("a.npy", npy(ONES)))[:-30], "it cannot be read"),
    "no array": (archive(("run.py", b"x")), "`run.py` in it is no array"),
    "objects": (archive(("a.npy", npy(np.array([{}, []], object)))), "`a` holds object, and no numbers"),
    "texts": (archive(("a.npy", npy(np.array(["x"])))), "`a` holds <U1, and no numbers"),
    "declares": (archive(("a.npy", npy(ONES, "(9, 9)"))), "`a` declares 324 bytes and holds 152"),
    "swollen": (archive(("a.npy", b"\0" * 2**27), pack=zipfile.ZIP_DEFLATED), "far larger"),
    "header": (archive(("a.npy", b"\x93NUMPY\x01\x00\x05\x00{oh}\n")), "`a` in it cannot be read"),
    "empty": (archive(("a.npy", b"")), "`a` in it cannot be read"),
    "a header that does not end": (headed("{'descr': '<f4', 'shape': ((("), NONSENSE),
    "a header of lists": (headed("{[]: 1}"), NONSENSE),
    "a header of numbers": (headed("{1: 2, 'shape': (2,), 'descr': '<f4'}"), NONSENSE),
    "no dtype": (headed("{'descr': (), 'fortran_order': False, 'shape': (2,)}"), NONSENSE),
    "a deep header": (headed("(" * 9000), NONSENSE),
    "a negative axis": (shaped("(-1,)"), NONSENSE),
    "65 axes": (shaped(str((1,) * 65)), NONSENSE),
    "an axis without end": (shaped(f"(0, {10**31})"), NONSENSE),
    "axes without end": (shaped(f"(0, {2**62}, {2**62})"), NONSENSE),
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_wrong_is_told(name: str, in_tmp: Path) -> None:
    content, said = STRANGE[name]
    Path("bad.npz").write_bytes(content)
    outcome = run_kspec("weights", "ls", "bad.npz", "--stats")
    assert outcome.status == 3, outcome.text
    assert said in outcome.err
    assert "error[model-file] `bad.npz` is refused" in outcome.err


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_twice(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(archive(("a.npy", npy(ONES)), ("a.npy", npy(ONES))))
    with pytest.raises(FileError, match="stands twice"):
        npz_arrays(tmp_path / "a.npz")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_is_there_is_read(save: object, tmp_path: Path) -> None:
    given = {"layer/kernel": np.asfortranarray(ONES), "count": np.array(7), "none": np.ones((0, 4), "int8")}
    save(tmp_path / "a.npz", **given)  # type: ignore[operator]
    found = npz_arrays(tmp_path / "a.npz")
    assert {each.path: (each.shape, each.dtype) for each in found} == {
        name: (array.shape, str(array.dtype)) for name, array in given.items()
    }
    for name, array in given.items():
        np.testing.assert_array_equal(npz_read(tmp_path / "a.npz", name), array)
