"""An audit as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kspec.model.memory import size_text
from kspec.report.cells import escaped


def audit_text(found: Mapping[str, Any]) -> str:
    """What a file holds, and the verdict; of a stranger's file every text is escaped."""
    return "".join(f"{escaped(line)}\n" for line in _lines(found))


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    verdict = "admitted: nothing in it is run" if found["admitted"] else "refused"
    yield f"{found['path']}: {verdict}"
    yield from (f"  {text}" for text in found["refusals"])
    if found["members"]:
        yield "members"
        for member in found["members"]:
            packed = f", {size_text(member['packed'])} packed" if member["packed"] != member["bytes"] else ""
            yield f"  {member['name']}  {size_text(member['bytes'])}{packed}"
    if found["classes"]:
        yield "classes and functions"
        yield from (f"  {name}" + (f"  × {count}" if count > 1 else "") for name, count in found["classes"].items())
    if found["code"]:
        yield "code"
        yield from (f"  {text}" for text in found["code"])
    weights = found["weights"]
    if weights["arrays"]:
        yield f"weights  {weights['arrays']:,} arrays, {size_text(weights['bytes'])}"
