"""The few ANSI styles that plain reports use, and whether a stream wants them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from typing import TextIO

__all__ = ["highlighted", "paint", "terminal_width", "wants_colour", "wants_life"]

_CODES = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "blue": 34, "cyan": 36}


def paint(text: str, style: str, colour: bool = True) -> str:
    """`text` in a style such as ``"bold red"``, or unchanged without colour."""
    if not colour or not text or not style:
        return text
    codes = ";".join(str(_CODES[word]) for word in style.split())
    return f"\x1b[{codes}m{text}\x1b[0m"


def highlighted(text: str, colour: bool) -> str:
    """`text` with the words in backquotes bold."""
    return re.sub(r"`[^`]+`", lambda match: paint(match[0], "bold"), text) if colour else text


def wants_colour(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether to colour what goes to `stream`: ``NO_COLOR``, ``FORCE_COLOR``, ``TERM`` and being a terminal decide."""
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR") or environ.get("CLICOLOR_FORCE", "0") != "0":
        return True
    return _is_terminal(stream) and environ.get("TERM") != "dumb"


def wants_life(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether a line on `stream` may be drawn over: a terminal that can, watched by a person."""
    watched = not environ.get("NO_COLOR") and not environ.get("CI")
    return _is_terminal(stream) and environ.get("TERM") not in ("dumb", "") and watched


def terminal_width(stream: TextIO, environ: Mapping[str, str] = os.environ, *, otherwise: int = 100) -> int:
    """The columns of the terminal behind `stream`; ``COLUMNS`` wins, `otherwise` serves pipes and files."""
    asked = environ.get("COLUMNS", "")
    if asked.isdecimal() and 0 < int(asked) < 10_000:
        return int(asked)
    try:
        return os.get_terminal_size(stream.fileno()).columns or otherwise
    except (OSError, ValueError):  # not a terminal; io.UnsupportedOperation, of a stream without a file, is both
        return otherwise


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # a closed stream
        return False


if sys.platform == "win32":  # pragma: no cover
    os.system("")  # switches the console's ANSI codes on (https://bugs.python.org/issue30075)
