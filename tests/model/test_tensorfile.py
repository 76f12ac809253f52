"""A stranger's safetensors file: what is wrong with it is told in one message, and nothing of it is loaded."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from kspec.diagnostics import FileError, KspecError
from kspec.model.tensorfile import arrays, declared, read
from tests.conftest import run_kspec
from tests.model.test_safetensors import text_of


def content(header: Any, data: bytes = b"") -> bytes:
    packed = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(packed).to_bytes(8, "little") + packed + data


def array(**other: Any) -> dict[str, Any]:
    return {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **other}


TWICE = b'{"a":%b,"a":%b}' % ((json.dumps(array()).encode(),) * 2)
CUT = "its arrays are not the {} bytes after its header: cut, or grown"
EIGHT = b"\0" * 8
STRANGE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "it is too short to have a header, 0 of 8 bytes"),
    "three bytes": (b"abc", "it is too short to have a header, 3 of 8 bytes"),
    "text": (
        b"<html>a page, and no weights</html>",
        "its header is said to be 2,333,214,717,368,363,068 bytes, of 27 left",
    ),
    "header beyond the file": (content(b"{}")[:9], "its header is said to be 2 bytes, of 1 left"),
    "header of exabytes": (
        (2**63).to_bytes(8, "little") + b"{}",
        "its header is said to be 9,223,372,036,854,775,808 bytes, of 2 left",
    ),
    "huge header": (
        content(b"{" + b" " * 2**24),
        "its header is said to be 16,777,217 bytes, and 16,777,216 are read at most",
    ),
    "cut": (content({"a": array()}, EIGHT[:5]), CUT.format(5)),
    "longer": (content({"a": array()}, EIGHT * 2), CUT.format(16)),
    "beyond the end": (content({"a": array(shape=[10**9], data_offsets=[0, 4 * 10**9])}, EIGHT), CUT.format(8)),
    "twice": (content(TWICE, EIGHT), "`a` stands twice in its header"),
    "facts twice": (content(b'{"__metadata__":{"a":"1"},"__metadata__":{}}'), "its header is damaged: "),
    "over each other": (content({"a": array(), "b": array()}, EIGHT), "its arrays do not lie one after the other"),
    "a gap": (content({"a": array(data_offsets=[8, 16])}, EIGHT * 2), "its arrays do not lie one after the other"),
    "backwards": (content({"a": array(data_offsets=[8, 0])}, EIGHT), "its arrays do not lie one after the other"),
    "other bytes than its shape": (
        content({"a": array(shape=[3])}, EIGHT),
        "an array in it has another number of bytes than its shape and dtype",
    ),
    "more than there can be": (
        content({"a": array(shape=[2**62, 2**62])}, EIGHT),
        "it declares more bytes than there can be",
    ),
    "axes": (content({"a": array(shape=[1] * 70 + [2])}, EIGHT), "`a` has 71 axes"),
    "a dtype of no one": (content({"a": array(dtype="X")}, EIGHT), "its header is damaged: "),
    "negative": (content({"a": array(shape=[-2])}, EIGHT), "its header is damaged: "),
    "no JSON": (content(b'{"a":', EIGHT), "its header is damaged: "),
    "no shape": (content({"a": {"dtype": "F32", "data_offsets": [0, 8]}}, EIGHT), "its header is damaged: "),
    "a list": (content([]), "its header is damaged: "),
    "deep": (content(b'{"a":' + b"[" * 10**6), "its header is damaged: "),
    "no UTF-8": (content(b'{"\xff": 1}'), "its header is damaged: "),
    "facts that are numbers": (content({"__metadata__": {"a": 1}}), "its header is damaged: "),
}


def test_a_dtype_that_keras_has_not_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    file.write_bytes(content({"a": array(dtype="F8_E8M0", shape=[8])}, EIGHT))
    # The library's first versions do not know it either.
    with pytest.raises(FileError, match=r"`a` holds F8_E8M0, which no variable of Keras does|its header is damaged: "):
        arrays(file)


@pytest.mark.parametrize("name", STRANGE)
def test_a_file_that_is_none_is_refused_in_one_message(name: str, in_tmp: Path) -> None:
    made, said = STRANGE[name]
    Path("w.safetensors").write_bytes(made)
    with pytest.raises(FileError) as refused:
        arrays(Path("w.safetensors"))
    [problem] = refused.value.problems
    assert problem.code == "model-file"
    told = problem.message.removeprefix("`w.safetensors` is refused: ")
    assert told == said or (said.endswith(": ") and told.startswith(said))
    assert "\n" not in problem.message
    Path("spec.yaml").write_text(text_of("[{Dense: 2}]", "weights: w.safetensors\n"), encoding="utf-8")
    built = run_kspec("build", "spec.yaml")
    assert built.text == f"exit 3\nw.safetensors: error[model-file] {problem.message}\n\n1 error in w.safetensors\n"
    audited = run_kspec("audit", "w.safetensors")
    assert audited.text == f"exit 3\nw.safetensors: refused\n  {problem.message}\n"


def test_no_file_and_a_pipe_are_told(in_tmp: Path) -> None:
    Path("spec.yaml").write_text(text_of("[{Dense: 2}]"), encoding="utf-8")
    if hasattr(os, "mkfifo"):
        os.mkfifo("pipe.safetensors")
    np.savez("data.npz", x=np.ones((2, 4), "float32"))
    for name in ("none.safetensors", "pipe.safetensors"):
        refused = run_kspec("predict", "spec.yaml", "--weights", name, "--data", "data.npz", "-o", "p.npz")
        assert refused.status == 3
        assert "error[file-missing] there is no file" in refused.err


def test_a_name_cannot_steer_the_terminal(in_tmp: Path) -> None:
    save_file({"\x1b[31m": np.ones(2, "float32")}, "w.safetensors")
    Path("spec.yaml").write_text(text_of("[{Dense: 2}]", "weights: w.safetensors\n"), encoding="utf-8")
    refused = run_kspec("build", "spec.yaml")
    assert refused.status == 1
    assert "\x1b" not in refused.text
    assert r"the model has no `\x1b[31m`" in refused.err


def test_flipped_bits_of_the_header_and_cuts_are_read_as_the_library_reads_them(tmp_path: Path) -> None:
    """Every bit of the header and every length: one message, or a file that the library reads the same."""
    whole, path = tmp_path / "w.safetensors", tmp_path / "changed.safetensors"
    save_file({"a/kernel": np.arange(6, dtype="float32").reshape(2, 3), "b": np.array(1, "int32")}, whole)
    good = whole.read_bytes()
    end = 8 + int.from_bytes(good[:8], "little")
    changed = [good[:length] for length in range(len(good))]
    changed += [
        good[:place] + bytes([good[place] ^ 1 << bit]) + good[place + 1 :] for place in range(end) for bit in range(8)
    ]
    for each in changed:
        check_as_the_library(path, each)


def test_random_headers_are_read_as_the_library_reads_them(tmp_path: Path) -> None:
    draws, path = random.Random(7), tmp_path / "w.safetensors"
    choices: dict[str, list[Any]] = {
        "dtype": ["F32", "F16", "U8", "BOOL", "f32", None],
        "shape": [[2], [], [0], [2, 1], [-1], [1.5], "2", [2**63], None, [True]],
        "data_offsets": [[0, 8], [0, 4], [4, 8], [0, 2], [8, 0], [0], [0, 8, 16], None, [0, 2**64]],
    }
    for _ in range(1500):
        header = {}
        for name in draws.sample(["a", "b", "", "__metadata__", "ü/k", "\x00"], draws.randrange(3)):
            header[name] = array() | {
                key: draws.choice(choices[key]) for key in draws.sample(list(choices), draws.randrange(3))
            }
        packed = json.dumps(header).encode() + b" " * draws.randrange(9)
        check_as_the_library(path, content(packed, b"\1" * draws.choice([0, 2, 4, 8, 8, 8])))


def check_as_the_library(path: Path, made: bytes) -> None:
    """What one refuses the other refuses."""
    path.write_bytes(made)
    try:
        found: Any = {name: (value.dtype, value.tobytes()) for name, value in read(path, declared(path))}
    except KspecError as error:
        found = error.problems[0].message
        assert "\n" not in found
    try:
        with safe_open(path, framework="np") as file:
            wanted = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, AttributeError, OSError):  # NumPy's lack of float8 raises AttributeError
        assert isinstance(found, str) or "float8" in str(found), made
    else:
        assert found == {name: (value.dtype, value.tobytes()) for name, value in wanted.items()}, made
