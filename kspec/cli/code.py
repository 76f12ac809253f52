"""kspec code"""

from __future__ import annotations

from pathlib import Path

import click

from kspec.cli import options
from kspec.cli.completion import spec_paths


@click.command()
@click.argument("spec", type=click.Path(path_type=Path, allow_dash=True), shell_complete=spec_paths)
@click.option(
    "--style",
    type=click.Choice(["functional", "sequential", "subclass"]),
    default="functional",
    help="Tensors from call to call (the default), a chain of layers, or a keras.Model of its own class.",
)
@click.option("--train", is_flag=True, help="A whole script: it loads the data, trains, and saves the model.")
@click.option("--data", type=click.Path(path_type=Path), help="Training data of the script, in place of the spec's.")
@options.printed("code")
@options.quiet
@options.spec_options
def command(
    spec: Path,
    style: str,
    train: bool,
    data: Path | None,
    output: Path | None,
    quiet: bool,
    sets: tuple[str, ...],
    trust: tuple[str, ...],
) -> None:
    """Write a spec as plain Keras code, which needs no kspec: blocks are functions, repeats loops, variables arguments.

    The code has built the same model, with nothing allocated, before it is given out.

    \b
    kspec code specs/decoder.yaml -o decoder.py
    kspec code specs/digits_mlp.yaml --style sequential
    kspec code specs/digits_mlp.yaml --train -o train.py
    """
    from kspec.cli.notes import noting
    from kspec.cli.reading import load_spec
    from kspec.coding import code

    loaded = load_spec(spec, sets, trust)
    text = code(loaded, style=style, train=train, data=data, output=output, tell=noting(quiet))  # type: ignore[arg-type]
    if output is None:
        click.echo(text, nl=False)
    elif not quiet:
        click.echo(f"{loaded.name} → {output}")
