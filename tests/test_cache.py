"""The folder for what can be made again."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from kspec import cache
from kspec.diagnostics import FileError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("KSPEC_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path.replace("~", str(tmp_path)))
    return tmp_path


@pytest.mark.parametrize(
    ("platform", "parts"),
    [
        ("linux", (".cache", "kspec")),
        ("darwin", ("Library", "Caches", "kspec")),
        ("win32", ("AppData", "Local", "kspec")),
    ],
)
def test_each_platform_has_its_folder(
    home: Path, monkeypatch: pytest.MonkeyPatch, platform: str, parts: tuple[str, ...]
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert cache.folder() == home.joinpath(*parts)


def test_variables_name_another(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "caches"))
    assert cache.folder() == home / "caches" / "kspec"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache.folder() == home / ".cache" / "kspec"
    monkeypatch.setenv("KSPEC_CACHE", "mine")
    assert cache.folder() == Path.cwd() / "mine"
    monkeypatch.delenv("KSPEC_CACHE")
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(home / "local"))
    assert cache.folder() == home / "local" / "kspec"


def test_without_a_home_there_is_no_folder_that_others_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    with pytest.raises(FileError, match="no home folder"):
        cache.folder()
