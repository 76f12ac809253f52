"""Results are taken from the cache as long as nothing that they came from has changed, and never after."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from kspec.checking import Outcome, Request, check_all
from kspec.checking import workers as workers_module
from kspec.checking.one import check
from kspec.checking.packing import packed, unpacked
from tests.conftest import SPECS, run_kspec
from tests.model.test_every_problem import EVERYTHING, OTHER

SPEC = "kspec: 1\nextends: base.yaml\nimport: blocks.yaml\nlayers: [tower, {model: other.yaml}]\n"
FILES = {
    "spec.yaml": SPEC,
    "base.yaml": "kspec: 1\ninputs: {x: 4}\n",
    "blocks.yaml": "kspec: 1\nblocks: {tower: {layers: [{Dense: 3}]}}\n",
    "other.yaml": "kspec: 1\ninputs: {y: 3}\nlayers: [{Dense: 2}]\n",
    "pyproject.toml": "",
}


class Counted:
    """How often specs were really checked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0

        def counting(request: Request) -> Outcome:
            self.count += 1
            return check(request)

        monkeypatch.setattr(workers_module, "check", counting)

    def __call__(self, *paths: str, fast: bool = True, **options: object) -> tuple[list[Outcome], int]:
        """The outcomes, and how many of them were found anew."""
        before = self.count
        found = list(check_all([Request(path, fast=fast) for path in paths], **options))  # type: ignore[arg-type]
        return [each._replace(trace="") for each in found], self.count - before


@pytest.fixture
def checks(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Counted:
    """A project with files that use each other, and a cache of its own."""
    monkeypatch.setenv("KSPEC_CACHE", str(in_tmp / "cache"))
    for name, text in FILES.items():
        Path(name).write_text(text, encoding="utf-8")
    return Counted(monkeypatch)


def test_an_unchanged_spec_is_checked_once(checks: Counted) -> None:
    (first,), anew = checks("spec.yaml", fast=False)
    assert (first.status, first.params, anew) == (0, 4 * 3 + 3 + 3 * 2 + 2, 1)
    assert checks("spec.yaml", fast=False) == ([first], 0)
    os.utime("spec.yaml", (0, 0))  # its time is not its content
    assert checks("spec.yaml", fast=False) == ([first], 0)
    assert checks("spec.yaml", fast=True)[1] == 1


@pytest.mark.parametrize("name", FILES)
def test_every_file_that_a_spec_is_made_of_counts(checks: Counted, name: str) -> None:
    (before,), _ = checks("spec.yaml")
    assert before.status == 0, before
    Path(name).write_text(f"# a comment\n{FILES[name]}", encoding="utf-8")
    assert checks("spec.yaml") == ([before], 1)
    assert checks("spec.yaml") == ([before], 0)


@pytest.mark.parametrize("name", ["base.yaml", "blocks.yaml", "other.yaml"])
def test_a_file_that_comes_or_goes_counts(checks: Counted, name: str) -> None:
    Path(name).rename("elsewhere")
    (missing,), _ = checks("spec.yaml")
    assert [problem.code for problem in missing.problems] == ["file-missing"]
    assert checks("spec.yaml") == ([missing], 0)
    Path("elsewhere").rename(name)
    (found,), anew = checks("spec.yaml")
    assert (found.status, anew) == (0, 1)


def test_a_project_around_it_that_comes_counts(checks: Counted) -> None:
    Path("inside").mkdir()
    Path("inside/one.yaml").write_text("kspec: 1\nimport: ../blocks.yaml\ninputs: {x: 4}\nlayers: [tower]\n", "utf-8")
    assert checks("inside/one.yaml")[0][0].status == 0
    Path("inside/pyproject.toml").touch()  # now the import leads out of the project
    (outside,), anew = checks("inside/one.yaml")
    assert ([problem.code for problem in outside.problems], anew) == (["file-outside-root"], 1)


def test_settings_of_keras_and_of_the_command_count(checks: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    checks("spec.yaml")
    monkeypatch.setenv("KERAS_HOME", str(Path("home").absolute()))
    assert checks("spec.yaml")[1] == 1
    Path("home").mkdir()
    Path("home/keras.json").write_text('{"image_data_format": "channels_first"}', "utf-8")
    assert checks("spec.yaml")[1] == 1
    assert checks("spec.yaml")[1] == 0
    set_to = [Request("spec.yaml", sets=("inputs.x=5",), fast=True)]
    assert [outcome.status for outcome in check_all(set_to)] == [0]
    assert checks("./spec.yaml")[1] == 1  # problems name the file as it was named


def test_code_is_never_cached(checks: Counted) -> None:
    Path("mine.py").write_text("import keras\nclass Mine(keras.layers.Layer): pass\n", encoding="utf-8")
    Path("code.yaml").write_text("kspec: 1\ncustom: mine\ninputs: {x: 4}\nlayers: [Mine]\n", encoding="utf-8")
    assert checks("code.yaml")[1] == 1
    assert checks("code.yaml")[1] == 1


def test_what_cannot_be_read_is_not_cached(checks: Counted) -> None:
    assert checks("nothing.yaml")[0][0].status == 2
    assert checks("nothing.yaml")[1] == 1


@pytest.mark.parametrize("damage", [b"", b"no database at all" * 100, b"SQLite format 3\0" + bytes(200)])
def test_a_broken_cache_is_made_anew_and_said(checks: Counted, damage: bytes) -> None:
    (found,), _ = checks("spec.yaml")
    (file,) = Path("cache").glob("*.sqlite3")
    file.write_bytes(damage)
    told: list[str] = []
    assert checks("spec.yaml", say=told.append) == ([found], 1)
    assert [text for text in told if "made anew" not in text] == []
    assert len(told) == bool(damage)  # an empty file is an empty database
    assert checks("spec.yaml", say=told.append) == ([found], 0)


def test_nonsense_in_the_cache_is_made_anew(checks: Counted) -> None:
    (found,), _ = checks("spec.yaml")
    (file,) = Path("cache").glob("*.sqlite3")
    for column, value in {"outcome": "[1, 2]", "files": "7"}.items():
        database = sqlite3.connect(file)
        with database:
            database.execute(f"UPDATE outcomes SET {column} = ?", (value,))
        database.close()
        assert checks("spec.yaml") == ([found], 1)
        assert checks("spec.yaml") == ([found], 0)


def test_a_cache_that_cannot_be_written_is_done_without(checks: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a_file").touch()
    monkeypatch.setenv("KSPEC_CACHE", str(Path("a_file").absolute()))
    told: list[str] = []
    (found,), anew = checks("spec.yaml", say=told.append)
    assert (found.status, anew, len(told)) == (0, 1, 1)
    assert told[0].startswith("results are not cached: ")
    assert run_kspec("check", "--fast", "-v", "spec.yaml").err.startswith("kspec: results are not cached: ")
    assert run_kspec("check", "--fast", "spec.yaml").err == ""


def test_an_outcome_survives_being_kept(checks: Counted) -> None:
    Path("other.yaml").write_text(OTHER, encoding="utf-8")
    Path("all.yaml").write_text(EVERYTHING, encoding="utf-8")
    found = check(Request("all.yaml"))
    assert len(found.problems) > 10
    assert unpacked(packed(found)) == found._replace(trace="")


def test_the_command_prints_the_same_from_the_cache(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KSPEC_CACHE", str(in_tmp / "cache"))
    Path("all.yaml").write_text(EVERYTHING, encoding="utf-8")
    Path("good.yaml").write_text("kspec: 1\ninputs: {x: 4, z: 1}\nlayers: [{Dense: 3, from: x}]\n", encoding="utf-8")
    for more in ([], ["--strict"], ["--format", "json"], ["--exit-zero", "-q"]):
        without = run_kspec("check", "--no-cache", "all.yaml", "good.yaml", *more)
        assert run_kspec("check", "all.yaml", "good.yaml", *more) == without
        assert run_kspec("check", "all.yaml", "good.yaml", *more) == without


def test_a_cached_check_imports_neither_keras_nor_pydantic(in_tmp: Path) -> None:
    spec = SPECS / "digits_mlp.yaml"
    program = (
        "import sys; from kspec.cli import cli; from kspec.cli.edge import guarded; "
        f"sys.argv = ['kspec', 'check', {str(spec)!r}]; status = guarded(cli); "
        "print(sorted({'keras', 'jax', 'pydantic', 'numpy'} & set(sys.modules))); sys.exit(status)"
    )
    environment = {**os.environ, "KSPEC_CACHE": str(in_tmp / "cache")}
    for expected in (True, False):
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        assert ("keras" in done.stdout.splitlines()[-1]) is expected
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("fast", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_several_processes_find_what_one_finds(checks: Counted, monkeypatch: pytest.MonkeyPatch, fast: bool) -> None:
    Path("all.yaml").write_text(EVERYTHING, encoding="utf-8")
    Path("defect.yaml").write_text("kspec: 1\n", encoding="utf-8")
    names = ["spec.yaml", "all.yaml", "nothing.yaml", "base.yaml", "blocks.yaml", "other.yaml", "defect.yaml"]
    alone, _ = checks(*names, fast=fast, cached=False)
    monkeypatch.setattr("kspec.checking.all.processes", lambda count, fast: 3)
    together, anew = checks(*names, fast=fast)
    assert anew == 0  # by others
    assert [each._replace(trace="") for each in together] == [each._replace(trace="") for each in alone]


def test_a_worker_that_is_killed_loses_nothing(checks: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kspec.checking.all.processes", lambda count, fast: 2)
    monkeypatch.setattr(workers_module, "_work", _killed)
    found, anew = checks("spec.yaml", "base.yaml", "other.yaml")
    assert ([each.status for each in found], anew) == ([0, 0, 0], 3)


def _killed(*_: object) -> None:
    os._exit(9)
