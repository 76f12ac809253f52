"""What a check depends on beside files that it reads: kspec itself, Keras, JAX, Python and their settings."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import kspec
from kspec import catalog
from kspec.catalog import installed
from kspec.reads import state

_SETTINGS = ("KERAS_", "JAX_", "XLA_")
"""Beginnings of the environment variables by which Keras and JAX are set."""


def engine() -> str:
    """A digest of all that may change what a check finds, its files apart. Imports neither Keras nor JAX."""
    facts = [sys.version, f"keras {installed.version()}", f"catalogue {catalog.keras_version()}"]
    facts += [f"{name} {_version(name)}" for name in ("kspec", "jax", "numpy")]
    facts += sorted(f"{name}={value}" for name, value in os.environ.items() if _is_setting(name))
    home = os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras")
    facts.append(state(os.path.join(home, "keras.json")))
    facts += _source()  # a kspec that is being worked on keeps its version
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()


def _version(name: str) -> str:
    """The version of a package; one that is missing is told by the check that needs it."""
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _is_setting(name: str) -> bool:
    return name.startswith(_SETTINGS) and name != "KERAS_BACKEND"  # which kspec sets itself


def _source() -> Iterator[str]:
    """The size and the time of every file of the package."""
    waiting = [str(Path(kspec.__file__).parent)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.name in ("__pycache__", "gallery"):
                    continue
                if entry.is_dir():
                    waiting.append(entry.path)
                else:
                    found = entry.stat()
                    yield f"{entry.path} {found.st_size} {found.st_mtime_ns}"
