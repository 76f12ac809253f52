"""kspec layers"""

from __future__ import annotations

import sys

import click

from kspec.cli import options
from kspec.cli.completion import keras_names


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=keras_names)
@click.option("--search", metavar="TEXT", help="Every name with this in it, or in its first sentence.")
@options.traceback
def command(names: tuple[str, ...], search: str | None) -> None:
    """What Keras offers, in the words of a spec: layers, and with NAME everything about one of them.

    NAME may be anything that a spec can name: Dense, ops.matmul, AdamW, CosineDecay, EarlyStopping.
    """
    from kspec.report.ansi import terminal_width, wants_colour
    from kspec.report.catalogue import described, found, listed

    colour, width = wants_colour(sys.stdout), terminal_width(sys.stdout)
    if not names:
        click.echo(listed(found(search), colour=colour, width=width), nl=False)
        return
    click.echo("\n".join(described(name, colour=colour, width=width) for name in names), nl=False)
