"""Depth, width and the most channels of a model: one of its `scales`, or its own multiples."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, NamedTuple

from kspec.convert.foreigntext import Beyond, Findings
from kspec.diagnostics import Problem, UsageError, listing
from kspec.spec.values import shown

_IN_A_NAME = re.compile(r"yolo(?:e-)?v?\d+([nslmx])(?![a-z])")
_LETTER = re.compile(r"[A-Za-z0-9]{1,8}")


class Scale(NamedTuple):
    """What a model's numbers are multiplied by; `letter` is empty where the file has no scales."""

    letter: str
    depth: float
    width: float
    most: float

    def repeats(self, number: int) -> int:
        """How often a module is repeated: rounded, and once at least."""
        return max(round(number * self.depth), 1) if number > 1 else number

    def channels(self, number: float) -> int:
        """Channels, scaled and made divisible by 8, as `make_divisible` of Ultralytics does."""
        return math.ceil(min(number, self.most) * self.width / 8) * 8


def scale_of(data: dict[str, Any], path: Path, wanted: str | None, findings: Findings) -> Scale:
    """The scale that is wanted, that the file's name says, or the first one. Raises UsageError, Beyond."""
    scales = data.get("scales")
    if not isinstance(scales, dict) or not scales:
        if wanted is not None:
            help = "it has `depth_multiple` and `width_multiple`: leave out `--scale`"
            raise UsageError(Problem("usage", f"`{path.name}` has no `scales`", help=help))
        return Scale("", _number(data, "depth_multiple"), _number(data, "width_multiple"), math.inf)
    for each in scales:
        if not isinstance(each, str) or not _LETTER.fullmatch(each):
            raise Beyond(f"a scale's name is 1 to 8 letters and digits, not {shown(each)}")
    named = _IN_A_NAME.search(path.name)
    letter = wanted or (named[1] if named is not None and named[1] in scales else "")
    if not letter:
        letter = str(next(iter(scales)))
        findings.note(
            ("scales",), f"no scale is asked for: `{letter}`, the first one, is taken (`--scale` for another)"
        )
    given = scales.get(letter)
    if given is None:
        raise UsageError(Problem("usage", f"there is no scale `{letter}`", help=f"its scales: {listing(scales)}"))
    if not isinstance(given, list) or len(given) not in (2, 3) or not all(_is_number(each) for each in given):
        raise Beyond(f"the scale `{letter}` is [depth, width, most channels]")
    return Scale(letter, given[0], given[1], given[2] if len(given) == 3 else math.inf)


def _number(data: dict[str, Any], key: str) -> float:
    found = data.get(key, 1.0)
    if not _is_number(found):
        raise Beyond(f"`{key}` is a number")
    return float(found)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 10**9
