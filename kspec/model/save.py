"""keras.Model -> file, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kspec.diagnostics import Problem, UsageError
from kspec.files import atomic_path
from kspec.model.quiet import without_keras_warnings


def check_ending(path: Path) -> None:
    """Raise UsageError for a file name whose ending is no model's."""
    if not path.name.endswith((".keras", ".weights.h5")):
        help = "a whole model ends in `.keras`, its weights alone in `.weights.h5`"
        raise UsageError(Problem("usage", f"`{path.name}` does not say what to save", help=help))


def save(model: Any, path: Path) -> None:
    """Save a whole model (.keras) or its weights (.weights.h5).

    Raises FileError where the file cannot be written; what was there before stays.
    """
    with atomic_path(path) as temporary, without_keras_warnings():
        if path.name.endswith(".weights.h5"):
            model.save_weights(temporary)
        else:
            model.save(temporary)
