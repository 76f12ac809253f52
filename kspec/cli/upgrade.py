"""kspec upgrade"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kspec.cli import options
from kspec.cli.completion import spec_paths
from kspec.cli.reading import STDIN, standard_input
from kspec.diagnostics import KspecError, Problem, UsageError

if TYPE_CHECKING:
    from kspec.upgrading import Upgrade


@click.command()
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True), shell_complete=spec_paths
)
@click.option("-w", "--write", is_flag=True, help="Write the files; else they stay as they are.")
@click.option("--check", is_flag=True, help="List what would change, and exit with 1 where anything would.")
@click.option("--diff", is_flag=True, help="Print what would change as a unified diff (the default).")
@click.option("--fast", is_flag=True, help="Leave shapes out of the check that follows; never imports Keras.")
@options.quiet
@options.trust
@options.traceback
def command(
    paths: tuple[Path, ...], write: bool, check: bool, diff: bool, fast: bool, quiet: bool, trust: tuple[str, ...]
) -> int:
    """Bring specs to today's format, and to the names that Keras has today; comments and layout stay.

    PATHS are spec files, folders (every file with a `kspec:` key in them), or `-` for standard input. What changed is
    checked, and what is still wrong is told as `kspec check` tells it, with exit status 1. A function of a file that
    changes is noted where Keras computes it otherwise since.

    \b
    kspec upgrade old.yaml             print what would change, as a diff
    kspec upgrade specs/ --check       for CI: fail where anything would
    kspec upgrade specs/ -w            write it
    """
    from kspec.cli.notes import noting, stays
    from kspec.spec.finding import spec_files
    from kspec.upgrading import upgrade

    if write + check + diff > 1:
        raise UsageError(Problem("usage", "`--write`, `--check` and `--diff` go one by one"))
    if write and Path("-") in paths:
        raise UsageError(Problem("usage", "`--write` writes files, not standard input", help="name the file"))
    status, problems, tell = 0, list[Problem](), noting(quiet)
    for path, given in spec_files(paths):
        if write and stays(path, given, tell):
            continue
        is_input = str(path) == "-"
        try:
            name = STDIN if is_input else path
            done = upgrade(name, write=write, shapes=not fast, trust=trust, text=standard_input() if is_input else None)
        except KspecError as error:
            problems += error.problems
            status = max(status, error.status)
            continue
        problems += done.problems
        changed = done.before != done.after
        status = max(status, int(any(each.severity == "error" for each in done.problems)), int(check and changed))
        _tell(done, write, check, quiet)
        for note in done.notes:
            tell(f"{done.name}:{note}")
    _report(problems)
    return status


def _tell(done: Upgrade, write: bool, check: bool, quiet: bool) -> None:
    """One file's changes, as was asked."""
    if done.before == done.after or quiet:
        return
    count = f"{len(done.changes)} change{'s' * (len(done.changes) != 1)}"
    if not write and not check:
        click.echo(done.diff, nl=False)
        return
    click.echo(f"{'upgraded' if write else 'would upgrade'}: {done.name} ({count})")
    for each in done.changes:
        click.echo(f"  {done.name}:{each}")


def _report(problems: list[Problem]) -> None:
    """What is still wrong, on the error stream: a diff is what the other one holds."""
    from kspec.report.ansi import terminal_width, wants_colour
    from kspec.report.problems import render

    text = render(problems, colour=wants_colour(sys.stderr), width=terminal_width(sys.stderr))
    click.echo(text, nl=False, err=True)
