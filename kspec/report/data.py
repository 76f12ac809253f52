"""What a data source holds, as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from kspec.report.cells import escaped
from kspec.report.tables import Column, print_table

__all__ = ["print_data"]

_VALUES = 12
"""Values of a field whose counts are shown."""


def print_data(found: Mapping[str, Any], stream: TextIO) -> None:
    """Print a description: a table of the fields, the counts of their values, and what fits a spec.

    `found` is what ``kspec data --json`` prints.
    """
    fields: Sequence[Mapping[str, Any]] = found["fields"]
    columns = [
        Column("field", tuple(each["name"] for each in fields)),
        Column("shape", tuple(_shape(each["shape"]) for each in fields), whole=True),
        Column("dtype", tuple(each["dtype"] for each in fields)),
        *(Column(key, tuple(_number(each.get(key)) for each in fields), right=True) for key in _NUMBERS),
        Column("missing", tuple(_missing(each) for each in fields), right=True),
        Column("values", tuple(str(len(each["values"])) if "values" in each else "" for each in fields), right=True),
    ]
    if any("fits" in each for each in fields):
        columns.append(Column("fits", tuple(_fits(each) for each in fields)))
    print_table(columns, stream, title=found["source"])
    for each in fields:
        if each.get("problem"):
            stream.write(f"\n{escaped(each['name'])}: {escaped(each['problem'])}\n")
    for each in fields:
        if any(value["count"] > 1 for value in each.get("values", ())):
            stream.write(f"\n{escaped(each['name'])}: {_balance(each['values'])}\n")
    if found.get("matched"):
        stream.write(f"\ntraining takes {escaped(found['matched'])}\n")
    for problem in found.get("problems", ()):
        stream.write(f"\n{escaped(problem['message'])}\n  {escaped(problem['help'])}\n")


_NUMBERS = ("least", "greatest", "mean")


def _shape(sizes: Sequence[int]) -> str:
    return " × ".join(f"{size:,}" for size in sizes) or "one number"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}"


def _missing(each: Mapping[str, Any]) -> str:
    if "missing" not in each:
        return ""
    infinite = f" + {each['infinite']:,} inf" if each["infinite"] else ""
    return f"{each['missing']:,}{infinite}"


def _fits(each: Mapping[str, Any]) -> str:
    """The inputs and outputs that the field could be for; where there are none, why not."""
    fits: Mapping[str, str] = each["fits"]
    right = [name for name, reason in fits.items() if not reason]
    if right:
        return ", ".join(right)
    if each.get("problem"):
        return "–"
    return "\n".join(f"not {name}: {reason}" for name, reason in fits.items())


def _balance(values: Sequence[Mapping[str, Any]]) -> str:
    """``cat 120 (60 %), dog 80 (40 %)``, the most frequent first."""
    total = sum(each["count"] for each in values)
    ranked = sorted(values, key=lambda each: -each["count"])
    shown = [f"{escaped(str(e['value']))} {e['count']:,} ({e['count'] / total:.1%})" for e in ranked[:_VALUES]]
    more = f", and {len(ranked) - _VALUES:,} more" if len(ranked) > _VALUES else ""
    return ", ".join(shown) + more
