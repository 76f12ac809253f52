"""Every problem of a file in one run: what is wrong in the text hides no wrong shape, and causes none."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

import kspec
from kspec.diagnostics import Problem, SpecError
from tests.conftest import SPECS

VALID = Path(__file__).parent.parent / "specs" / "valid"
FILES = sorted([*SPECS.glob("*.yaml"), *VALID.glob("*.yaml")])
TRUST = ("parts", "custom_layers")
_WORD = re.compile(r"[A-Za-z_][A-Za-z_0-9]{2,}")


def problems(text: str, path: Path, *, whole: bool) -> tuple[Problem, ...]:
    try:
        loaded = kspec.loads(text, name=path.name, folder=path.parent, trust=TRUST, partly=whole)
        if whole:
            loaded.plan()
    except SpecError as error:
        return error.problems
    return ()


def misspelt(text: str, rng: random.Random) -> str:
    """A text with one of its words misspelt, outside of comments."""
    found = [
        word for word in _WORD.finditer(text) if "#" not in text[text.rfind("\n", 0, word.start()) + 1 : word.start()]
    ]
    word = rng.choice(found)
    place = rng.randrange(word.start() + 1, word.end() - 1)
    one, two = text[place : place + 2]
    return text[:place] + rng.choice([two, f"{one}x{two}", two + one]) + text[place + 2 :]


@pytest.mark.parametrize("seed", range(8))
def test_a_misspelt_word_makes_no_shape_wrong(seed: int) -> None:
    """The gallery and the valid cases have right shapes: what is told of a misspelt word is all there is to tell."""
    rng = random.Random(seed)
    told = 0
    for _ in range(60):
        path = rng.choice(FILES)
        text = misspelt(path.read_text(encoding="utf-8"), rng)
        fast = problems(text, path, whole=False)
        if fast:
            told += 1
            assert problems(text, path, whole=True) == fast, f"{path.name}\n{text}"
    assert told > 20


def test_what_is_wrong_in_a_section_hides_no_expectation() -> None:
    text = (
        "kspec: 1\ninputs: {x: 8}\nlayers: [{Dense: 4}]\n"
        "compile: {optimiser: adam}\nexpect: {params: 35, outputs: {y: [3]}}\n"
    )
    with pytest.raises(SpecError) as caught:
        kspec.loads(text, partly=True).plan()
    assert [problem.message for problem in caught.value.problems] == [
        "`compile` has no key `optimiser`",
        "the model has no output `y`",
        "`params` is 36, and 35 is expected",
    ]


def test_untrusted_code_does_not_run_for_the_other_problems(tmp_path: Path) -> None:
    """Building what is right of a spec never imports what the person has not trusted."""
    (tmp_path / "evil.py").write_text("open('ran', 'w').close()\nclass Model: pass\nclass Layer: pass\n")
    spec = (
        "kspec: 1\ncustom: [evil]\nclass: evil.Model\ninputs: {x: 8}\nlayers: [{Conv2D: [2, 3]}, Layer, {Dense: 0}]\n"
    )
    (tmp_path / "spec.yaml").write_text(spec)
    done = subprocess.run(
        [sys.executable, "-m", "kspec", "check", "spec.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "untrusted-code" in done.stdout
    assert "Dense cannot be made" in done.stdout
    assert not (tmp_path / "ran").exists()
