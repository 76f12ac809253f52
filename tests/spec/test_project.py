"""The project around a spec: where it begins, which files may be read, whose code is trusted."""

from __future__ import annotations

from pathlib import Path

import pytest

import kspec
from kspec.diagnostics import FileError, SpecError
from kspec.spec.project import confined, find_project, resolve


@pytest.mark.parametrize("mark", ["pyproject.toml", ".git"])
def test_the_root_is_the_nearest_folder_with_a_mark(tmp_path: Path, mark: str) -> None:
    inner = tmp_path / "models" / "vision"
    inner.mkdir(parents=True)
    (tmp_path / mark).touch()
    assert find_project(inner).root == tmp_path
    (inner.parent / "pyproject.toml").touch()
    assert find_project(inner).root == inner.parent


def test_without_a_mark_it_is_where_the_command_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here" / "specs").mkdir(parents=True)
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert find_project(tmp_path / "here/specs").root == tmp_path / "here"
    assert find_project(tmp_path / "there").root == tmp_path / "there"


def test_trust_comes_from_the_command_and_from_pyproject(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.kspec]\ntrust = ["ours.layers"]\n', encoding="utf-8")
    project = find_project(tmp_path, ("theirs",))
    assert [project.trusts(name) for name in ("ours.layers", "ours.layers.deep", "ours", "theirs.x", "theirsx")] == [
        *(True, True, False, True, False)
    ]


@pytest.mark.parametrize("text", ["[tool.kspec]\ntrust = 'ours'\n", "[tool.kspec]\ntrust = [1]\n", "[tool", "\xff"])
def test_a_wrong_pyproject_is_refused_when_trust_is_asked_for(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_bytes(text.encode("latin-1"))
    project = find_project(tmp_path)
    with pytest.raises(FileError):
        project.trusts("ours")


def problem(root: Path, text: object) -> str:
    with pytest.raises(SpecError) as caught:
        resolve(find_project(root), root, text, ("weights",))
    found = caught.value.problems[0]
    return f"{found.code}: {found.message} ({found.help})"


def test_files_outside_are_refused_by_every_way(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret").write_text("x", encoding="utf-8")
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "circle").symlink_to(root / "circle")
    for text in ("../secret", str(tmp_path / "secret"), "link", "~/secret", "a/../../secret"):
        assert problem(root, text).startswith("file-outside-root"), text
    assert "a `pyproject.toml` in a folder above" in problem(root, "../secret")
    (root / "pyproject.toml").touch()
    assert "pyproject" not in problem(root, "../secret").partition("root")[2]
    for text in ("https://host/x", "a\0b", "circle", "missing", "."):
        assert problem(root, text).startswith("file-missing"), text


def test_what_lies_inside_is_found(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/x.npz").touch()
    (tmp_path / "link.npz").symlink_to("data/x.npz")
    project = find_project(tmp_path)
    assert resolve(project, tmp_path, "data/../link.npz", ()) == tmp_path / "data/x.npz"
    assert confined(project, tmp_path / "data", "not_yet.h5", ()) == tmp_path / "data/not_yet.h5"


@pytest.mark.parametrize("leaf", ["  - Dense: 4\n    name: a\n  - Dense: 4\n", "  - Dnse: 4\n    name: a\n"])
def test_models_in_models_in_models_are_bounded(tmp_path: Path, leaf: str) -> None:
    """Each of forty specs uses the next one twice: their steps are counted, never made, and each is read once."""
    (tmp_path / "pyproject.toml").touch()
    for index in range(40):
        following = f"model: spec{index + 1}.yaml\n    name:"
        steps = leaf if index == 39 else f"  - {following} a\n  - {following} b\n    output: a\n"
        (tmp_path / f"spec{index}.yaml").write_text(f"kspec: 1\ninputs: {{x: 4}}\nlayers:\n{steps}", encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        kspec.load(tmp_path / "spec0.yaml")
    *wrong, problem = caught.value.problems
    assert [each.code for each in wrong] == (["unknown-operation"] if "Dnse" in leaf else [])
    assert problem.message == "with the models in it the spec has more than 200,000 steps"
