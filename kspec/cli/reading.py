"""A command's spec: a file, or standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kspec.diagnostics import Problem, UsageError

if TYPE_CHECKING:
    from kspec.api import Loaded


def load_spec(
    path: Path, sets: Sequence[str], trust: Sequence[str], stdin: str = "<stdin>", *, partly: bool = False
) -> Loaded:
    """The spec of a file, or what standard input holds for `-`, under the name `stdin`; `partly` as in `kspec.load`.

    Raises SpecError with every problem; UsageError for a folder.
    """
    from kspec import api

    if str(path) == "-":
        return api.loads(_standard_input(stdin), name=stdin, sets=sets, trust=trust, partly=partly)
    if os.path.isfile(path / "spec.yaml"):
        raise UsageError(Problem("usage", f"`{path}` is a folder", help=f"its spec is `{path / 'spec.yaml'}`"))
    return api.load(path, sets=sets, trust=trust, partly=partly)


def _standard_input(name: str) -> str:
    from kspec.spec.source import MAX_BYTES, decode

    if sys.stdin is None:  # closed by whoever started us
        raise UsageError(Problem("usage", "there is no standard input to read"))
    return decode(sys.stdin.buffer.read(MAX_BYTES + 1), name)
