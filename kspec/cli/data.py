"""kspec data"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from kspec.cli import options
from kspec.cli.completion import spec_paths


@click.command()
@click.argument("source")
@click.option(
    "--spec",
    type=click.Path(path_type=Path),
    shell_complete=spec_paths,
    help="Tell which input and output of this spec each field fits.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@options.spec_options
def command(source: str, spec: Path | None, as_json: bool, sets: tuple[str, ...], trust: tuple[str, ...]) -> None:
    """Describe data: fields, shapes, dtypes, ranges, missing values, classes.

    SOURCE is a file, a pattern of files in quotes ('shards/*.parquet'), a folder of images or of arrays, or a spec that
    names its data. Everything is looked through once, block by block.
    """
    from kspec import api
    from kspec.report.data import print_data

    found = api.describe(source, spec=spec, sets=sets, trust=trust)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        print_data(found, sys.stdout)
