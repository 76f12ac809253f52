"""Whatever bytes come, the checker ends by itself with an exit status of its own: no traceback, no defect, no hang."""

from __future__ import annotations

import faulthandler
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import SPECS, run_kspec
from tests.spec.fuzzing import examples

TEXTS = [path.read_bytes() for path in sorted(SPECS.glob("*.yaml"))]
SECONDS = 60
"""Far beyond what any spec takes: a hang is reported with its stack in place of a run that never ends."""


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A gallery spec with a few lines, words or bytes changed, moved, doubled or lost."""
    lines = draw(st.sampled_from(TEXTS)).split(b"\n")
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        kind = draw(st.sampled_from(["drop", "double", "swap", "indent", "cut", "word", "byte"]))
        line = lines[at]
        if kind == "drop" and len(lines) > 1:
            del lines[at]
        elif kind == "double":
            lines.insert(at, line)
        elif kind == "swap":
            other = draw(st.integers(0, len(lines) - 1))
            lines[at], lines[other] = lines[other], lines[at]
        elif kind == "indent":
            lines[at] = b" " * draw(st.integers(0, 6)) + line.lstrip()
        elif kind == "cut":
            lines[at] = line[: draw(st.integers(0, len(line)))]
        elif kind == "word":
            words = line.split(b" ")
            words[draw(st.integers(0, len(words) - 1))] = draw(st.sampled_from(WORDS))
            lines[at] = b" ".join(words)
        elif line:
            place = draw(st.integers(0, len(line) - 1))
            lines[at] = line[:place] + bytes([draw(st.integers(0, 255))]) + line[place + 1 :]
    return b"\n".join(lines)


WORDS = [
    *(
        b"null",
        b"true",
        b"-1",
        b"0",
        b"1e999",
        b".nan",
        b"99999999999999999999",
        b"[",
        b"]",
        b"{",
        b"}",
        b"[[]]",
        b"{}",
    ),
    *(
        b"*x",
        b"&x",
        b"<<:",
        b"!!python/object:os.system",
        b"$",
        b"$x",
        b"$(",
        b"$(1/0)",
        b"$(x[0])",
        b"${x}",
        b"previous",
    ),
    *(b"input", b"repeat:", b"reuse:", b"parallel:", b"residual:", b"model:", b"/etc/passwd", b"../../x", b"~", b"- -"),
    *(
        b"Dense:",
        b"Lambda:",
        b"ops.matmul:",
        b"os.system",
        b"name:",
        b"from:",
        b"'",
        b'"',
        b"\t",
        b"\xff",
        b"\x00",
        b"|",
    ),
]


def check(data: bytes, folder: Path, *flags: str) -> None:
    path = folder / "case.yaml"
    path.write_bytes(data)
    faulthandler.dump_traceback_later(SECONDS, exit=True)
    try:
        outcome = run_kspec("check", path, *flags)
    finally:
        faulthandler.cancel_dump_traceback_later()
    assert outcome.status in (0, 1, 3), outcome.text
    assert "Traceback" not in outcome.text
    assert "defect" not in outcome.err


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mutations")


@examples(400)
@given(data=mutated())
def test_mutations_of_the_gallery(folder: Path, data: bytes) -> None:
    check(data, folder, "--fast")


@examples(40)
@given(data=mutated())
def test_mutations_with_shapes(folder: Path, data: bytes) -> None:
    check(data, folder)


@examples(200)
@given(data=st.binary(max_size=200))
def test_any_bytes(folder: Path, data: bytes) -> None:
    check(data, folder, "--fast")


@examples(200)
@given(data=st.text(alphabet=" \n-:{}[],&*!|>'\"%@`#?$()=.0123456789abkspecDinputslayers", max_size=120))
def test_any_yaml_like_text(folder: Path, data: str) -> None:
    check(b"kspec: 1\ninputs: {x: 4}\nlayers:\n  - Dense: 3\n" + data.encode(), folder, "--fast")
