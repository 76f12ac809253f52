"""kspec check"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from kspec.cli import options
from kspec.cli.edge import trace
from kspec.diagnostics import KspecError, Problem


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
@click.option("--fast", is_flag=True, help="Leave shapes out; never imports Keras.")
@click.option("--filename", metavar="NAME", default="<stdin>", help="The name of what `-` reads.")
@options.quiet
@options.spec_options
def command(
    paths: tuple[Path, ...], fast: bool, filename: str, quiet: bool, sets: tuple[str, ...], trust: tuple[str, ...]
) -> int:
    """Find every mistake in specs: syntax, names, arguments, wiring, and (without --fast) shapes.

    PATHS are spec files, folders (every file with a `kspec:` key in them), or `-` for standard input.
    """
    from kspec.cli.reading import load_spec
    from kspec.report.ansi import terminal_width, wants_colour
    from kspec.report.problems import ok_line, render
    from kspec.spec.finding import spec_files

    problems: list[Problem] = []
    status = 0
    colour = wants_colour(sys.stdout)
    for path in spec_files(paths):
        try:
            loaded = load_spec(path, sets, trust, filename, partly=not fast)
            problems.extend(loaded.warnings)
            part = loaded.compiled.spec.is_part
            params = None if fast or part else loaded.plan().params
        except KspecError as error:
            trace()
            problems.extend(error.problems)
            status = max(status, error.status)
            continue
        if not quiet:
            name, detail = filename if str(path) == "-" else str(path), "a part, without layers" if part else ""
            click.echo(ok_line(name, params, detail=detail, colour=colour))
    text = render(problems, colour=colour, width=terminal_width(sys.stdout))
    click.echo(text, nl=False)
    return status
