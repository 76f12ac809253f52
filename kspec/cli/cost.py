"""kspec cost"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kspec.cli import options
from kspec.cli.completion import spec_paths
from kspec.diagnostics import Problem, UsageError

if TYPE_CHECKING:
    from kspec.model.cost.devices import Device

LARGEST = 2**31 - 1


@click.command()
@click.argument("target", type=click.Path(path_type=Path, allow_dash=True), shell_complete=spec_paths)
@options.spec_options
@click.option("--batch-size", "batch", default="32", metavar="N|max", help="Examples in a batch; max: what fits.")
@click.option("--length", type=click.IntRange(1, LARGEST), metavar="N", help="The size of axes that are open.")
@click.option("--memory", metavar="SIZE", help="For `--batch-size max`: 80GB; else the device's memory.")
@click.option("--depth", type=click.IntRange(0), default=1, metavar="N", help="Unfold blocks and models N levels.")
@click.option("--compile", "compiled", is_flag=True, help="Compile the step here, and tell the peak that XLA plans.")
@click.option("--remat", is_flag=True, help="What computing blocks again in the backward pass would save.")
@click.option("--device", "names", multiple=True, metavar="NAME", help="Estimate time and price on it: h200, tpu-v5e.")
@click.option(
    "--devices", "file", type=click.Path(path_type=Path), metavar="FILE", help="Devices of your own, in YAML."
)
@click.option("--utilisation", type=click.FloatRange(0, 1, min_open=True), default=0.4, show_default=True, metavar="U")
@click.option("--examples", type=click.IntRange(1), metavar="N", help="Of a whole training, for its time and price.")
@options.table_format
def command(
    target: Path,
    sets: tuple[str, ...],
    trust: tuple[str, ...],
    batch: str,
    length: int | None,
    memory: str | None,
    depth: int,
    compiled: bool,
    remat: bool,
    names: tuple[str, ...],
    file: Path | None,
    utilisation: float,
    examples: int | None,
    form: str,
) -> None:
    """Tell what computing and training cost: FLOPs, memory, time, price. Nothing is allocated or run.

    TARGET is a spec, a run folder or a .keras file. FLOPs are XLA's own count of the programs that Keras would run,
    split by step. Memory is an estimate of a training step's (the peak that XLA plans is told by `--compile`), time is
    a rough one.
    """
    from kspec.cli.reading import known_target
    from kspec.model.cost.devices import device, devices, time
    from kspec.report.costs import Bill, On, write

    table = devices(file)
    chosen = {name: device(name, table) for name in names}
    limit = _limit(batch, memory, chosen)
    known = known_target(target, sets, trust)
    size = known.largest_batch(limit, length) if limit is not None else _size(batch)
    cost = known.cost(size, length)
    on = tuple(On(name, each, time(cost, each, utilisation)) for name, each in chosen.items())
    planned = known.planned(size, length) if compiled else None
    if cost.endless:
        click.echo("a loop of which nobody knows how often it runs is counted once", err=True)
    write(Bill(known.name, known.plan, cost, planned, remat, on, utilisation, examples), form, sys.stdout, depth)


def _size(batch: str) -> int:
    if not batch.isascii() or not batch.isdigit() or not 1 <= int(batch[:20]) <= LARGEST:
        message = f"`{batch}` is not a size of a batch; write a whole number from 1 to {LARGEST:,}, or max"
        raise click.BadParameter(message, param_hint="--batch-size")
    return int(batch)


def _limit(batch: str, memory: str | None, chosen: dict[str, Device]) -> int | None:
    """How many bytes there are for the largest batch; None where the batch's size is given."""
    given = options.size(memory, "--memory")
    if batch != "max":
        return None
    limits = [given] if given is not None else [each.memory for each in chosen.values()]
    if not limits:
        help = "say `--memory 80GB`, or name a device: `--device h200`"
        raise UsageError(Problem("usage", "`--batch-size max` needs to know how much memory there is", help=help))
    return min(limits)
