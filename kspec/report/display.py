"""Which display of a training's progress serves a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TextIO

from kspec.report.ansi import wants_life
from kspec.report.progress import JsonLines, Plain, Quiet

if TYPE_CHECKING:
    from kspec.report.bars import Bars

__all__ = ["make_progress"]


def make_progress(mode: Literal["auto", "quiet", "json", "plain"], stream: TextIO) -> Bars | JsonLines | Plain | Quiet:
    """The display for `mode`; "auto" draws bars on a terminal that a person watches and plain lines elsewhere."""
    if mode == "quiet":
        return Quiet()
    if mode == "json":
        return JsonLines(stream)
    if mode == "auto" and wants_life(stream):
        from kspec.report.bars import Bars  # imports rich, which the other displays do without

        return Bars(stream)
    return Plain(stream)
