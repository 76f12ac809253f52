"""The schema in the real yaml-language-server: what it completes, shows and marks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from kspec.editor.schema import FILE
from tests.conftest import ROOT, SPECS, run_kspec
from tests.editor.server import Session, install

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (shutil.which("node") and shutil.which("npm")), reason="the server needs node and npm"),
]
HEAD = "kspec: 1\ninputs: {x: 4}\nlayers:\n"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("server"))


@pytest.fixture(scope="module")
def session(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    found = Session(program, {FILE.as_uri(): "*.yaml"}, tmp_path_factory.mktemp("documents"))
    yield found
    found.close()


def said(session: Session, name: str, text: str) -> list[str]:
    return [each["message"] for each in session.open(name, text)]


def test_valid_specs_are_not_marked(session: Session) -> None:
    paths = [*SPECS.rglob("*.yaml"), *(ROOT / "tests" / "specs" / "valid").rglob("*.yaml")]
    # a document's name is its own here, for the server tells of a name what it last heard
    said_of = {path: said(session, f"{index}.yaml", path.read_text("utf-8")) for index, path in enumerate(paths)}
    assert {path.name: found for path, found in said_of.items() if found} == {}


@pytest.mark.parametrize(
    ("step", "word", "message"),
    [
        ("Dense: {unts: 3}", "unts", "Property unts is not allowed."),
        ("Dense: {units: three}", "three", "`units` is a whole number"),
        ("Dense: {units: 3, activation: reluu}", "reluu", "Keras has no activation of that name"),
        ("Dense: {units: 3, kernel_initializer: {HeNormal: {sed: 3}}}", "sed", "Property sed is not allowed."),
        ("Bidirectional: {LSTM: {unts: 3}}", "unts", "Property unts is not allowed."),
        ("residual: [Dense: {unts: 3}]", "unts", "Property unts is not allowed."),
        ("Desne: 3", "Desne", "there is no layer, function or block of that name"),
        ("Dense: 3\n    units: 4", "units", "arguments go inside it"),
        ("Conv2D: {filters: 3, kernel_size: 3, padding: vald}", "vald", 'Valid values: "valid", "same".'),
        ("Lambda: 3", "Lambda", "holds Python code"),
    ],
)
def test_one_message_at_the_word(session: Session, step: str, word: str, message: str) -> None:
    text = f"{HEAD}  - {step}\n"
    (found,) = session.open(f"mistake_{abs(hash(step))}.yaml", text)
    assert message in found["message"]
    start = found["range"]["start"]
    assert text.split("\n")[start["line"]][start["character"] :].startswith(word)


def test_exponents_are_numbers(session: Session) -> None:
    optimizer = "{AdamW: {learning_rate: {CosineDecay: {initial_learning_rate: 1e-3, decay_steps: 2000}}}}"
    assert said(session, "one.yaml", f"{HEAD}  - Dense: 3\ncompile: {{optimizer: {optimizer}}}\n") == []
    assert (
        said(session, "two.yaml", f"{HEAD}  - Dense: 3\ncompile: {{optimizer: {{Adam: {{learning_rate: 1e-3}}}}}}\n")
        == []
    )


def test_completion_of_steps(session: Session) -> None:
    found = session.complete("step.yaml", f"{HEAD}  - De|")
    assert {"Dense", "Flatten", "ops.matmul", "residual", "name", "from"} <= set(found)
    assert "Lambda" not in found
    assert found["Dense"]["insertText"] == "Dense:\n    units: "
    assert "densely-connected" in found["Dense"]["documentation"]
    inside = session.complete("inner.yaml", f"{HEAD}  - residual:\n    - De|")
    assert {"Dense", "Flatten"} <= set(inside)
    beside = session.complete("beside.yaml", f"{HEAD}  - Dense: 3\n    |")
    assert set(beside) == {"name", "from", "call", "when", "trainable", "dtype", "weights", "lora", "quantize"}


def test_completion_of_arguments(session: Session) -> None:
    for index, text in enumerate(("  - Dense: {u|}", "  - Dense:\n      |")):
        found = session.complete(f"argument_{index}.yaml", HEAD + text)
        assert {"units", "activation", "kernel_initializer"} <= set(found)
        assert "Dense" not in found
    assert "Positive integer" in found["units"]["documentation"]
    assert {"relu", "gelu"} <= set(session.complete("value.yaml", f"{HEAD}  - Dense: {{units: 3, activation: |}}"))
    choices = session.complete("choice.yaml", f"{HEAD}  - Conv2D: {{filters: 3, kernel_size: 3, padding: |}}")
    assert set(choices) == {"valid", "same"}


def test_completion_of_sections(session: Session) -> None:
    assert {"inputs", "layers", "compile", "fit"} <= set(session.complete("top.yaml", "kspec: 1\n|"))
    assert {"adam", "AdamW"} <= set(session.complete("name.yaml", "kspec: 1\ncompile:\n  optimizer: |"))
    found = session.complete("inside.yaml", "kspec: 1\ncompile:\n  optimizer:\n    AdamW:\n      |")
    assert {"learning_rate", "weight_decay"} <= set(found)
    assert "mse" in session.complete("loss.yaml", "kspec: 1\ncompile:\n  loss: |")
    assert "EarlyStopping" in session.complete("callback.yaml", "kspec: 1\nfit:\n  callbacks:\n  - E|")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("  - De|nse: {units: 3}", "Just your regular densely-connected NN layer."),
        ("  - Dense: {un|its: 3}", "dimensionality of the output space"),
        ("  - Fl|atten", "Flattens the input."),
        ("  - Dense: 3\n    fr|om: x", "Where the input comes from"),
        ("  - Dense: 3\ncom|pile: {optimizer: adam}", "arguments"),
        ("  - Dense: 3\ncompile: {optimizer: {Ada|mW: {weight_decay: 0.1}}}", "AdamW algorithm"),
    ],
)
def test_hover(session: Session, text: str, words: str) -> None:
    assert words in session.hover(f"hover_{abs(hash(text))}.yaml", f"{HEAD}{text}\n").replace("\\", "")


@pytest.mark.parametrize(
    ("schemas", "name", "first"),
    [
        ({}, "one.yaml", "# yaml-language-server: $schema=.kspec.schema.json\n"),
        ({}, "specs/one.yaml", "# yaml-language-server: $schema=../.kspec.schema.json\n"),
        ({"./.kspec.schema.json": "specs/**/*.yaml"}, "specs/one.yaml", ""),
    ],
)
def test_as_the_readme_sets_it_up(program: Path, in_tmp: Path, schemas: dict[str, str], name: str, first: str) -> None:
    assert run_kspec("schema", "-o", ".kspec.schema.json").status == 0
    session = Session(program, schemas, in_tmp)
    try:
        assert said(session, name, f"{first}{HEAD}  - Dense: {{unts: 3}}\n") == ["Property unts is not allowed."]
    finally:
        session.close()
