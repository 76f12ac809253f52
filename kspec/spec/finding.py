"""The spec files among paths."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from kspec.diagnostics import Problem, UsageError
from kspec.spec.textfile import contents

_SKIPPED = frozenset({"node_modules", "__pycache__", "runs", "build", "dist"})


def spec_files(paths: Iterable[Path], *, only: bool = False) -> Iterator[tuple[Path, Path]]:
    """Files as they are given; of a folder every YAML file under it with a `kspec:` key. Each with the path that it was
    found by.

    With `only` files without that key are passed over, wherever they are named.
    Raises UsageError for a folder without any.
    """
    for path in paths:
        if not os.path.isdir(path):  # which answers for any name
            if not only or str(path) == "-" or not os.path.isfile(path) or _has_key(path):
                yield path, path
            continue
        found = sorted(_under(path))
        if not found:
            message = f"there is no spec in `{path}`"
            raise UsageError(Problem("file-missing", message, help="a spec is a .yaml file with a `kspec:` key"))
        yield from ((each, path) for each in found)


def leads_out(path: Path, folder: Path) -> bool:
    """Whether a file that was found in a folder is a link to one elsewhere; never of what is no folder."""
    return os.path.isdir(folder) and not path.resolve().is_relative_to(folder.resolve())


def _under(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED)
        # A virtual environment; a run, unless it is named itself.
        if "pyvenv.cfg" in files or (root != str(folder) and {"run.json", "spec.yaml"} <= set(files)):
            folders.clear()
            continue
        for name in files:
            path = Path(root, name)
            if name.endswith((".yaml", ".yml")) and _has_key(path):
                yield path


def _has_key(path: Path) -> bool:
    try:
        return is_spec(contents(path, _BEGINNING))
    except OSError:
        return False


_BEGINNING = 65_536


def is_spec(data: bytes) -> bool:
    """Whether a file that begins so has a `kspec:` key."""
    return re.search(rb"(?m)^(\xef\xbb\xbf)?[\"']?kspec[\"']?[ \t]*:", data[:_BEGINNING]) is not None
