"""What is told beside the output of a command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click


def noting(quiet: bool) -> Callable[[str], None]:
    """A function that tells a note on standard error, on one line: names in it may be a stranger's."""
    from kspec.report.cells import escaped

    def tell(note: str) -> None:
        if not quiet:
            click.echo(escaped(f"note: {note}"), err=True)

    return tell


def stays(path: Path, given: Path, tell: Callable[[str], None]) -> bool:
    """Whether a file that was found in the folder `given` is a link out of it, which is told: nothing writes there."""
    from kspec.spec.finding import leads_out

    if out := leads_out(path, given):
        tell(f"`{path}` is a link out of `{given}`: it stays as it is")
    return out
