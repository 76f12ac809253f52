"""What a shell offers: commands, Keras's names, codes, specs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def completed(words: str, folder: Path) -> list[str]:
    """What bash is offered for the last of the words."""
    environment = {
        **os.environ,
        "_KSPEC_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    program = "import sys; sys.argv[0] = 'kspec'; from kspec.cli import cli; cli(prog_name='kspec')"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_words(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    for name in ("a.yaml", "models/b.yml", "models/c.keras", "models/d.npz", ".hidden.yaml"):
        (tmp_path / name).touch()
    assert completed("kspec su", tmp_path) == ["summary"]
    assert completed("kspec layers MultiH", tmp_path) == ["MultiHeadAttention"]
    assert completed("kspec layers ops.matm", tmp_path) == ["ops.matmul"]
    assert completed("kspec layers adamw", tmp_path) == ["AdamW"]
    assert completed("kspec explain unknown-a", tmp_path) == ["unknown-argument"]
    assert completed("kspec check ", tmp_path) == ["a.yaml", "models/"]
    assert completed("kspec fit models/", tmp_path) == ["models/b.yml"]
    assert completed("kspec evaluate models/", tmp_path) == ["models/b.yml", "models/c.keras"]
    assert completed("kspec check nowhere/", tmp_path) == []
    text = "kspec: 1\ninputs: {pixels: 4}\nlayers: [{Dense: 2, name: first}, {Dense: 2, name: feature}]\n"
    (tmp_path / "model.yaml").write_text(text, encoding="utf-8")
    assert completed("kspec slice model.yaml --from f", tmp_path) == ["first", "feature"]
    assert completed("kspec slice model.yaml --to pi", tmp_path) == ["pixels"]
    assert completed("kspec slice a.yaml --to f", tmp_path) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts(shell: str) -> None:
    if shell == "bash" and not Path("/bin/bash").exists():
        pytest.skip("click asks bash for its version")
    environment = {**os.environ, "_KSPEC_COMPLETE": f"{shell}_source"}
    program = "from kspec.cli import cli; cli(prog_name='kspec')"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "_KSPEC_COMPLETE" in done.stdout
