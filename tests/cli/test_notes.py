"""What is told beside an output."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest

from kspec.model.quiet import without_keras_warnings
from tests.conftest import run_kspec


def test_names_of_strangers_in_notes_are_escaped(in_tmp: Path) -> None:
    hostile = "a \x1b[2J\r\u202e"
    given = keras.Input((2,), name=hostile)
    with without_keras_warnings():
        keras.Model(given, keras.layers.Dense(1)(given)).save("model.keras")
    outcome = run_kspec("import", "model.keras", "-o", "model.yaml")
    assert outcome.status == 0
    assert outcome.err.startswith("note: the input `a \\x1b[2J\\r\\u202e` is called `")
    assert outcome.err.replace("\n", "").isprintable()


@pytest.mark.parametrize("quiet", [True, False])
def test_quiet(quiet: bool, capsys: pytest.CaptureFixture[str]) -> None:
    from kspec.cli.notes import noting

    noting(quiet)("so it is")
    assert capsys.readouterr().err == ("" if quiet else "note: so it is\n")
