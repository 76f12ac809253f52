"""Origins of a spec's values, a line each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kspec.report.cells import escaped

if TYPE_CHECKING:
    from kspec.spec.origins import Origin


def origins_text(origins: Sequence[Origin]) -> str:
    """``layers.dense.units = 256   specs/a.yaml:9:20, $width from --set width=256``, columns aligned."""
    left = [f"{origin.path} = {_value(origin.value)}" for origin in origins]
    width = min(max(map(len, left), default=0), 60)
    lines = []
    for text, origin in zip(left, origins, strict=True):
        place = f"--set {origin.span.text}" if origin.span.file == "--set" else str(origin.span)
        lines.append(f"{text:<{width}}  {', '.join((place, *origin.via))}")
    return "".join(f"{escaped(line)}\n" for line in lines)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return "null" if value is None else str(value)
