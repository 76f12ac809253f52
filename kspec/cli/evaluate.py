"""kspec evaluate"""

from __future__ import annotations

import json
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
    "--weights", type=click.Path(path_type=Path), help="A spec's weights: .weights.h5, .safetensors or .keras."
)
@click.option("--batch-size", type=click.IntRange(min=1), help="Examples at a time (default: 32).")
@click.option("--allow-nan", is_flag=True, help="Evaluate on data with NaN or infinity in it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@options.memory
@options.loop_options
@options.spec_options
def command(
    target: Path,
    data: Path | None,
    weights: Path | None,
    batch_size: int | None,
    allow_nan: bool,
    as_json: bool,
    max_memory: str | None,
    loop: LoopName,
    no_cache: bool,
    sets: tuple[str, ...],
    trust: tuple[str, ...],
) -> None:
    """Measure a trained model: TARGET is a run folder, a .keras file, or a spec with weights."""
    from kspec import api

    def tell(text: str) -> None:
        click.echo(text, err=as_json)

    limit = options.size(max_memory)
    how: Any = {"loop": loop, "keep": not no_cache, "allow_nan": allow_nan, "max_memory": limit}
    found = api.evaluate(target, data, sets=sets, trust=trust, weights=weights, batch_size=batch_size, tell=tell, **how)
    if as_json:
        click.echo(json.dumps(found))
    else:
        width = max(map(len, found))
        click.echo("\n".join(f"{name:<{width}}  {_shown(value)}" for name, value in found.items()))


def _shown(value: Any) -> str:
    """A number, or one for each class."""
    from kspec.report.figures import figure

    return " ".join(map(_shown, value)) if isinstance(value, list) else figure(value)
