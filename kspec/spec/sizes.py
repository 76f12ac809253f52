"""Sizes in bytes as people write them."""

from __future__ import annotations

import re

_UNITS = {"": 1, "B": 1, **{f"{p}B": 1000**n for n, p in enumerate("KMGT", 1)}}
_UNITS |= {f"{p}iB": 1024**n for n, p in enumerate("KMGT", 1)}
_SIZE = re.compile(r"([0-9][0-9_]*(?:\.[0-9]+)?)\s*([KMGT]?i?B)?\Z")


def size(text: str) -> int | None:
    """Bytes from ``8GiB``, ``500MB`` or ``1024``; None for anything else."""
    found = _SIZE.match(text.strip()) if len(text) <= 40 else None
    if found is None or (found[2] or "") not in _UNITS:
        return None
    return int(float(found[1].replace("_", "")) * _UNITS[found[2] or ""])
