"""The JSON Schema: fresh, whole, true of every valid spec, and one message for a mistake."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from kspec import catalog
from kspec.catalog.generate.__main__ import differences
from kspec.catalog.samples import sample
from kspec.editor import schema
from kspec.editor.schema.documentation import FORMS, WORDS
from kspec.editor.schema.make import text
from kspec.spec import source, stepform
from tests.cli.test_commands import without
from tests.conftest import ROOT, SPECS, run_kspec

INVALID = ROOT / "tests" / "specs" / "invalid"
HEAD = "kspec: 1\ninputs: {x: 4}\n"


@functools.cache
def validator() -> Draft7Validator:
    return Draft7Validator(json.loads(schema.text()))


def read(text: str) -> Any:
    """A spec's data as JSON has it: YAML 1.2's scalars, keys that are texts."""
    return json.loads(json.dumps(source.read(text, "spec.yaml").data))


def mistakes(data: Any) -> list[tuple[list[Any], str]]:
    """Route and message of every mistake, by the message that an editor shows."""
    found = []
    for error in validator().iter_errors(data):
        ours = error.schema.get("errorMessage", "")
        if error.validator == "pattern":
            ours = error.schema.get("patternErrorMessage", ours)
        found.append((list(error.absolute_path), ours or error.message))
    return found


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "$ref":
                yield item.removeprefix("#/definitions/")
            else:
                yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_shipped_file_is_fresh() -> None:
    found = list(differences(schema.FILE, text()))
    assert not found, "run `python -m kspec.editor.schema`:\n" + "\n".join(found)


def test_it_is_a_schema() -> None:
    whole = json.loads(schema.text())
    Draft7Validator.check_schema(whole)
    used = set(references(whole))
    assert used <= set(whole["definitions"])
    assert {name for name in whole["definitions"] if name not in used} <= {"activations.threshold"}
    assert len(schema.text()) < 900_000


def test_every_name_of_the_catalogue_is_in_it() -> None:
    definitions = json.loads(schema.text())["definitions"]
    offered = definitions["step"]["allOf"][0]["then"]["properties"]
    for kind in ("layers", "ops"):
        for entry in catalog.entries(kind).values():
            made = definitions[entry.name]
            assert entry.doc in made.get("description", "")
            assert entry.name in definitions["step"]["dependencies"]
            assert (entry.name in offered) == (not entry.jax), entry.name
            assert set(parameters(made)) == ({each.name for each in entry.parameters} if not entry.jax else set())
    for name in ("losses.Huber", "metrics.AUC", "optimizers.AdamW", "initializers.HeNormal", "callbacks.EarlyStopping"):
        assert parameters(definitions[name]), name


def parameters(definition: Any) -> Any:
    """The properties inside a name's definition."""
    inside = definition.get("else") or (definition.get("allOf") or [{}])[-1]
    return inside.get("properties", {})


def test_every_word_is_documented() -> None:
    assert set(FORMS) == set(stepform.BESIDE)
    assert set(WORDS) == stepform.WORDS.union(*stepform.BESIDE.values())


def test_parameters_say_type_choices_default_and_doc() -> None:
    definitions = json.loads(schema.text())["definitions"]
    given = parameters(definitions["Conv2D"])
    resolved = {
        name: definitions[each["$ref"].removeprefix("#/definitions/")] if "$ref" in each else each
        for name, each in given.items()
    }
    assert resolved["padding"]["anyOf"][0]["enum"] == ["valid", "same"]
    assert resolved["padding"]["default"] == "valid"
    assert resolved["filters"]["type"] == ["integer", "string"]
    assert resolved["use_bias"]["default"] is True
    assert resolved["kernel_initializer"]["allOf"] == [{"$ref": "#/definitions/initializers"}]
    assert "bias" in resolved["use_bias"]["description"]


VALID = [
    *sorted(SPECS.rglob("*.yaml")),
    *sorted((ROOT / "tests" / "specs" / "valid").rglob("*.yaml")),
    *sorted((ROOT / "tests" / "training" / "starters").glob("*.yaml")),
]


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_valid_specs_are_valid(path: Path) -> None:
    assert mistakes(read(path.read_text("utf-8"))) == []


def test_every_layer_and_function_as_a_step() -> None:
    for kind in ("layers", "ops"):
        for entry in catalog.entries(kind).values():
            if not entry.jax:
                assert mistakes(json.loads(json.dumps(sample(entry)))) == [], entry.name


@pytest.mark.parametrize(
    ("layers", "place", "words"),
    [
        ("Dense: {unts: 3}", ["Dense"], "unts"),
        ("Dense: {units: 3, unts: 4}", ["Dense"], "unts"),
        ("Dense: {units: three}", ["Dense", "units"], "`units` is a whole number"),
        ("Dense: {units: 3, use_bias: yes}", ["Dense", "use_bias"], "`use_bias` is true or false"),
        ("Dense: {units: 3, activation: reluu}", ["Dense", "activation"], "Keras has no activation of that name"),
        ("Dense: {units: 3, kernel_initializer: {HeNormal: {sed: 3}}}", None, "sed"),
        ("Conv2D: {filters: 3, kernel_size: [3, x]}", ["Conv2D", "kernel_size", 1], "the list is of whole numbers"),
        ("Bidirectional: {LSTM: {unts: 3}}", ["Bidirectional", "LSTM"], "unts"),
        ("Dense: {activation: relu}", ["Dense"], "units"),
        ("Dense:", ["Dense"], "write `Dense: {units: …}`"),
        ("Dense", [], "this needs a value"),
        ("Desne: 3", [], "there is no layer, function or block of that name"),
        ("Dense: 3\n    units: 4", [], "beside `Dense` stand name, from"),
        ("ops.max: {axs: 1}", ["ops.max"], "axs"),
        ("ops.abs:\n    axis: 1", [], "beside a function of keras.ops stand name, from"),
        ("name: x", [], "this step has no operation"),
        ("repeat: 3", [], "`repeat` needs `layers` beside it"),
        ("residual: [Dense: {unts: 3}]", ["residual", 0, "Dense"], "unts"),
    ],
)
def test_one_message_for_a_mistake_in_a_step(layers: str, place: list[Any] | None, words: str) -> None:
    ((route, message),) = mistakes(read(f"{HEAD}layers:\n  - {layers}\n"))
    assert place is None or route == ["layers", 0, *place]
    assert words in message


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("compile: {optimizer: {Admm: 1e-3}}", "Keras has no optimizer of that name"),
        ("compile: {optimizer: {adam: {learning_rat: 1e-3}}}", "learning_rat"),
        ("compile: {optimizer: {Adam: {learning_rate: fast}}}", "Keras has no learning-rate schedule of that name"),
        ("compile: {loss: {digit: msse}}", "Keras has no loss of that name"),
        ("fit: {epochs: many}", "`epochs` is a whole number"),
        ("fit: {epoch: 3}", "epoch"),
        ("fit: {callbacks: [{EarlyStopping: {patence: 3}}]}", "patence"),
        ("outputz: x", "outputz"),
    ],
)
def test_one_message_for_a_mistake_in_a_section(section: str, words: str) -> None:
    ((_, message),) = mistakes(read(f"{HEAD}layers: [Flatten]\n{section}\n"))
    assert words in message


def test_one_message_for_mistakes_that_are_found_in_files() -> None:
    """Of the mistakes that `kspec check` knows, those of names and types are one message each here too."""
    for name in ("unknown_argument", "unknown_argument_object", "missing_argument", "compile_optimizer_unknown"):
        found = mistakes(read((INVALID / f"{name}.yaml").read_text("utf-8")))
        assert len(found) == (INVALID / f"{name}.txt").read_text("utf-8").count(": error["), (name, found)


@pytest.mark.parametrize(
    "more", ["custom: my.layers", "extends: base.yaml", "import: blocks.yaml", "blocks: {b: {layers: []}}"]
)
def test_names_of_ones_own_are_let_in(more: str) -> None:
    assert mistakes(read(f"{HEAD}{more}\nlayers: [transformer, {{transformer: {{dim: 3}}}}]\n")) == []
    own = f"{HEAD}{more}\nlayers: [{{Dense: {{units: 3, activation: my_own}}}}]\n"
    assert bool(mistakes(read(own))) == more.startswith(("import", "blocks"))


def test_numbers_of_yaml_1_1_and_variables_are_let_in() -> None:
    step = {"Dense": {"units": "$width", "lora_alpha": "1e-3", "use_bias": "$(width > 3)"}}
    optimizer = {"Adam": {"learning_rate": "1e-3"}}
    spec = {"kspec": 1, "layers": [step, {"Conv2D": {"filters": 3, "kernel_size": ["$k", 3]}}]}
    assert mistakes({**spec, "compile": {"optimizer": optimizer}}) == []


def test_command(in_tmp: Path) -> None:
    assert run_kspec("schema").out == schema.text()
    assert run_kspec("schema", "-o", ".kspec.schema.json").text == "exit 0\n"
    assert Path(".kspec.schema.json").read_text("utf-8") == schema.text()
    assert run_kspec("schema", "-o", "-").status == 2
    outcome = run_kspec("schema", "-o", "nowhere/x.json")
    assert outcome.status == 3
    assert "cannot write `x.json`" in outcome.err
    assert without({"keras", "jax", "numpy", "pydantic"}, ["schema"]).returncode == 0
