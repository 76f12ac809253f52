"""kspec diff"""

from __future__ import annotations

import sys

import click

from kspec.cli import options
from kspec.cli.completion import spec_paths
from kspec.report.diff import FORMATS


@click.command()
@click.argument("a", metavar="A", shell_complete=spec_paths)
@click.argument("b", metavar="[B]", required=False, shell_complete=spec_paths)
@click.option("--format", type=click.Choice(FORMATS), default="text", help="How the difference is printed.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 where the two differ.")
@click.option("--set-a", "sets_a", multiple=True, metavar="PATH=VALUE", help="Set a value of A alone.")
@click.option("--set-b", "sets_b", multiple=True, metavar="PATH=VALUE", help="Set a value of B alone.")
@options.spec_options
def command(
    a: str,
    b: str | None,
    format: str,
    exit_code: bool,
    sets_a: tuple[str, ...],
    sets_b: tuple[str, ...],
    sets: tuple[str, ...],
    trust: tuple[str, ...],
) -> int:
    """Print what changed between two models: steps, arguments, sizes, and which weights can be carried over.

    \b
    kspec diff A B               two specs, run folders or .keras files, in any mix
    kspec diff SPEC              a spec as it was committed last, and as it is
    kspec diff main SPEC         as it is at a git revision, and here
    kspec diff v1..v2 SPEC       at two revisions; v1...v2 from where v2 left v1
    kspec diff main:old.yaml B   a file of a revision, and any other
    kspec diff SPEC --set-b width=128    a spec, and a variant of it

    A spec at a revision is read with the files that it includes as they were there. Code of a revision runs where
    --trust names it, not where the revision's own pyproject.toml does. With --exit-code, 1 is also a spec that has
    problems, which are then on standard error.
    """
    from kspec.diffing import diff
    from kspec.report.ansi import terminal_width, wants_colour
    from kspec.report.diff import printed

    found = diff(a, b, sets=sets, sets_a=sets_a, sets_b=sets_b, trust=trust)
    text = printed(format, found, colour=wants_colour(sys.stdout), width=terminal_width(sys.stdout))
    click.echo(text, nl=False)
    return int(exit_code and bool(found))
