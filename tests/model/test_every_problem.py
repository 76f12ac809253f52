"""Every problem of a file in one run: what is wrong in the text hides no wrong shape, and causes none."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

import kspec
from kspec.diagnostics import Problem, SpecError
from tests.conftest import SPECS

VALID = Path(__file__).parent.parent / "specs" / "valid"
FILES = sorted(path for path in [*SPECS.glob("*.yaml"), *VALID.glob("*.yaml")] if path.stem != "large_decoder")
"""A check of eighty blocks takes seconds, and hundreds are made here."""
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


def _unread(text: str, rng: random.Random) -> str:
    """A text with a value that cannot be read, or a key twice."""
    events = [event for event in yaml.parse(text) if isinstance(event, yaml.ScalarEvent)]
    event = rng.choice(events)
    start, end = event.start_mark.index, event.end_mark.index
    return text[:start] + rng.choice([".nan", f"!x {text[start:end]}"]) + text[end:]


def _misspelt_section(text: str, rng: random.Random) -> str:
    word = rng.choice(list(re.finditer(r"^[a-z]+(?=:)", text, re.MULTILINE)))
    place = rng.randrange(word.start() + 1, word.end())
    return text[:place] + text[place - 1] + text[place:]


def _of_another_type(text: str, rng: random.Random) -> str:
    names = "vars|blocks|layers|custom|inputs|outputs|compile"
    found = list(re.finditer(rf"^({names}):.*\n((?:[ \-#].*\n|\n)*)", text, re.MULTILINE))
    section = rng.choice(found) if found else None
    return f"{text[: section.start()]}{section[1]}: 3\n{text[section.end() :]}" if section else text


def _missing_file(text: str, rng: random.Random) -> str:
    return re.sub(r"(?<=/|\[| )([a-z_0-9]+)\.yaml", r"\1_not_there.yaml", text, count=1)


def _twice(text: str, rng: random.Random) -> str:
    """A text with a line of a key written twice."""
    found = list(re.finditer(r"^(\s+[a-z_]+: \S+|[a-z]+: \S.*)\n", text, re.MULTILINE))
    line = rng.choice(found) if found else None
    return text[: line.end()] + line[0] + text[line.end() :] if line else text


def _no_yaml(text: str, rng: random.Random) -> str:
    """A text with a bracket, a quote or a colon too few or too many in an item of a list or in a flow mapping."""
    found = list(re.finditer(r"[{}\[\]\"']", text))
    place = rng.choice(found).start() if found else 0
    if not found or "#" in text[text.rfind("\n", 0, place) + 1 : place]:
        return text
    return text[:place] + rng.choice(["", text[place] * 2]) + text[place + 1 :]


MISTAKES = (
    *(_unread, _no_yaml, _of_another_type, _missing_file),
    *(pytest.param(mistake, marks=pytest.mark.slow) for mistake in (_twice, _misspelt_section)),
)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_what_cannot_be_read_causes_no_second_problem(mistake: Callable[[str, random.Random], str]) -> None:
    rng = random.Random(0)
    told = 0
    for _ in range(150):
        path = rng.choice(FILES)
        text = path.read_text(encoding="utf-8")
        if not re.search(r"^[a-z]+:", text, re.MULTILINE):
            continue
        text = mistake(text, rng)
        found = problems(text, path, whole=True)
        told += len(found)
        assert len(found) < 2, f"{path.name}\n{text}\n{found}"
    assert told > 10


EVERYTHING = """\
kspec: 1
seed: .nan
vras: {width: 8}
import: missing.yaml
custom: [no_such_module, 3, nor_this]
inputs: {x: 4}
layres:
  - Dense: {units: $width, unts: 3}
  - Dense: {units: 3, units: 4}
  - of_the_import: {n: 3}
  - {Dense: $wdith, name: b}
  - Dense: [3]
  - repeat: {1i: 2}
    layers: [{Dense: {units: $i, bais: false}}]
  - model: other.yaml
    from: x
  - {Reshape: [3], from: x}
outputs: [b, d]
compile: {optimizer: {adam: {learning: 1}}, loss: !x mse}
fit: {epochs: 0}
"""

OTHER = """\
kspec: 1
inputs: {x: 4}
layers:
  - Dense: {unitz: 3}
  - {Reshape: [3], from: x}
"""


def test_no_mistake_hides_another(in_tmp: Path) -> None:
    """Values that cannot be read, misspelt sections, files that are not there, wrong shapes: all in one run."""
    Path("other.yaml").write_text(OTHER, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        kspec.loads(EVERYTHING, name="spec.yaml", partly=True).plan()
    found = sorted((str(problem.span), problem.code, problem.message) for problem in caught.value.problems)
    assert found == sorted(ALL)


ALL = [
    ("other.yaml:4:13", "unknown-argument", "Dense has no argument `unitz`"),
    ("other.yaml:5:6", "shape", "Reshape cannot turn (None, 4) into (3,): the sizes differ"),
    ("spec.yaml:11:13", "unknown-variable", "there is no variable `wdith`"),
    ("spec.yaml:12:12", "wrong-type", "Dense's `units` is a whole number, not a list"),
    ("spec.yaml:13:14", "wrong-value", "`1i` cannot be a variable's name"),
    ("spec.yaml:17:6", "shape", "Reshape cannot turn (None, 4) into (3,): the sizes differ"),
    ("spec.yaml:19:30", "unknown-argument", "Adam has no argument `learning`"),
    ("spec.yaml:19:51", "yaml-tag", "a tag (`!x`) is not allowed"),
    ("spec.yaml:20:15", "wrong-value", "`epochs` is at least 1, not 0"),
    ("spec.yaml:2:7", "bad-number", "`.nan` is not a finite number"),
    ("spec.yaml:3:1", "unknown-key", "a spec has no key `vras`"),
    ("spec.yaml:4:9", "file-missing", "there is no file `missing.yaml`"),
    ("spec.yaml:5:10", "custom-code", "there is no Python module `no_such_module`"),
    ("spec.yaml:5:26", "wrong-type", "`custom[1]` is a text, not 3"),
    ("spec.yaml:5:29", "custom-code", "there is no Python module `nor_this`"),
    ("spec.yaml:7:1", "unknown-key", "a spec has no key `layres`"),
    ("spec.yaml:8:28", "unknown-argument", "Dense has no argument `unts`"),
    ("spec.yaml:9:23", "duplicate-key", "`units` appears twice in one mapping"),
]


UNREADABLE = """\
kspec: 1
inputs: {x: 4, y: !pair {shape: [3], dtpe: int8}}
layers:
  - Dense: {units: 3: 4}
  - Dense: !args {unitz: 3}
  - {Reshape: [3], from: x}
  - !step
    Reshape: [5]
    from: x
  - [a]: 3
    Dense: {unts: 3}
    from: x
  - Dense: {units: "3}
  - Dens: 3
fit: {epochs: 3, epochs: 0, batch: 3}
layers:
  - {Reshape: [7], from: x}
  - Densee: 3
compile:
  optimizer: adam: 3
  loss: msee
  metrics: [accuracy
"""


def test_what_cannot_be_read_hides_nothing_inside_it_or_after_it() -> None:
    with pytest.raises(SpecError) as caught:
        kspec.loads(UNREADABLE, name="spec.yaml", partly=True).plan()
    found = [
        (problem.span.line, problem.span.column, problem.code) for problem in caught.value.problems if problem.span
    ]
    assert sorted(found) == [
        (2, 19, "yaml-tag"),
        (2, 38, "unknown-key"),
        (4, 21, "yaml-syntax"),
        (5, 12, "yaml-tag"),
        (5, 19, "unknown-argument"),
        (6, 6, "shape"),
        (7, 5, "yaml-tag"),
        (8, 5, "shape"),
        (10, 5, "wrong-type"),
        (11, 13, "unknown-argument"),
        (13, 20, "yaml-syntax"),
        (14, 5, "unknown-operation"),
        (15, 18, "duplicate-key"),
        (15, 29, "unknown-key"),
        (16, 1, "duplicate-key"),
        (17, 6, "shape"),
        (18, 5, "unknown-operation"),
        (20, 3, "yaml-syntax"),
        (21, 9, "unknown-object"),
        (22, 12, "yaml-syntax"),
    ]


@pytest.mark.parametrize("text", ["- a: [", "a: {\nkspec: 1\n", "? [\n", "kspec: 1\n'\n"])
def test_errors_that_cannot_be_read_around_are_one(text: str) -> None:
    with pytest.raises(SpecError) as caught:
        kspec.loads(text, name="spec.yaml", partly=True)
    assert [problem.code for problem in caught.value.problems] == ["yaml-syntax"]


def test_models_that_no_tensor_reaches_are_looked_at(in_tmp: Path) -> None:
    Path("other.yaml").write_text(OTHER, encoding="utf-8")
    text = (
        "kspec: 1\ninputs: {x: 4}\nblocks: {tower: {nested: true, layers: [{Dense: 0}, {Dense: 3}]}}\n"
        "layers: [Dnse, tower, {model: other.yaml}]\n"
    )
    with pytest.raises(SpecError) as caught:
        kspec.loads(text, name="spec.yaml", partly=True).plan()
    assert [(str(problem.span), problem.code) for problem in caught.value.problems] == [
        ("spec.yaml:4:10", "unknown-operation"),
        ("other.yaml:4:13", "unknown-argument"),
        ("spec.yaml:3:49", "wrong-value"),
        ("other.yaml:5:6", "shape"),
    ]


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
