"""kspec runs"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from kspec.cli import options


@click.group(invoke_without_command=True)
@click.option("--in", "folder", type=click.Path(path_type=Path), default=Path("runs"), help="Where runs are (runs).")
@options.table_format
@options.traceback
@click.pass_context
def command(context: click.Context, folder: Path, form: str) -> None:
    """List runs: state, progress, last checkpoint, best metrics; the last one begun stands last.

    A run that was ended from outside is `killed`: `kspec fit --resume RUN` goes on with it.
    """
    from kspec.api import runs
    from kspec.report.runs import columns
    from kspec.report.tables import csv_table, markdown_table, print_table

    if context.invoked_subcommand is not None:
        return
    found = [run.as_json() for run in runs(folder)]
    if form == "json":
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    elif form == "table":
        print_table(columns(found), sys.stdout)
    else:
        click.echo((csv_table if form == "csv" else markdown_table)(columns(found)), nl=form != "csv")


@command.command()
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path))
@options.traceback
def verify(runs: tuple[Path, ...]) -> int:
    """Hash the checkpoints, models and weights of RUNS again (default: all in `runs`), and tell what is damaged.

    Exit status 3 where anything is.
    """
    from kspec.api import verify as hashed

    found: dict[str, list[str]] = {}
    for folder in runs or (Path("runs"),):
        found |= hashed(folder)
    for run, damages in found.items():
        for text in damages or [f"{run}: as it was written"]:
            click.echo(text)
    return 3 if any(found.values()) else 0
