"""kspec fit"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from kspec.cli import options
from kspec.cli.completion import spec_paths

if TYPE_CHECKING:
    from kspec.training.loop import LoopName


@click.command()
@click.argument("spec", required=False, type=click.Path(path_type=Path, allow_dash=True), shell_complete=spec_paths)
@click.option(
    "--data", type=click.Path(path_type=Path), help="Data to train on: a file, files ('*.parquet') or a folder."
)
@click.option("--validation", type=click.Path(path_type=Path), help="Data to validate on.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The run's folder (default: runs/NAME-…).")
@click.option("--epochs", type=click.IntRange(1), help="Train to this epoch: fit.epochs.")
@click.option(
    "--checkpoint-every",
    metavar="INTERVAL",
    show_default="5 minutes",
    help="'40 steps', '2 epochs', '30 minutes' or never.",
)
@click.option(
    "--resume",
    metavar="[RUN]",
    is_flag=False,
    flag_value="",
    help="Go on with a run from its last checkpoint; by default the last run of this spec; auto: that in -o, if begun.",
)
@click.option("--accept-changes", is_flag=True, help="Go on also where the spec, data, versions or machine changed.")
@click.option(
    "--on-nan",
    type=click.Choice(["stop", "skip", "rollback"]),
    help="At a loss that is no number: stop (default), leave the step out, or take the last checkpoint's weights.",
)
@click.option("--json", "as_json", is_flag=True, help="Progress as JSON lines.")
@click.option("--allow-nan", is_flag=True, help="Train on data with NaN or infinity in it.")
@options.quiet
@options.memory
@options.loop_options
@options.spec_options
def command(
    spec: Path | None,
    data: Path | None,
    validation: Path | None,
    output: Path | None,
    epochs: int | None,
    checkpoint_every: str | None,
    resume: str | None,
    accept_changes: bool,
    on_nan: str | None,
    as_json: bool,
    allow_nan: bool,
    quiet: bool,
    max_memory: str | None,
    loop: LoopName,
    no_cache: bool,
    sets: tuple[str, ...],
    trust: tuple[str, ...],
) -> None:
    """Train a model, in a run folder: the spec that was trained, history, curve, model and weights.

    Arrays and columns are matched by the names of inputs and outputs, else x and y, else x_train, y_train, x_test and
    y_test. `kspec data` tells what a file holds.
    """
    from kspec.cli.edge import say
    from kspec.cli.reading import load_spec_or_run
    from kspec.report.display import make_progress

    limit = options.size(max_memory)
    mode: Literal["auto", "quiet", "json"] = "quiet" if quiet else "json" if as_json else "auto"
    progress = make_progress(mode, sys.stdout)
    given = {"fit.epochs": epochs, "fit.checkpoint_every": checkpoint_every, "fit.on_nan": on_nan}
    sets += tuple(f"{key}={value}" for key, value in given.items() if value is not None)
    loaded, resume = load_spec_or_run(spec, resume, sets, trust)
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
            loop=loop,
            keep=not no_cache,
            resume=resume,
            accept_changes=accept_changes,
        )
    finally:
        progress.stop()
    progress.message(f"→ {result.folder}")
