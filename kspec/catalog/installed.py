"""Which Keras is installed, found without importing it, and whether kspec works with it."""

from __future__ import annotations

import os
import re
import sys

__all__ = ["LOWEST", "refusal", "version"]

LOWEST = (3, 15, 1)
"""The oldest Keras that kspec works with, as pyproject.toml says too; a later major version is another library."""

_VERSION = re.compile(r"""^__version__ = ["'](\d[\w.+]*)["']""", re.MULTILINE)


def version() -> str:
    """The version of the Keras that would be imported; an empty text where there is none.

    Its own file says it: that takes a tenth of a millisecond, where asking ``importlib.metadata`` takes several, and
    holds for a nightly build or a checkout too.
    """
    if (loaded := sys.modules.get("keras")) is not None:
        return str(getattr(loaded, "__version__", ""))
    for folder in sys.path:
        package = os.path.join(folder, "keras")
        if os.path.isfile(os.path.join(package, "__init__.py")):
            return _told(os.path.join(package, "src", "version.py")) or _recorded()
    return _recorded()


def refusal(version: str) -> str:
    """Why kspec does not work with a version of Keras; an empty text where it does."""
    wanted = f"kspec needs {'.'.join(map(str, LOWEST))} or a later {LOWEST[0]}.x"
    if not version:
        return f"Keras is not installed: {wanted}"
    parts = [int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3]]
    if parts[:1] == [LOWEST[0]] and (*parts, 0, 0)[:3] >= LOWEST:
        return ""
    return f"Keras {version} is installed: {wanted}"


def _told(file: str) -> str:
    try:
        with open(file, encoding="utf-8") as source:
            found = _VERSION.search(source.read(10_000))
    except (OSError, ValueError):
        return ""
    return found[1] if found is not None else ""


def _recorded() -> str:
    """What the installer wrote down, for a Keras of another layout."""
    from importlib import metadata

    try:
        return metadata.version("keras")
    except metadata.PackageNotFoundError:
        return ""
