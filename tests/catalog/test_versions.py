"""Another Keras than the catalogue's: read anew, once, into the user's cache; or none that kspec works with."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import re
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from kspec import catalog
from kspec.catalog import cached, chosen, installed
from tests.conftest import ROOT

SPEC = "kspec: 1\ninputs: {x: 8}\nlayers: [{Dense: 3}]\n"
OTHER = "3.99.0"
SHIPPED = catalog.Store(catalog.DATA).keras_version()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, another version of Keras, and a generator that copies the shipped files."""
    monkeypatch.setenv("KSPEC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(installed, "version", lambda: OTHER)
    monkeypatch.setattr(cached, "generate", _copied)
    return cached._place(OTHER)


def _copied(folder: Path) -> None:
    for file in catalog.DATA.iterdir():
        (folder / file.name).write_bytes(file.read_bytes().replace(f'"{SHIPPED}"'.encode(), f'"{OTHER}"'.encode()))


def _chosen(*, may_read: bool = True) -> tuple[str, list[str]]:
    """The version of the catalogue that a fresh process would take, and what it would say."""
    said: list[str] = []
    choice = chosen.Choice(said.append)
    choice.may_read_keras(may_read)
    return choice.store().keras_version(), said


def test_the_lowest_version_is_the_project_s() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lowest = ".".join(map(str, installed.LOWEST))
    assert f"keras>={lowest}" in project["project"]["dependencies"]


def test_the_installed_version_is_what_keras_says_of_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata

    assert installed.version() == metadata.version("keras")
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    assert installed.version() == metadata.version("keras")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    (tmp_path / "keras" / "src").mkdir(parents=True)
    (tmp_path / "keras" / "__init__.py").touch()
    (tmp_path / "keras" / "src" / "version.py").write_text('import os\n__version__ = "3.77.1rc2"\n', encoding="utf-8")
    assert installed.version() == "3.77.1rc2"
    (tmp_path / "keras" / "src" / "version.py").write_bytes(b"\xff")
    (tmp_path / "keras-3.78.dist-info").mkdir()
    (tmp_path / "keras-3.78.dist-info" / "METADATA").write_text("Name: keras\nVersion: 3.78\n", encoding="utf-8")
    assert installed.version() == "3.78"
    monkeypatch.setattr(sys, "path", [])
    assert installed.version() == ""


@pytest.mark.parametrize("version", ["3.15.1", "3.15.10", "3.16", "3.16.0.dev2026", "3.100.2+local"])
def test_versions_that_kspec_works_with(version: str) -> None:
    assert installed.refusal(version) == ""


@pytest.mark.parametrize("version", ["3.15.0", "3.9.2", "3.15", "2.15.1", "4.0.0", "4", "nonsense"])
def test_versions_that_kspec_does_not_work_with(version: str) -> None:
    assert installed.refusal(version) == f"Keras {version} is installed: kspec needs 3.15.1 or a later 3.x"


def test_the_shipped_catalogue_is_taken_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached, "opened", lambda version: pytest.fail("the cache was looked at"))
    monkeypatch.setattr(installed, "version", lambda: SHIPPED)
    assert _chosen() == (SHIPPED, [])
    monkeypatch.setattr(installed, "version", lambda: "")
    assert _chosen() == (SHIPPED, [])


def test_another_version_is_read_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    differs = f"Keras {OTHER} is installed, and the catalogue is of {SHIPPED}"
    fast = (SHIPPED, [f"{differs}, which is used: without --fast Keras is read anew, once"])
    assert _chosen(may_read=False) == fast
    assert not place.parent.exists()
    assert _chosen() == (OTHER, [f"{differs}: reading Keras anew, once"])
    monkeypatch.setattr(cached, "generate", lambda folder: pytest.fail("read twice"))
    assert _chosen() == (OTHER, [])
    assert _chosen(may_read=False) == (OTHER, [])
    assert [each.name for each in place.parent.iterdir()] == [place.name]


def test_one_process_may_be_fast_first_and_read_keras_later(place: Path) -> None:
    choice = chosen.Choice(lambda message: None)
    choice.may_read_keras(False, quiet=True)
    assert choice.store().keras_version() == SHIPPED
    choice.may_read_keras(True)
    assert choice.store().keras_version() == OTHER


@pytest.mark.parametrize("damage", ["cut", "missing", "changed", "hashes", "unfinished", "file"])
def test_a_broken_cache_is_made_again(place: Path, damage: str) -> None:
    assert _chosen()[0] == OTHER
    layers, hashes = place / "layers.json", place / "sha256.json"
    match damage:
        case "cut":
            layers.write_bytes(layers.read_bytes()[:1000])
        case "missing":
            layers.unlink()
        case "changed":
            layers.write_bytes(layers.read_bytes().replace(b"Dense", b"Dance"))
        case "hashes":
            hashes.write_text("[[1]]", encoding="utf-8")
        case "unfinished":
            for name in ("layers.json", "sha256.json"):
                (place / name).unlink()
        case "file":
            for file in place.iterdir():
                file.unlink()
            place.rmdir()
            place.write_text("no folder", encoding="utf-8")
    assert cached.opened(OTHER) is None
    version, said = _chosen()
    assert version == OTHER
    assert "reading Keras anew" in said[0]
    assert len(said) == 1
    assert _chosen() == (OTHER, [])
    assert [each.name for each in place.parent.iterdir()] == [place.name]


@pytest.mark.parametrize("way", ["a file", "no home", "permissions", "NUL"])
def test_a_cache_that_cannot_be_written(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.setattr(cached, "generate", lambda folder: pytest.fail("seconds for nothing"))
    if way == "a file":
        (tmp_path / "cache").touch()
    elif way == "no home":
        monkeypatch.delenv("KSPEC_CACHE")
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    elif way == "NUL":
        monkeypatch.setattr(cached.cache, "folder", lambda: Path("a\0b"))
    else:
        if not hasattr(os, "geteuid") or os.geteuid() == 0:
            pytest.skip("root may write everywhere")
        tmp_path.chmod(0o500)
    version, said = _chosen()
    tmp_path.chmod(0o700)
    assert version == SHIPPED
    assert len(said) == 1
    assert said[0].startswith(f"the catalogue of Keras {SHIPPED} is used, and {OTHER} is installed: ")
    assert said[0].count("\n") == 0


def test_a_generator_that_fails_is_told_in_one_line(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached, "generate", lambda folder: (_ for _ in ()).throw(cached.Unmade("ImportError: no")))
    version, said = _chosen()
    assert (version, len(said)) == (SHIPPED, 2)
    assert said[1].endswith(": ImportError: no")
    assert list(place.parent.iterdir()) == []
    monkeypatch.setattr(cached, "generate", lambda folder: [(folder / name).touch() for name in cached._FILES])
    assert _chosen()[1][1].endswith("what was made is not of that version")


def _in_a_process(barrier: multiprocessing.synchronize.Barrier, folder: str) -> None:
    os.environ["KSPEC_CACHE"] = folder
    installed.version, cached.generate = (lambda: OTHER), _copied  # type: ignore[assignment]
    barrier.wait(300)
    for _ in range(20):
        version, said = _chosen()
        assert version == OTHER, said
        # and break it for the others, who may be putting it right
        with contextlib.suppress(FileNotFoundError), open(cached._place(OTHER) / "layers.json", "r+b") as file:
            file.write(b"x")


def test_processes_do_not_hurt_each_other(place: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    processes = [context.Process(target=_in_a_process, args=(barrier, os.environ["KSPEC_CACHE"])) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert _chosen()[0] == OTHER
    assert [each.name for each in place.parent.iterdir()] == [place.name]


def test_cached_results_are_of_one_keras_and_one_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    from kspec.checking.engine import engine

    known = {engine()}
    monkeypatch.setattr(installed, "version", lambda: OTHER)
    known.add(engine())
    monkeypatch.setattr(catalog, "keras_version", lambda: OTHER)
    known.add(engine())
    assert len(known) == 3


# --------------------------------------------------------------------------------- whole processes


def _run(*arguments: str, path: Path, cache: Path, alone: bool = False) -> subprocess.CompletedProcess[str]:
    """kspec where `path` comes first; `alone`: where nothing else is installed."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(path), str(ROOT)]), "KSPEC_CACHE": str(cache)}
    options = ["-S"] if alone else []
    command = [sys.executable, *options, "-m", "kspec", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600, env=env, cwd=cache.parent)


def _package(folder: Path, version: str) -> Path:
    """The installed Keras, all of it, that says it is of another version."""
    found = find_spec("keras")
    assert found is not None
    assert found.origin is not None
    real, made = Path(found.origin).parent, folder / "keras"
    (made / "src").mkdir(parents=True)
    for source, target in ((real, made), (real / "src", made / "src")):
        for each in source.iterdir():
            if each.name not in ("src", "version.py", "__pycache__"):
                (target / each.name).symlink_to(each)
    text = (real / "src" / "version.py").read_text(encoding="utf-8")
    changed = re.sub(r'^__version__ = ".*"', f'__version__ = "{version}"', text, flags=re.MULTILINE)
    (made / "src" / "version.py").write_text(changed, encoding="utf-8")
    return folder


@pytest.mark.skipif(sys.platform == "win32", reason="links")
def test_a_keras_of_another_version_is_really_read(tmp_path: Path) -> None:
    package, cache = _package(tmp_path / "path", OTHER), tmp_path / "cache"
    (tmp_path / "spec.yaml").write_text(SPEC, encoding="utf-8")
    fast = _run("check", "--fast", "spec.yaml", path=package, cache=cache)
    assert (fast.returncode, fast.stdout) == (0, "ok: spec.yaml\n")
    assert fast.stderr.startswith(
        f"kspec: Keras {OTHER} is installed, and the catalogue is of {SHIPPED}, which is used"
    )
    whole = _run("check", "spec.yaml", path=package, cache=cache)
    assert (whole.returncode, whole.stdout) == (0, "ok: spec.yaml (27 parameters)\n"), whole.stderr
    said = f"kspec: Keras {OTHER} is installed, and the catalogue is of {SHIPPED}: reading Keras anew, once\n"
    assert whole.stderr == said
    again = _run("check", "--fast", "spec.yaml", path=package, cache=cache)
    assert (again.returncode, again.stderr) == (0, "")
    made = next((cache / "catalog").glob(f"{OTHER}-*"))
    for file in catalog.DATA.glob("*.json"):  # the same Keras gives the same facts
        assert (made / file.name).read_text("utf-8").replace(OTHER, SHIPPED) == file.read_text("utf-8")


@pytest.mark.parametrize("version", ["2.15.0", "4.0.0"])
def test_a_keras_that_kspec_does_not_know_is_never_imported(tmp_path: Path, version: str) -> None:
    (tmp_path / "path" / "keras" / "src").mkdir(parents=True)
    (tmp_path / "path" / "keras" / "__init__.py").write_text("1 / 0\n", encoding="utf-8")
    (tmp_path / "path" / "keras" / "src" / "version.py").write_text(f'__version__ = "{version}"\n', encoding="utf-8")
    (tmp_path / "spec.yaml").write_text(SPEC, encoding="utf-8")
    (tmp_path / "same.yaml").write_text(SPEC, encoding="utf-8")
    whole = _run("check", "spec.yaml", "same.yaml", path=tmp_path / "path", cache=tmp_path / "cache")
    lines = [
        f"error[environment] Keras {version} is installed: kspec needs 3.15.1 or a later 3.x",
        "  pip install 'keras>=3.15.1,<4'",
    ]
    assert (whole.returncode, whole.stdout.splitlines(), whole.stderr) == (2, lines, "")
    fast = _run("check", "--fast", "spec.yaml", path=tmp_path / "path", cache=tmp_path / "cache")
    assert (fast.returncode, fast.stdout) == (0, "ok: spec.yaml\n")
    assert fast.stderr.splitlines() == [
        f"kspec: Keras {version} is installed: kspec needs 3.15.1 or a later 3.x; the catalogue of {SHIPPED} is used"
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="links")
def test_no_keras_at_all(tmp_path: Path) -> None:
    (tmp_path / "path").mkdir()
    for folder in filter(os.path.isdir, sys.path):
        if Path(folder).name in ("site-packages", "dist-packages"):
            for each in Path(folder).iterdir():
                if not each.name.startswith("keras") and not (tmp_path / "path" / each.name).exists():
                    (tmp_path / "path" / each.name).symlink_to(each)
    (tmp_path / "spec.yaml").write_text(SPEC, encoding="utf-8")
    for arguments in (["check", "spec.yaml"], ["summary", "spec.yaml"], ["build", "spec.yaml"]):
        done = _run(*arguments, path=tmp_path / "path", cache=tmp_path / "cache", alone=True)
        assert (done.returncode, (done.stdout + done.stderr).splitlines()) == (
            2,
            [
                "error[environment] Keras is not installed: kspec needs 3.15.1 or a later 3.x",
                "  pip install 'keras>=3.15.1,<4'",
            ],
        )
    for arguments in (["check", "--fast", "spec.yaml"], ["layers", "Dense"], ["show", "spec.yaml"]):
        done = _run(*arguments, path=tmp_path / "path", cache=tmp_path / "cache", alone=True)
        assert (done.returncode, done.stderr) == (0, "")
    done = _run("--version", path=tmp_path / "path", cache=tmp_path / "cache", alone=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "keras is not installed" in done.stdout
