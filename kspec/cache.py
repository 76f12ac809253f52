"""Where kspec keeps what it can make again: one folder of the user's. A leaf: it imports diagnostics only."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from kspec.diagnostics import FileError, Problem

__all__ = ["folder"]


def folder() -> Path:
    """The folder for what can be made again; it need not be there yet, nor be writable.

    ``KSPEC_CACHE`` where it is set, else the platform's own: ``$XDG_CACHE_HOME/kspec`` or ``~/.cache/kspec``, on macOS
    ``~/Library/Caches/kspec``, on Windows ``%LOCALAPPDATA%\\kspec``.

    Raises `FileError` (code ``file-write``) where the user has no home.
    """
    if given := os.environ.get("KSPEC_CACHE"):
        return Path(given).expanduser().absolute()
    if sys.platform == "win32":
        return _base("LOCALAPPDATA", "AppData", "Local")
    if sys.platform == "darwin":
        return _home() / "Library" / "Caches" / "kspec"
    return _base("XDG_CACHE_HOME", ".cache")


def _base(variable: str, *otherwise: str) -> Path:
    """The folder of kspec in that of a variable, which counts as absolute only: so the XDG specification says."""
    given = os.environ.get(variable, "")
    return (Path(given) if os.path.isabs(given) else _home().joinpath(*otherwise)) / "kspec"


def _home() -> Path:
    home = os.path.expanduser("~")
    if not os.path.isabs(home):  # no folder shared with others in its place: what they put there would be read
        message = "there is no home folder to keep a cache in"
        raise FileError(Problem("file-write", message, help="set KSPEC_CACHE to a folder of yours"))
    return Path(home)
