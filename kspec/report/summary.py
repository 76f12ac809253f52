"""The summary of a model: Keras's table and counts, with what it costs to compute; as a table, JSON, CSV, Markdown."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, TextIO

from kspec.model.outline import outline
from kspec.model.plan import Call, Plan
from kspec.report.sizes import flops, keras_size
from kspec.report.tables import Column, csv_table, markdown_table, plain_table, print_table
from kspec.report.tree import Line, tree

__all__ = ["Summary", "flat_table", "print_summary", "totals_lines", "write"]


class Summary(NamedTuple):
    """What a summary tells: a plan, and where they are known the FLOPs of computing one example."""

    name: str
    plan: Plan
    flops: float | None = None
    shares: Mapping[tuple[str, ...], float] = {}
    """FLOPs of each call by its name; in a model that is a step, by both."""


def write(summary: Summary, form: str, stream: TextIO, depth: int | None = None) -> None:
    """Write the summary as a table, JSON, CSV or Markdown; `depth` is for those that people read."""
    if form == "table":
        print_summary(summary, stream, depth)
    elif form == "markdown":
        stream.write(summary_markdown(summary, depth))
    else:
        stream.write(summary_json(summary) if form == "json" else summary_csv(summary))


def print_summary(summary: Summary, stream: TextIO, depth: int | None = None) -> None:
    """Print table and totals; groups deeper than `depth` are folded, and models unless it is given."""
    lines = _tree(summary, depth)
    faint = [line.call is not None and line.call.frozen > 0 and not line.call.trainable for line in lines]
    print_table(_columns(summary, lines), stream, title=summary.name, faint=faint)
    stream.write("\n".join(["", *totals_lines(summary)]) + "\n")
    stream.flush()


def summary_markdown(summary: Summary, depth: int | None = None) -> str:
    """The same for a document or a pull request."""
    table = markdown_table(_columns(summary, _tree(summary, depth)))
    return "\n".join([f"**{summary.name}**", "", table, "", *(f"{line}  " for line in totals_lines(summary))]) + "\n"


def totals_lines(summary: Summary) -> list[str]:
    """Keras's lines under the table, what of it is frozen, and what computing costs."""
    plan = summary.plan
    frozen = sum(call.frozen for call in plan.calls)
    lines = [
        f"Total params: {plan.params:,} ({keras_size(plan.weight_bytes)})",
        f"Trainable params: {plan.trainable:,}",
        f"Non-trainable params: {plan.non_trainable:,}" + (f" ({frozen:,} of them frozen)" if frozen else ""),
    ]
    if summary.flops is not None:
        lines.append(f"Forward FLOPs of one example: {flops(summary.flops)}")
    return lines


def flat_table(plan: Plan) -> str:
    """Every call in one line, none folded."""
    lines = [Line(0, call.name, call.operation, 1, call, ((call, 1),)) for call in plan.calls]
    return plain_table([column for column in _columns(Summary("", plan), lines) if column.title != "weights"])


def _tree(summary: Summary, depth: int | None) -> list[Line]:
    return tree(outline(summary.plan), depth, 0 if depth is None else depth)


def _columns(summary: Summary, lines: Sequence[Line]) -> list[Column]:
    def total(number: Callable[[Call], float]) -> list[float]:
        return [sum(number(call) * times for call, times in line.calls) for line in lines]

    params = [int(value) for value in total(lambda call: call.params)]
    shown = [
        Column("layer", tuple("  " * line.depth + line.label for line in lines)),
        Column("operation", tuple(map(_operation, lines))),
        Column("output shape", tuple(map(_shapes, lines)), whole=True),
        Column("dtype", tuple(map(_dtypes, lines)), whole=True, dispensable=3),
        Column("params", tuple(f"{value:,}" for value in params), right=True),
        Column("weights", tuple(map(_bytes, total(lambda call: call.weight_bytes))), right=True, dispensable=2),
    ]
    if summary.flops is not None:
        costs = [
            sum(summary.shares.get((*line.path, call.name), 0.0) * times for call, times in line.calls)
            for line in lines
        ]
        shown.append(
            Column("FLOPs", tuple(flops(value) if value else "" for value in costs), right=True, dispensable=1)
        )
    if not _is_chain(summary.plan.calls):
        shown.append(Column("connected to", tuple(map(_sources, lines)), dispensable=4))
    return shown


def _bytes(size: float) -> str:
    return keras_size(int(size)) if size else ""


def _operation(line: Line) -> str:
    call = line.call
    if call is None:
        return line.operation
    marks = [word for word, holds in (("shared", call.shared), ("frozen", call.frozen and not call.trainable)) if holds]
    return line.operation + (f" ({', '.join(marks)})" if marks else "")


def _shapes(line: Line) -> str:
    if line.call is None:
        return ""
    return "\n".join(str(shape) for shape, _ in line.call.outputs)


def _dtypes(line: Line) -> str:
    return ", ".join(dict.fromkeys(dtype for _, dtype in line.call.outputs)) if line.call is not None else ""


def _sources(line: Line) -> str:
    return ", ".join(line.call.sources) if line.call is not None else ""


def _is_chain(calls: Sequence[Call]) -> bool:
    return all(call.sources in ((), (before.name,)) for before, call in pairwise(calls))


# -- for machines ------------------------------------------------------------------------------------------------------


def summary_json(summary: Summary) -> str:
    """Everything, nothing folded."""
    plan = summary.plan
    whole = {
        "name": summary.name,
        "params": plan.params,
        "trainable": plan.trainable,
        "frozen": sum(call.frozen for call in plan.calls),
        "weight_bytes": plan.weight_bytes,
        "depth": plan.depth,
        "flops": _whole(summary.flops),
        "outputs": [{"name": name, "shape": shape, "dtype": dtype} for name, shape, dtype in plan.outputs],
        "layers": [_layer(summary, call, ()) for call in plan.calls],
    }
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"


def _whole(number: float | None) -> int | None:
    return None if number is None else round(number)


def _layer(summary: Summary, call: Call, path: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": call.name,
        "layer": call.layer,
        "operation": call.operation,
        "inputs": [[name, index] for name, index in call.wires],
        "outputs": [{"shape": shape, "dtype": dtype} for shape, dtype in call.outputs],
        "params": call.params,
        "trainable": call.trainable,
        "frozen": call.frozen,
        "other": call.other,
        "weight_bytes": call.weight_bytes,
        "shared": call.shared,
    }
    if summary.flops is not None:
        found["flops"] = round(summary.shares.get((*path, call.name), 0.0))
    if call.inner:
        found["layers"] = [_layer(summary, each, (*path, call.name)) for each in call.inner]
    return found


def summary_csv(summary: Summary) -> str:
    """A line for every call, nothing folded; calls in models that are steps have the model's name before theirs."""
    rows: list[tuple[str, Call, float]] = []

    def add(calls: Sequence[Call], path: tuple[str, ...]) -> None:
        for call in calls:
            rows.append(("/".join((*path, call.name)), call, summary.shares.get((*path, call.name), 0.0)))
            add(call.inner, (*path, call.name))

    add(summary.plan.calls, ())
    columns = [
        ("name", [name for name, _, _ in rows]),
        ("operation", [call.operation for _, call, _ in rows]),
        ("shape", ["; ".join(str(shape) for shape, _ in call.outputs) for _, call, _ in rows]),
        ("dtype", ["; ".join(dtype for _, dtype in call.outputs) for _, call, _ in rows]),
        ("params", [str(call.params) for _, call, _ in rows]),
        ("trainable", [str(call.trainable) for _, call, _ in rows]),
        ("frozen", [str(call.frozen) for _, call, _ in rows]),
        ("other", [str(call.other) for _, call, _ in rows]),
        ("weight_bytes", [str(call.weight_bytes) for _, call, _ in rows]),
        ("shared", [str(call.shared).lower() for _, call, _ in rows]),
        ("flops", ["" if summary.flops is None else str(round(cost)) for _, _, cost in rows]),
        ("inputs", ["; ".join(call.sources) for _, call, _ in rows]),
    ]
    return csv_table([Column(title, tuple(cells)) for title, cells in columns])
