"""Whole outputs kept as files beside the tests; ``KSPEC_GOLDEN=write`` writes them anew, to be read in the diff."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"


def same(name: str, text: str) -> None:
    """Assert that `text` is the golden file `name`, to the last character."""
    path = FOLDER / name
    if os.environ.get("KSPEC_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8", newline="")
    with open(path, encoding="utf-8", newline="") as file:  # no translation: a stray carriage return is a difference
        assert text == file.read()
