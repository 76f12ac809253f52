"""DOT -> SVG or PNG, by graphviz-pure or by the system's own Graphviz."""

from __future__ import annotations

import shutil
import subprocess
from importlib import metadata
from typing import Literal

from kspec.diagnostics import Problem, UsageError, one_line

__all__ = ["drawn", "program"]

_DOTS_PER_INCH = 144
_PATIENCE = 300
"""Seconds after which a layout is given up: that of a million edges would take hours."""


def program() -> str:
    """The program that lays out: graphviz-pure's own, of the extra `plot`, else the system's `dot`.

    Raises UsageError (``missing-extra``) where there is neither.
    """
    try:
        files = metadata.files("graphviz-pure") or []
    except metadata.PackageNotFoundError:
        files = []
    own = next((file for file in files if file.stem == "graphviz-pure" and file.suffix in ("", ".exe")), None)
    path = shutil.which(str(own.locate())) if own is not None else None
    found = path or shutil.which("graphviz-pure") or shutil.which("dot")
    if found is None:
        help = "pip install 'kspec[plot]'; .dot, .mmd and .html need nothing"
        raise UsageError(Problem("missing-extra", "SVG and PNG need graphviz-pure, or Graphviz's `dot`", help=help))
    return found


def drawn(text: str, format: Literal["svg", "png"]) -> bytes:
    """The picture of a DOT text.

    Raises UsageError (``missing-extra``) where no program is there; (``too-large``) where it fails or takes too long.
    """
    command = [program(), f"-T{format}", *([f"-Gdpi={_DOTS_PER_INCH}"] if format == "png" else [])]
    try:
        done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=_PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        raise _failed(f"laying it out took more than {_PATIENCE} s") from None
    except OSError as error:
        raise _failed(one_line(error)) from None
    if done.returncode or not done.stdout:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [f"status {done.returncode}"]
        raise _failed(said[-1])
    return done.stdout


def _failed(why: str) -> UsageError:
    help = "fold more of it with `--depth 0`, or write .html, which folds and unfolds while one looks"
    return UsageError(Problem("too-large", f"the picture cannot be drawn: {why}", help=help))
