"""kspec summary"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from kspec.cli import options
from kspec.cli.completion import spec_paths


@click.command()
@click.argument("spec", type=click.Path(path_type=Path, allow_dash=True), shell_complete=spec_paths)
@options.spec_options
def command(spec: Path, sets: tuple[str, ...], trust: tuple[str, ...]) -> None:
    """Print layers, output shapes and parameters; no weights are made."""
    from kspec import api
    from kspec.cli.reading import load_spec
    from kspec.report.tables import Totals, print_summary

    loaded = load_spec(spec, sets, trust)
    plan = loaded.plan()
    totals = Totals(plan.params, plan.trainable, plan.non_trainable, plan.weight_bytes)
    print_summary(api.rows(plan), totals, sys.stdout, title=loaded.name)
