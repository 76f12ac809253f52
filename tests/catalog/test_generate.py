"""The catalogue's generator: the shipped files are what it makes, and its parts do what they say."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kspec import catalog
from kspec.catalog.entry import Argument, Entry, Parameter
from kspec.catalog.generate import __main__ as command
from kspec.catalog.generate import docstrings, files, generate, signatures, tensors
from kspec.catalog.generate.__main__ import differences
from kspec.catalog.generate.known_choices import CHOICES
from kspec.catalog.generate.known_types import TYPES
from kspec.catalog.generate.plain import plain
from kspec.catalog.generate.reasons import REASONS
from kspec.catalog.generate.values import OBJECTS


@pytest.fixture(scope="module")
def made(keras: ModuleType) -> dict[str, str]:
    shipped = catalog.Store(catalog.DATA).keras_version()
    if keras.__version__ != shipped:
        pytest.skip(f"the data is of Keras {shipped}, and {keras.__version__} is installed")
    return generate()


def test_shipped_files_are_fresh(made: dict[str, str]) -> None:
    found = [line for name, text in made.items() for line in differences(catalog.DATA / name, text)]
    assert not found, "run `python -m kspec.catalog.generate`:\n" + "\n".join(found)
    assert {path.name for path in catalog.DATA.iterdir()} == set(made)


def test_files_read_back_as_they_were_written(made: dict[str, str], tmp_path: Path) -> None:
    for name, text in made.items():
        (tmp_path / name).write_text(text, "utf-8")
    store = catalog.Store(tmp_path)
    again = {kind: dict(store.entries(kind)) for kind in sorted(catalog.KINDS)}
    assert files.texts(again, store.keras_version()) == made


def test_every_known_fact_is_of_a_parameter_that_exists() -> None:
    """A key of the hand-written tables that matches nothing is a slip or a name that Keras gave up."""
    owners: dict[str, set[str]] = {}
    for kind in catalog.KINDS:
        for name, entry in catalog.entries(kind).items():
            for each in entry.parameters:
                for key in (f"{name.rsplit('.', 1)[-1]}.{each.name}", f"{kind}:{each.name}", each.name):
                    owners.setdefault(key, set()).add(name)
    assert sorted(key for table in (TYPES, CHOICES, OBJECTS) for key in table if key not in owners) == []


def test_every_reason_is_of_a_name_that_exists() -> None:
    assert [(kind, name) for kind, names in REASONS.items() for name in names if name not in catalog.names(kind)] == []


def test_check_says_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "layers.json"
    path.write_text('{\n "Dense": {"path": "keras.layers.Dense"}\n}\n', "utf-8")
    found = list(differences(path, '{\n "Dense": {"path": "keras.layers.Thick"}\n}\n'))
    assert found[3:] == ['- "Dense": {"path": "keras.layers.Dense"}', '+ "Dense": {"path": "keras.layers.Thick"}']
    assert list(differences(path, path.read_text("utf-8"))) == []


def test_command_checks_and_writes(
    made: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "generate", lambda: made)

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["generate", "--output", str(tmp_path / "data"), *arguments])
        return command.main()

    assert run("--check") == 1
    assert "+++ the installed Keras" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()
    assert run() == 0
    assert {path.name: path.read_text("utf-8") for path in (tmp_path / "data").iterdir()} == made
    assert run("--check") == 0
    assert capsys.readouterr().err == ""


class _Base:
    def __init__(self, rank: int, size: int, name: str | None = None, **kwargs: Any) -> None:
        """Args:
        rank: Number of axes.
        name: Its name.
        """
        self.left = kwargs


class _Middle(_Base):
    def __init__(self, width: int, **kwargs: Any) -> None:
        self.mode = kwargs.pop("mode", "plain")
        super().__init__(2, size=width, **kwargs)


class _Own(_Middle):
    def __init__(self, colour: str = "red", **kwargs: Any) -> None:
        super().__init__(**kwargs)


class _Narrow(_Base):
    def __init__(self, depth: int = 1) -> None:
        super().__init__(2, 3)


def test_signatures_follow_keyword_arguments_to_the_bases() -> None:
    parameters, opened = signatures.constructor(_Own)
    assert [(each.name, each.required, each.default) for each in parameters] == [
        ("colour", False, "red"),
        ("width", True, None),
        ("mode", False, "plain"),
        ("name", False, None),
    ]
    assert opened
    assert [each.name for each in signatures.constructor(_Narrow)[0]] == ["depth"]
    assert signatures.constructor(_Narrow)[1] is False


def _function(first: int, *rest: int, key: str = "a") -> None:
    """Does a thing, e.g. this one. And another.

    Longer story.

    Args:
        first: Integer. The first of all things that
            there are. More.

            A second paragraph.
        *rest: {{template}}The others.
        key (str, optional): One of:
            - `"a"`: this
            - `"b"`: that

    Returns:
        nothing: at all.
    """


def test_docstrings() -> None:
    assert docstrings.summary(_function) == "Does a thing, e.g. this one."
    assert docstrings.sentence(docstrings.argument(_function, "first")) == (
        "Integer. The first of all things that there are."
    )
    assert docstrings.sentence(docstrings.argument(_function, "rest")) == "The others."
    assert docstrings.sentence(docstrings.argument(_function, "key")) == 'One of: - `"a"`: this - `"b"`: that'
    assert docstrings.argument(_function, "nothing") == ""
    assert docstrings.argument(_Base, "rank") == ""
    long = docstrings.sentence("word " * 100)
    assert len(long) <= 202
    assert long.endswith("word …")


def test_plain_values() -> None:
    assert plain(((1, 2), None, "a", 0.5)) == [[1, 2], None, "a", 0.5]
    assert plain({1: (2,)}) == {"1": [2]}
    assert plain(float("inf")) == "inf"
    assert plain(int) == "<class 'int'>"


def test_tensors_of_functions(keras: ModuleType) -> None:
    clip = tensors.of_function(keras.ops.clip)
    assert clip.tensors == (Argument("x", True, "one", None),)
    assert [each.name for each in clip.others] == ["x_min", "x_max"]
    assert clip.operation == "Clip"
    assert tensors.of_function(keras.ops.abs).operation == "Absolute"
    assert tensors.of_function(keras.ops.zeros).tensors == ()


def test_an_entry_is_one_line_without_what_says_nothing() -> None:
    parameter = Parameter("rate", False, 0, "float", None, None, "")
    entry = Entry("layers", "Thing", (), (parameter,), (), None, False, "", "A thing.", "keras.layers.Thing", "")
    text = files.texts({"layers": {"Thing": entry}}, "3")["layers.json"]
    assert text == (
        '{\n "Thing": {"parameters": [{"name": "rate", "default": 0, "type": "float"}], '
        '"doc": "A thing.", "path": "keras.layers.Thing"}\n}\n'
    )
