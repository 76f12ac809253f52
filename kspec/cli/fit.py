"""kspec fit"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import click

from kspec.cli import options
from kspec.cli.completion import spec_paths


@click.command()
@click.argument("spec", type=click.Path(path_type=Path, allow_dash=True), shell_complete=spec_paths)
@click.option("--data", type=click.Path(path_type=Path), help="An .npz file with the arrays to train on.")
@click.option("--validation", type=click.Path(path_type=Path), help="An .npz file with the arrays to validate on.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The run's folder (default: runs/NAME-…).")
@click.option("--json", "as_json", is_flag=True, help="Progress as JSON lines.")
@click.option("--allow-nan", is_flag=True, help="Train on data with NaN or infinity in it.")
@options.quiet
@options.memory
@options.spec_options
def command(
    spec: Path,
    data: Path | None,
    validation: Path | None,
    output: Path | None,
    as_json: bool,
    allow_nan: bool,
    quiet: bool,
    max_memory: str | None,
    sets: tuple[str, ...],
    trust: tuple[str, ...],
) -> None:
    """Train a model, in a run folder: the spec that was trained, history, curve, model and weights.

    Arrays are matched by the names of inputs and outputs, else x and y, else x_train, y_train, x_test and y_test.
    """
    from kspec.cli.edge import say
    from kspec.cli.reading import load_spec
    from kspec.report.display import make_progress

    limit = options.size(max_memory)
    mode: Literal["auto", "quiet", "json"] = "quiet" if quiet else "json" if as_json else "auto"
    progress = make_progress(mode, sys.stdout)
    loaded = load_spec(spec, sets, trust)
    if not quiet:
        say(loaded.warnings)
    try:
        result = loaded.fit(
            data,
            validation=validation,
            output=output,
            progress=progress,
            command=sys.argv[1:],
            allow_nan=allow_nan,
            max_memory=limit,
        )
    finally:
        progress.stop()
    progress.message(f"→ {result.folder}")
