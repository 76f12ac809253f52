"""kspec slice"""

from __future__ import annotations

from pathlib import Path

import click

from kspec.cli import options
from kspec.cli.completion import spec_paths, step_names


@click.command()
@click.argument("spec", type=click.Path(path_type=Path, allow_dash=True), shell_complete=spec_paths)
@click.option(
    "--from",
    "start",
    multiple=True,
    metavar="NAME",
    shell_complete=step_names,
    help="A step (or a block's use, or an input) that it begins with; may be repeated. Default: the inputs.",
)
@click.option(
    "--to",
    "end",
    multiple=True,
    metavar="NAME",
    shell_complete=step_names,
    help="A step that it ends with, or one of its outputs (lstm.1); may be repeated. Default: the outputs.",
)
@options.printed("spec")
@options.quiet
@options.spec_options
def command(
    spec: Path,
    start: tuple[str, ...],
    end: tuple[str, ...],
    output: Path | None,
    quiet: bool,
    sets: tuple[str, ...],
    trust: tuple[str, ...],
) -> None:
    """Print a part of a model as a spec of its own: the steps on the way from the steps `--from` to the steps `--to`.

    Both ends belong to it. What its steps take from outside (what comes before `--from`, or goes around it) becomes
    its inputs, named after the steps that make it, with the shapes and dtypes that Keras finds. Layers, names and
    dtypes stay as they are; `compile` and `fit` stay where the outputs do. Names are those of `kspec show`.

    \b
    kspec slice specs/mnist_cnn.yaml --to features -o trunk.yaml
    kspec slice specs/inception.yaml --from inception --to inception
    """
    from kspec.cli.notes import noting
    from kspec.cli.reading import load_spec

    loaded = load_spec(spec, sets, trust)
    text = loaded.slice(start, end, output=output, tell=noting(quiet))
    if output is None:
        click.echo(text, nl=False)
    elif not quiet:
        click.echo(f"{loaded.name} → {output}")
