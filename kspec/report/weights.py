"""Files of weights, their difference and what was copied: as tables, JSON, CSV, Markdown."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from kspec.report.figures import figure
from kspec.report.sizes import keras_size
from kspec.report.tables import Column, csv_table, markdown_table, print_table

if TYPE_CHECKING:
    from kspec.model.transferred import Compared, Copied, Listing, WeightsDifference

_KINDS = {
    "gone": "only in A",
    "new": "only in B",
    "shape": "another shape",
    "dtype": "another dtype",
    "apart": "other numbers",
    "equal": "equal",
}
_TOLD = 12
"""So many renamed variables are told one by one."""


def write_listing(found: Listing, form: str, stream: TextIO) -> None:
    """What is in a file; totals under tables that people read."""
    if form == "json":
        _json(_listing_data(found), stream)
        return
    columns = [
        Column("path", tuple(each.path for each in found.entries)),
        Column("shape", tuple(_shape(each.shape) for each in found.entries), whole=True),
        Column("dtype", tuple(each.dtype for each in found.entries), whole=True),
    ]
    if form == "csv":
        columns.append(Column("bytes", tuple(str(each.bytes) for each in found.entries)))
        columns.append(Column("weight", tuple(str(each.is_weight).lower() for each in found.entries)))
    else:
        columns.append(Column("bytes", tuple(keras_size(each.bytes) for each in found.entries), right=True))
    if found.numbers:
        columns += _numbers(found, str if form == "csv" else figure)
    _write(columns, form, stream, totals(found))


def totals(found: Listing) -> list[str]:
    """How much there is, weights apart from what else Keras keeps."""
    weights = [each for each in found.entries if each.is_weight]
    others = [each for each in found.entries if not each.is_weight]
    size = sum(math.prod(each.shape) for each in weights)
    lines = [f"{_count(len(weights), 'array')}, {size:,} numbers, {keras_size(sum(each.bytes for each in weights))}"]
    if others:
        shown = keras_size(sum(each.bytes for each in others))
        lines.append(f"and {_count(len(others), 'array')} of optimizers and random states, {shown}")
    return lines


def write_difference(found: WeightsDifference, form: str, stream: TextIO) -> None:
    """What differs; JSON and CSV have what is equal, too."""
    if form == "json":
        data = {"a": found.a, "b": found.b, "different": bool(found)}
        _json({**data, "variables": [_compared_data(each) for each in found.variables]}, stream)
        return
    rows = found.variables if form == "csv" else tuple(each for each in found.variables if each.kind != "equal")
    shown: Callable[[float], str] = str if form == "csv" else figure
    columns = [
        Column("path", tuple(each.path for each in rows)),
        Column("what", tuple(_KINDS[each.kind] for each in rows), whole=True),
        Column("A", tuple(_side(each, 0) for each in rows), whole=True),
        Column("B", tuple(_side(each, 1) for each in rows), whole=True),
        Column("max difference", tuple(_apart(each, "largest", shown) for each in rows), right=True),
        Column("relative", tuple(_apart(each, "relative", shown) for each in rows), right=True, dispensable=1),
    ]
    if any(each.apart is not None and each.apart.unlike for each in rows):
        unlike = tuple(str(each.apart.unlike) if each.apart is not None else "" for each in rows)
        columns.append(Column("NaN or inf in one", unlike, right=True))
    counts = [f"{len(found.of(kind)):,} {word}" for kind, word in _KINDS.items() if found.of(kind)]
    told = ", ".join(counts) if counts else "there are no weights in either"
    _write(columns if rows else [], form, stream, [f"{found.a} (A) and {found.b} (B): {told}"])


def write_copied(found: Copied, form: str, stream: TextIO) -> None:
    """What was copied and what was left on both sides, and why; JSON, CSV and Markdown have all of it."""
    pairing = found.pairing
    if form == "json":
        _json(_copied_data(found), stream)
        return
    rows = [
        *((each.before, each.after, _shape(each.shape), "copied") for each in pairing.copied),
        *((each.path, "", _shape(each.shape), f"left: {each.why}") for each in pairing.left),
        *(("", each.path, _shape(each.shape), f"kept: {each.why}") for each in pairing.unset),
    ]
    if form != "table":
        titles = ("from", "to", "shape", "what")
        columns = [Column(title, cells) for title, cells in zip(titles, zip(*rows, strict=True), strict=True)]
        _write(columns, form, stream, copied_lines(found))
        return
    blocks = ["\n".join(copied_lines(found))]
    if pairing.renamed:
        lines = [f"  {each.before} → {each.after}" for each in pairing.renamed[:_TOLD]]
        more = len(pairing.renamed) - _TOLD
        blocks.append("\n".join([*lines, *([f"  … and {more:,} more"] if more > 0 else [])]))
    for title, lefts in ((f"left in {found.source}", pairing.left), (f"kept as in {found.target}", pairing.unset)):
        if lefts:
            lines = [f"  {each.path} {_shape(each.shape)}: {each.why}" for each in lefts]
            blocks.append("\n".join([f"{title}:", *lines]))
    stream.write("\n".join(blocks) + "\n")


def copied_lines(found: Copied) -> list[str]:
    """`12 of 14 variables copied, 18,560 of 19,210 parameters (96.6 %): a.keras → b.keras`."""
    pairing = found.pairing
    variables = f"{len(pairing.copied):,} of {_count(len(pairing.copied) + len(pairing.unset), 'variable')} copied"
    part = f"{pairing.params:,} of {pairing.wanted:,} parameters"
    percent = f" ({100 * pairing.params / pairing.wanted:.1f} %)" if pairing.unset and pairing.wanted else ""
    return [f"{variables}, {part}{percent}: {found.source} → {found.output}"]


# ----------------------------------------------------------------------------------------------------------------------


def _write(columns: Sequence[Column], form: str, stream: TextIO, lines: Sequence[str]) -> None:
    """A table, and under it lines where people read them."""
    if form == "csv":
        stream.write(csv_table(columns))
    elif form == "markdown":
        stream.write("\n".join([*([markdown_table(columns), ""] if columns else []), *lines]) + "\n")
    else:
        if columns:
            print_table(columns, stream)
            stream.write("\n")
        stream.write("\n".join(lines) + "\n")


def _numbers(found: Listing, shown: Callable[[float], str]) -> list[Column]:
    def column(name: str) -> Column:
        values = (getattr(each, name) if each is not None else None for each in found.numbers)
        return Column(name, tuple("" if value is None else shown(value) for value in values), right=True)

    columns = [column(name) for name in ("min", "max", "mean", "std")]
    zeros = ("" if each is None else _part(each.zeros, shown) for each in found.numbers)
    columns.append(Column("zeros", tuple(zeros), right=True))
    for name in ("nan", "inf"):
        counts = tuple("" if each is None else f"{getattr(each, name)}" for each in found.numbers)
        columns.append(Column(name, counts, right=True))
    return columns


def _part(value: float, shown: Callable[[float], str]) -> str:
    return shown(value) if shown is str else f"{100 * value:.1f} %"


def _side(each: Compared, which: int) -> str:
    entry = (each.before, each.after)[which]
    return f"{_shape(entry.shape)} {entry.dtype}" if entry is not None else ""


def _apart(each: Compared, name: str, shown: Callable[[float], str]) -> str:
    value = getattr(each.apart, name) if each.apart is not None else None
    return "" if value is None else shown(value)


def _shape(shape: Sequence[int]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def _count(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _json(data: Any, stream: TextIO) -> None:
    stream.write(json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def _listing_data(found: Listing) -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    for place, each in enumerate(found.entries):
        row = {**each._asdict(), "shape": list(each.shape), "weight": each.is_weight}
        del row["is_weight"]
        numbers = found.numbers[place] if found.numbers else None
        rows.append(row | ({"numbers": numbers._asdict()} if numbers is not None else {}))
    weights = [each for each in found.entries if each.is_weight]
    return {
        "file": found.label,
        "arrays": len(found.entries),
        "weights": len(weights),
        "params": sum(math.prod(each.shape) for each in weights),
        "bytes": sum(each.bytes for each in weights),
        "entries": rows,
    }


def _compared_data(each: Compared) -> dict[str, Any]:
    found: dict[str, Any] = {"path": each.path, "what": each.kind}
    for name, entry in (("a", each.before), ("b", each.after)):
        if entry is not None:
            found[name] = {"path": entry.path, "shape": list(entry.shape), "dtype": entry.dtype}
    if each.apart is not None:
        found |= {"max_difference": each.apart.largest, "relative": each.apart.relative, "unlike": each.apart.unlike}
    return found


def _copied_data(found: Copied) -> dict[str, Any]:
    pairing = found.pairing
    sides = {name: [_left(each) for each in lefts] for name, lefts in (("left", pairing.left), ("kept", pairing.unset))}
    return {
        "from": found.source,
        "to": found.target,
        "output": found.output,
        "params": {"copied": pairing.params, "wanted": pairing.wanted},
        "copied": [{"from": each.before, "to": each.after, "shape": list(each.shape)} for each in pairing.copied],
        **sides,
    }


def _left(each: Any) -> dict[str, Any]:
    return {"path": each.path, "shape": list(each.shape), "dtype": each.dtype, "why": each.why}
