"""kspec init"""

from __future__ import annotations

import shlex
import sys
import textwrap
from pathlib import Path

import click

from kspec.cli import options
from kspec.diagnostics import FileError, Problem, UsageError

_WAYS = (
    "a spec made from arrays: `kspec init --data x.npz`; one of the gallery, with its data: `kspec init --example NAME`"
)


@click.command()
@click.option("--data", type=click.Path(path_type=Path), help="An .npz file: make a spec from what is found in it.")
@click.option("--example", metavar="NAME", help="Write this spec of the gallery, with everything that it needs.")
@click.option("--examples", "as_list", is_flag=True, help="List the gallery.")
@options.printed("spec", "The spec's file; for an example, a folder.")
@click.option("--target", "targets", multiple=True, metavar="ARRAY", help="With --data: an array to be learned.")
@click.option("--name", metavar="NAME", help="With --data: the model's name.")
@click.option("--force", is_flag=True, help="Write over files that are there.")
@options.traceback
def command(
    data: Path | None,
    example: str | None,
    as_list: bool,
    output: Path | None,
    targets: tuple[str, ...],
    name: str | None,
    force: bool,
) -> None:
    """Start a spec: from the arrays of a data file, or from the gallery.

    \b
    kspec init --data x.npz              print a spec for the arrays in x.npz
    kspec init --data x.npz -o x.yaml    write it
    kspec init --examples                what the gallery has
    kspec init --example digits_mlp      write one of its specs, with its data

    Arrays called y, label, target and the like are to be learned; without such names, the last one.
    """
    if [data is not None, example is not None, as_list].count(True) != 1:
        several = data is not None or example is not None
        message = "`--data`, `--example` and `--examples` exclude each other" if several else "what to start from?"
        raise UsageError(Problem("usage", message, help=f"{_WAYS}; `kspec init --examples` lists them"))
    if data is None and (targets or name is not None):
        raise UsageError(Problem("usage", "`--target` and `--name` go with `--data`", help="leave them out"))
    if data is not None:
        _from_data(data, output, targets, name, force)
    elif example is not None:
        _from_gallery(example, output or Path(), force)
    else:
        _list()


def _from_data(data: Path, output: Path | None, targets: tuple[str, ...], name: str | None, force: bool) -> None:
    from kspec.files import write_atomically
    from kspec.spec.schema import NAME
    from kspec.training.starter import starter

    if name is not None and not NAME.match(name):
        raise UsageError(
            Problem("usage", f"`{name}` cannot be a name", help="write it without blanks and `/ $ : , [ ] { }`")
        )
    if output is not None and output.exists() and not force and not output.is_dir():
        help = "`--force` writes over it, `-o FILE` names another"
        raise FileError(Problem("file-write", f"`{output}` is there already", help=help))
    made = starter(data, spec=output, name=name, targets=targets)
    if output is None:
        click.echo(made.text, nl=False)
        return
    write_atomically(output, made.text)
    spec = shlex.quote(str(output))
    click.echo(f"{made.found}\n→ {output}")
    _next(f"kspec check {spec}", f"kspec fit {spec}{made.fit_options}")


def _from_gallery(name: str, folder: Path, force: bool) -> None:
    from kspec import examples

    found = examples.example(name)
    written = examples.write(found, folder, force=force)
    click.echo("\n".join(f"→ {path}" for path in written) or "everything is there already")
    _next(*found.commands(folder))


def _next(*commands: str) -> None:
    click.echo("\n".join(["next:", *(f"  {each}" for each in commands)]))


def _list() -> None:
    from kspec import examples
    from kspec.report.ansi import paint, terminal_width, wants_colour

    names = examples.names()
    column = max(map(len, names)) + 2
    width = max(min(terminal_width(sys.stdout), 120), column + 30)
    for name in names:
        text = textwrap.fill(
            examples.sentence(name), width, initial_indent=" " * column, subsequent_indent=" " * column
        )
        click.echo(paint(f"{name:<{column}}", "bold", wants_colour(sys.stdout)) + text[column:])
