"""A benchmark as a table and as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, TextIO

from kspec.model.cost.speed import Outcome
from kspec.model.memory import size_text
from kspec.report.sizes import seconds
from kspec.report.tables import Column, print_table


@dataclass(frozen=True)
class Bench:
    """What was measured, and what it means for the device."""

    name: str
    data: str
    outcome: Outcome
    device: str
    flops: float | None
    """Of a training step, by XLA's count; None where axes are open."""
    peak: float | None
    """FLOPs a second that the device can do; where no table has it, what a large product of matrices reaches here."""
    peak_of: str


_TITLES = {
    "keras": "keras.Model.fit",
    "kspec": "kspec fit",
    "hand_scan": "by hand: an epoch in a program (lax.scan)",
    "hand_single": "by hand: a step in a program",
}


def print_bench(bench: Bench, stream: TextIO) -> None:
    """Print the table and what belongs beside it."""
    found = bench.outcome
    measured = found.contenders
    columns = [
        Column("training by", tuple(_TITLES[each.name] for each in measured)),
        Column("an epoch", tuple(seconds(each.seconds) for each in measured), True),
        Column("steps/s", tuple(f"{found.steps / each.seconds:,.0f}" for each in measured), True),
        Column("examples/s", tuple(f"{found.rows / each.seconds:,.0f}" for each in measured), True),
        Column("× fit", tuple(f"{found.ratio(each.name, 'keras'):.2f}" for each in measured), True),
        Column("first epoch", tuple(seconds(each.first) for each in measured), True),
    ]
    print_table(columns, stream, title=f"{bench.name}: {bench.data}, batches of {found.batch:,}, on {bench.device}")
    for line in _beside(bench):
        stream.write(line + "\n")


def _beside(bench: Bench) -> list[str]:
    found = bench.outcome
    lines = []
    lines.append(f"kspec is {found.ratio('kspec', found.limit):.2f} × as fast as the better loop by hand")
    lines.append(f"steps are run by `{found.way}`: {found.why}")
    lines.append(f"first steps after {seconds(found.cold)}, with kept programs {seconds(found.warm)}")
    lines.append(f"compiling {seconds(found.compiling)}")
    if found.memory is not None:
        lines.append(f"memory of the training program {size_text(found.memory)}")
    if (used := _utilisation(bench)) is not None:
        lines.append(f"{used:.1%} of {bench.peak:.3g} FLOPs a second ({bench.peak_of})")
    return lines


def _utilisation(bench: Bench) -> float | None:
    """The part of the device's operations that are the model's own."""
    if bench.flops is None or not bench.peak:
        return None
    found = bench.outcome
    return bench.flops * found.rows / found.batch / found.of("kspec").seconds / bench.peak


def bench_json(bench: Bench) -> str:
    """All numbers: times in seconds, memory in bytes, ratios of speeds."""
    found = bench.outcome
    contenders: dict[str, Any] = {
        each.name: {
            "epoch": each.seconds,
            "epochs": each.epochs,
            "steps_per_second": found.steps / each.seconds,
            "examples_per_second": found.rows / each.seconds,
            "to_fit": found.ratio(each.name, "keras"),
            "first_epoch": each.first,
        }
        for each in found.contenders
    }
    told = {
        "name": bench.name,
        "device": bench.device,
        "data": bench.data,
        "rows": found.rows,
        "batch_size": found.batch,
        "contenders": contenders,
        "to_hand": found.ratio("kspec", found.limit),
        "way": found.way,
        "why": found.why,
        "first_step_cold": found.cold,
        "first_step_warm": found.warm,
        "compiling": found.compiling,
        "program_memory": found.memory,
        "training_flops": bench.flops,
        "peak_flops": bench.peak,
        "peak_of": bench.peak_of,
        "utilisation": _utilisation(bench),
    }
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"
