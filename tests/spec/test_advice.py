"""What is said about a wrong name: the text to write in its place."""

from __future__ import annotations

import pytest

from kspec import catalog
from kspec.spec import advice, foreign
from kspec.spec.expand import FORMS
from kspec.spec.objects import describe


@pytest.mark.parametrize(
    ("name", "help"),
    [
        ("Dens", "did you mean `Dense`?"),
        ("dense", "did you mean `Dense`?"),
        ("Linear", "did you mean `Dense`?"),
        ("nn.Linear", "did you mean `Dense`?"),
        ("tf.keras.layers.Dropout", "did you mean `Dropout`?"),
        ("BatchNorm2d", "did you mean `BatchNormalization`?"),
        ("ops.rleu", "did you mean `ops.relu`?"),
        ("tf.nn.relu", "did you mean `ops.relu`?"),
        ("Sigmoid", "write `Activation: sigmoid`"),
        ("Dense(64, activation='relu')", "write `Dense: {units: 64, activation: relu}`"),
        ("my_package.Layer", "if it is a class of your own, write `custom: [my_package]`"),
        ("Qwertyuiop", ""),
    ],
)
def test_operations(name: str, help: str) -> None:
    assert advice.for_operation(name, ()) == help


@pytest.mark.parametrize(
    ("kind", "name", "help"),
    [
        ("optimizers", "Adm", "did you mean `Adam`?"),
        ("losses", "CrossEntropyLoss", "write `{SparseCategoricalCrossentropy: {from_logits: true}}`"),
        ("losses", "MES", "did you mean `mse`?"),
        ("metrics", "accuracy, mae", "write a list: `[accuracy, mae]`"),
        ("regularizers", "l2(0.01)", "write `{L2: 0.01}`"),
        ("initializers", "xavier", "did you mean `glorot_uniform`?"),
        ("initializers", "None", "write `null`, or leave it out"),
    ],
)
def test_objects(kind: str, name: str, help: str) -> None:
    assert advice.for_object(kind, name) == help


@pytest.mark.parametrize(
    ("layer", "argument", "meant"),
    [
        ("Dense", "unit", "units"),
        ("Dense", "out_features", "units"),
        ("Conv2D", "nb_filter", "filters"),
        ("Conv2D", "subsample", "strides"),
        ("Conv2D", "border_mode", "padding"),
        ("Dropout", "p", "rate"),
        ("Dense", "qwertyuiop", ""),
    ],
)
def test_arguments(layer: str, argument: str, meant: str) -> None:
    entry = catalog.find("layers", layer)
    assert entry is not None
    found = advice.for_argument(entry, describe(entry).parameters, argument)
    assert found.parameter == meant


def test_every_name_of_the_tables_leads_to_one_of_keras() -> None:
    for kind, table in foreign._NAMES.items():
        for meant in table:
            name = meant.partition(":")[0].strip("{ ")
            if kind == "layers" and name in FORMS:
                continue
            assert catalog.find(kind, name) is not None or catalog.find("ops", name) is not None, (kind, meant)


def test_a_stranger_s_long_names_are_compared_with_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advice, "suggestion", lambda *words: pytest.fail("compared"))
    assert advice.for_operation("D" * 100_000, ()) == ""
    assert advice.for_object("losses", "m" * 100_000) == ""
