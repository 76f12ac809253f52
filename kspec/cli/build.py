"""kspec build"""

from __future__ import annotations

from pathlib import Path

import click

from kspec.cli import options
from kspec.cli.completion import spec_paths


@click.command()
@click.argument("spec", type=click.Path(path_type=Path, allow_dash=True), shell_complete=spec_paths)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Where to save: .keras, or the weights alone, .weights.h5 or .safetensors; written over.",
)
@options.memory
@options.quiet
@options.spec_options
def command(
    spec: Path,
    output: Path | None,
    max_memory: str | None,
    quiet: bool,
    sets: tuple[str, ...],
    trust: tuple[str, ...],
) -> None:
    """Build the Keras model with its weights, compiled, and save it."""
    from kspec.cli.edge import say
    from kspec.cli.reading import load_spec
    from kspec.files import check_target
    from kspec.model.save import check_ending, save

    if output is not None:
        check_ending(output)
        check_target(output)
    loaded = load_spec(spec, sets, trust)
    if not quiet:
        say(loaded.warnings)
    model = loaded.build(max_memory=options.size(max_memory))
    if output is not None:
        save(model, output)
    if not quiet:
        where = f" → {output}" if output is not None else " (not saved: -o model.keras)"
        click.echo(f"{loaded.name}: {model.count_params():,} parameters{where}")
