"""kspec summary"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from kspec.cli import options
from kspec.cli.completion import spec_paths
from kspec.diagnostics import KspecError


@click.command()
@click.argument("target", type=click.Path(path_type=Path, allow_dash=True), shell_complete=spec_paths)
@options.spec_options
@click.option(
    "--depth", type=click.IntRange(0), metavar="N", help="Unfold blocks, repeats and models N levels; 0 folds all."
)
@click.option("--length", type=click.IntRange(1, 2**31 - 1), metavar="N", help="The size of open axes, for FLOPs.")
@options.table_format
def command(
    target: Path, sets: tuple[str, ...], trust: tuple[str, ...], depth: int | None, length: int | None, form: str
) -> None:
    """Print layers, output shapes, parameters and FLOPs; no weights are made.

    TARGET is a spec, a run folder or a .keras file. Equal copies of a repeat are shown once, as `× 12`; models that are
    steps are folded unless `--depth` says otherwise.
    """
    from kspec.cli.reading import known_target
    from kspec.report import summary

    known, costs = known_target(target, sets, trust), None
    try:
        costs = known.forward(1, length)
    except KspecError as error:  # the table is worth having without
        click.echo(f"FLOPs are left out: {error}", err=True)
    found = summary.Summary(known.name, known.plan, *((costs.flops, costs.shares) if costs is not None else ()))
    if costs is not None and costs.endless:
        click.echo("FLOPs count a loop once of which nobody knows how often it runs", err=True)
    summary.write(found, form, sys.stdout, depth)
