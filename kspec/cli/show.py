"""kspec show"""

from __future__ import annotations

from pathlib import Path

import click

from kspec.cli import options
from kspec.cli.completion import spec_paths


@click.command()
@click.argument("spec", type=click.Path(path_type=Path, allow_dash=True), shell_complete=spec_paths)
@click.option("--stage", metavar="STAGE", default="canonical", help="canonical, source, spec, steps, graph or plan.")
@click.option("--origins", is_flag=True, help="Say for every value where it came from.")
@options.spec_options
def command(spec: Path, stage: str, origins: bool, sets: tuple[str, ...], trust: tuple[str, ...]) -> None:
    """Print the canonical spec: every short form spelled out, every step named, defaults left out."""
    from kspec.cli.reading import load_spec

    loaded = load_spec(spec, sets, trust)
    if origins:
        from kspec.report.origins import origins_text

        click.echo(origins_text(loaded.origins()), nl=False)
    else:
        click.echo(loaded.show(stage), nl=False)
