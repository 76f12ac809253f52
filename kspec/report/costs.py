"""What a model costs: a table of its steps, memory, time and money; for a terminal, JSON, CSV, Markdown."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TextIO

from kspec.model.cost.devices import Device, Time
from kspec.model.cost.value import Cost, Planned, Share
from kspec.model.memory import size_text
from kspec.model.outline import outline
from kspec.model.plan import Call, Plan
from kspec.report.sizes import flops, money, rate, seconds
from kspec.report.tables import Column, csv_table, markdown_table, plain_table, print_table
from kspec.report.tree import Line, tree

__all__ = ["Bill", "On", "write"]


class On(NamedTuple):
    """A device, and the time of a training step on it."""

    name: str
    device: Device
    time: Time


class Bill(NamedTuple):
    """All that is told of a model's costs."""

    name: str
    plan: Plan
    cost: Cost
    planned: Planned | None = None
    remat: bool = False
    on: tuple[On, ...] = ()
    utilisation: float = 1.0
    examples: int | None = None
    """How many examples are to be trained on, for a whole training's time and price."""


def write(bill: Bill, form: str, stream: TextIO, depth: int | None) -> None:
    """Write the report as a table, JSON, CSV or Markdown; groups deeper than `depth` are folded in those for people."""
    if form == "markdown":
        stream.write(markdown_text(bill, depth))
    elif form != "table":
        stream.write(cost_json(bill) if form == "json" else cost_csv(bill))
    else:
        print_table(columns(bill, depth), stream, title=f"{bill.name}: a batch of {bill.cost.batch.size:,}")
        for heading, text in _parts(bill):
            stream.write(f"\n{heading}\n{text}\n")


def _parts(bill: Bill) -> list[tuple[str, str]]:
    """The parts of the report: titles and tables."""
    parts = [("training memory, estimated", plain_table(_memory(bill)))]
    if bill.planned is not None:
        parts.append(
            (f"training memory, as XLA plans it on {bill.planned.platform}", plain_table(_planned(bill.planned)))
        )
    if bill.remat:
        parts.append(("blocks computed again in the backward pass", _remat(bill)))
    if bill.on:
        title = f"time at {bill.utilisation:.0%} utilisation, a rough estimate"
        parts.append((title, plain_table(_devices(bill))))
    return parts


def markdown_text(bill: Bill, depth: int | None) -> str:
    """The whole report as a document."""
    lines = [f"**{bill.name}**, a batch of {bill.cost.batch.size:,}", "", markdown_table(columns(bill, depth)), ""]
    lines += [f"Training memory, estimated: {size_text(bill.cost.memory.total)}", "", markdown_table(_memory(bill))]
    if bill.planned is not None:
        lines += ["", f"As XLA plans it on {bill.planned.platform}:", "", markdown_table(_planned(bill.planned))]
    if bill.remat:
        lines += ["", _remat(bill)]
    if bill.on:
        title = f"Time at {bill.utilisation:.0%} utilisation, a rough estimate:"
        lines += ["", title, "", markdown_table(_devices(bill))]
    return "\n".join(lines) + "\n"


def columns(bill: Bill, depth: int | None) -> list[Column]:
    """A line for each step or group, then what belongs to none, then the whole."""
    cost = bill.cost
    lines = tree(outline(bill.plan), depth, 0 if depth is None else depth)

    def sums(number: Callable[[Share], float]) -> list[float]:
        return [sum(number(cost.share(*line.path, call.name)) * times for call, times in line.calls) for line in lines]

    rest = [(name, value) for name, value in cost.rest if value]
    forward = [*sums(lambda share: share.forward), *[0.0] * len(rest), cost.forward]
    training = [*sums(lambda share: share.training), *(value for _, value in rest), cost.training]
    kept = [*sums(lambda share: share.activations), *[0.0] * len(rest), cost.memory.activations]
    moved = sums(lambda share: share.moved)
    intensity = [f"{flop / move:,.1f}" if move and flop else "" for flop, move in zip(training, moved, strict=False)]
    tail = [name for name, _ in rest]
    return [
        Column("step", (*("  " * line.depth + line.label for line in lines), *tail, "the whole")),
        Column("operation", (*(line.operation for line in lines), *[""] * (len(tail) + 1))),
        Column("forward FLOPs", _amounts(forward), right=True),
        Column("training FLOPs", _amounts(training), right=True),
        Column("share", tuple(_percent(value, cost.training) for value in training), right=True, dispensable=2),
        Column("kept for backward", tuple(size_text(int(value)) if value else "" for value in kept), right=True),
        Column("FLOPs/byte", (*intensity, *[""] * (len(tail) + 1)), right=True, dispensable=1),
    ]


def _amounts(values: Sequence[float]) -> tuple[str, ...]:
    return tuple(flops(value) if value else "" for value in values)


def _percent(value: float, whole: float) -> str:
    return f"{value / whole:.1%}" if whole and value else ""


def _memory(bill: Bill) -> list[Column]:
    memory = bill.cost.memory
    rows = {
        "weights": memory.weights,
        "gradients": memory.gradients,
        "optimizer's state": memory.optimizer,
        "activations kept for the backward pass": memory.activations,
        "copies of weights": memory.copies,
        "the batch": memory.batch,
    }
    shown = {name: size for name, size in rows.items() if size}
    return _sizes({**shown, "together": memory.total})


def _sizes(rows: dict[str, int]) -> list[Column]:
    return [Column("of", tuple(rows)), Column("bytes", tuple(map(size_text, rows.values())), right=True)]


def _planned(planned: Planned) -> list[Column]:
    return _sizes(
        {
            "weights, optimizer's state, batch": planned.arguments,
            "results beside them": planned.results,
            "activations, gradients, workspace": planned.temporary,
            "peak": planned.peak,
        }
    )


def _remat(bill: Bill) -> str:
    cost, found = bill.cost, bill.cost.rematerialized
    if found is None:
        return "there are no blocks, repeats or models as steps to compute again"
    before, after = cost.memory.activations, found.activations
    more = cost.again / cost.training if cost.training else 0.0
    total = cost.memory.total - before + after
    return (
        f"activations {size_text(after)} instead of {size_text(before)}, together {size_text(total)}; "
        f"{flops(cost.again)} more FLOPs a step ({more:+.0%})"
    )


def _devices(bill: Bill) -> list[Column]:
    size, total = bill.cost.batch.size, bill.cost.memory.total
    tokens = _tokens(bill)
    found = [
        Column("device", tuple(on.name for on in bill.on)),
        Column("dtype", tuple(on.time.dtype for on in bill.on)),
        Column("a step", tuple(seconds(on.time.seconds) for on in bill.on), right=True),
        Column("examples/s", tuple(rate(size / on.time.seconds) for on in bill.on), right=True),
    ]
    if tokens:
        found.append(Column("tokens/s", tuple(rate(size * tokens / on.time.seconds) for on in bill.on), right=True))
    found.append(Column("waits for memory", tuple(f"{on.time.bound:.0%}" for on in bill.on), right=True))
    fits = (f"{total / on.device.memory:.0%} of {size_text(on.device.memory)}" for on in bill.on)
    found.append(Column("memory", tuple(fits), right=True))
    examples = bill.examples or 1_000_000
    title = f"{examples:,} examples"
    times = [on.time.seconds * examples / size for on in bill.on]
    found.append(Column(title, tuple(map(seconds, times)), right=True))
    if any(on.device.price is not None for on in bill.on):
        prices = (
            "" if on.device.price is None else money(on.device.price * taken / 3600)
            for on, taken in zip(bill.on, times, strict=True)
        )
        found.append(Column("price", tuple(prices), right=True))
    return found


def _tokens(bill: Bill) -> int:
    """How many tokens an example has: the length of the longest input of whole numbers with one axis."""
    length = bill.cost.batch.length
    shapes = [
        shape
        for call in bill.plan.calls
        if call.operation == "Input"
        for shape, dtype in call.outputs
        if "int" in dtype
    ]
    return max((shape[1] or length or 0 for shape in shapes if len(shape) == 2), default=0)


# -- for machines ------------------------------------------------------------------------------------------------------


def cost_json(bill: Bill) -> str:
    """Everything, nothing folded; FLOPs are of a batch, bytes of a training step on one."""
    cost = bill.cost
    again = cost.rematerialized
    whole: dict[str, Any] = {
        "name": bill.name,
        "batch_size": cost.batch.size,
        "length": cost.batch.length,
        "dtype": cost.dtype,
        "forward_flops": round(cost.forward),
        "training_flops": round(cost.training),
        "unattributed": {name: round(value) for name, value in cost.rest},
        "loops_of_unknown_length": cost.endless,
        "memory": {**cost.memory._asdict(), "total": cost.memory.total},
        "rematerialized": again and {"activations": again.activations, "flops": round(cost.again)},
        "planned": bill.planned and {**bill.planned._asdict(), "peak": bill.planned.peak},
        "utilisation": bill.utilisation,
        "devices": [_device(bill, on) for on in bill.on],
        "layers": [_layer(cost, call, ()) for call in bill.plan.calls],
    }
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"


def _device(bill: Bill, on: On) -> dict[str, Any]:
    taken, price = on.time.seconds, on.device.price
    return {
        "name": on.name,
        "dtype": on.time.dtype,
        "seconds": taken,
        "examples_per_second": bill.cost.batch.size / taken,
        "memory_bound": on.time.bound,
        "fits": bill.cost.memory.total <= on.device.memory,
        "price_of_a_million_examples": None if price is None else price * taken * 1e6 / bill.cost.batch.size / 3600,
    }


def _layer(cost: Cost, call: Call, path: tuple[str, ...]) -> dict[str, Any]:
    share = cost.share(*path, call.name)
    found: dict[str, Any] = {
        "name": call.name,
        "operation": call.operation,
        "forward_flops": round(share.forward),
        "training_flops": round(share.training),
    }
    if not path:
        found |= {"activation_bytes": share.activations, "moved_bytes": share.moved}
    if call.inner:
        found["layers"] = [_layer(cost, each, (*path, call.name)) for each in call.inner]
    return found


def cost_csv(bill: Bill) -> str:
    """A line for every step, nothing folded, and one for what belongs to none."""
    lines = [Line(0, call.name, call.operation, 1, call, ((call, 1),)) for call in bill.plan.calls]
    shares = [bill.cost.share(line.label) for line in lines]
    rest = bill.cost.rest
    names = (*(line.label for line in lines), *(name for name, _ in rest))
    blank = [""] * len(rest)
    return csv_table(
        [
            Column("name", names),
            Column("operation", (*(line.operation for line in lines), *blank)),
            Column("forward_flops", (*(str(round(share.forward)) for share in shares), *blank)),
            Column(
                "training_flops", (*(str(round(share.training)) for share in shares), *(str(round(v)) for _, v in rest))
            ),
            Column("activation_bytes", (*(str(share.activations) for share in shares), *blank)),
            Column("moved_bytes", (*(str(share.moved) for share in shares), *blank)),
        ]
    )
