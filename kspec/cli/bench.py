"""kspec bench"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from kspec.cli import options
from kspec.cli.completion import spec_paths


@click.command()
@click.argument("spec", type=click.Path(path_type=Path, allow_dash=True), shell_complete=spec_paths)
@click.option("--data", type=click.Path(path_type=Path), help="Data to train on (default: the spec's, else random).")
@click.option("--rows", type=click.IntRange(1, 2**31 - 1), metavar="N", help="Train on so many random rows.")
@click.option("--batch-size", type=click.IntRange(1, 2**31 - 1), metavar="N", help="Rows of a step.")
@click.option("--repeats", type=click.IntRange(1, 1000), default=5, show_default=True, metavar="N")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@options.memory
@options.spec_options
def command(
    spec: Path,
    data: Path | None,
    rows: int | None,
    batch_size: int | None,
    repeats: int,
    as_json: bool,
    max_memory: str | None,
    sets: tuple[str, ...],
    trust: tuple[str, ...],
) -> None:
    """Measure how fast a model trains here: by kspec, by keras.Model.fit, and by loops written by hand with JAX.

    All are measured in one process, in turn; ratios are medians over the turns.
    """
    from kspec.benching import bench
    from kspec.cli.reading import load_spec
    from kspec.report.bench import bench_json, print_bench
    from kspec.report.display import make_progress

    progress = make_progress("quiet" if as_json else "auto", sys.stderr)
    try:
        loaded = load_spec(spec, sets, trust)
        sizes = {"rows": rows, "batch_size": batch_size, "max_memory": options.size(max_memory)}
        found = bench(loaded, data, repeats=repeats, tell=progress.waiting, **sizes)
    finally:
        progress.stop()
    if as_json:
        click.echo(bench_json(found), nl=False)
    else:
        print_bench(found, sys.stdout)
