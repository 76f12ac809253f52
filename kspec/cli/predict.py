"""kspec predict"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kspec.cli import options
from kspec.cli.completion import target_paths

if TYPE_CHECKING:
    from kspec.training.loop import LoopName


@click.command()
@click.argument("target", type=click.Path(path_type=Path), shell_complete=target_paths)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="A file, files ('*.parquet') or a folder (default: the spec's test, else validation, else training data).",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="Where: .npz, .csv or .parquet, written over.",
)
@click.option(
    "--weights", type=click.Path(path_type=Path), help="A spec's weights: .weights.h5, .safetensors or .keras."
)
@click.option("--batch-size", type=click.IntRange(min=1), help="Examples at a time (default: 32).")
@options.quiet
@options.memory
@options.loop_options
@options.spec_options
def command(
    target: Path,
    data: Path | None,
    output: Path,
    weights: Path | None,
    batch_size: int | None,
    quiet: bool,
    max_memory: str | None,
    loop: LoopName,
    no_cache: bool,
    sets: tuple[str, ...],
    trust: tuple[str, ...],
) -> None:
    """Write a trained model's predictions: TARGET is a run folder, a .keras file, or a spec with weights."""
    from kspec import api
    from kspec.files import check_target
    from kspec.training.predictions import write_predictions, writer_for

    writer_for(output)
    check_target(output)
    tell = None if quiet else click.echo
    how: Any = {"loop": loop, "keep": not no_cache, "max_memory": options.size(max_memory)}
    found = api.predict(target, data, sets=sets, trust=trust, weights=weights, batch_size=batch_size, tell=tell, **how)
    write_predictions(output, found)
    if not quiet:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in found.items())
        click.echo(f"{shapes} → {output}")
