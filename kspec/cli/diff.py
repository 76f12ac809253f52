"""kspec diff"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kspec.cli import options
from kspec.cli.completion import spec_paths
from kspec.cli.edge import say
from kspec.cli.reading import load_spec
from kspec.diagnostics import Problem, UsageError
from kspec.report.diff import FORMATS

if TYPE_CHECKING:
    from kspec.api import Loaded
    from kspec.comparison.difference import Reviewed


@click.command()
@click.argument("a", metavar="A", shell_complete=spec_paths)
@click.argument("b", metavar="[B]...", nargs=-1, shell_complete=spec_paths)
@click.option("--format", type=click.Choice(FORMATS), default="text", help="How the difference is printed.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 where the two differ.")
@click.option("--set-a", "sets_a", multiple=True, metavar="PATH=VALUE", help="Set a value of A alone.")
@click.option("--set-b", "sets_b", multiple=True, metavar="PATH=VALUE", help="Set a value of B alone.")
@click.option(
    "--batch-size", type=click.IntRange(1), metavar="N", help="Compare training's memory too, with N examples."
)
@click.option(
    "--length", type=click.IntRange(1), metavar="N", help="The size of axes that are open, for FLOPs and memory."
)
@options.spec_options
def command(
    a: str,
    b: tuple[str, ...],
    format: str,
    exit_code: bool,
    sets_a: tuple[str, ...],
    sets_b: tuple[str, ...],
    batch_size: int | None,
    length: int | None,
    sets: tuple[str, ...],
    trust: tuple[str, ...],
) -> int:
    """Print what changed between two models: steps, arguments, sizes, and which weights can be carried over.

    \b
    kspec diff A B               two specs (- is standard input), run folders or .keras files
    kspec diff SPEC              a spec as it was committed last, and as it is
    kspec diff main SPEC         as it is at a git revision, and here
    kspec diff v1..v2 SPEC       at two revisions; v1...v2 from where v2 left v1
    kspec diff main:old.yaml B   a file of a revision, and any other
    kspec diff SPEC --set-b width=128    a spec, and a variant of it
    kspec diff main specs/       each spec in folders that changed since a revision

    A spec at a revision is read with the files that it includes as they were there. Code of a revision runs where
    --trust names it, not where the revision's own pyproject.toml does. With --exit-code, 1 is also a spec that has
    problems, which are then on standard error.
    """
    from kspec.diffing import diff
    from kspec.report.ansi import terminal_width, wants_colour
    from kspec.report.diff import printed, printed_all

    colour, width = wants_colour(sys.stdout), terminal_width(sys.stdout)
    if _are_several(a, b):
        if sets_a or sets_b or os.path.exists(a):
            problem = Problem("usage", "several specs are compared with a revision", help="`kspec diff main specs/`")
            raise UsageError(problem)
        reviewed = _reviewed(a, b, sets, trust)
        click.echo(
            printed_all(
                format, a[:10] if re.fullmatch("[0-9a-f]{40,64}", a) else a, reviewed, colour=colour, width=width
            ),
            nl=False,
        )
        broken = any(each.problems and not each.note.startswith("problems at ") for each in reviewed)
        return int(broken or (exit_code and bool(reviewed)))
    given = [_given(word, (*sets, *own), trust) for word, own in zip((a, *b), (sets_a, sets_b), strict=False)]
    found = diff(*given, sets=sets, sets_a=sets_a, sets_b=sets_b, trust=trust, batch_size=batch_size, length=length)
    click.echo(printed(format, found, colour=colour, width=width), nl=False)
    return int(exit_code and bool(found))


def _given(word: str, sets: tuple[str, ...], trust: tuple[str, ...]) -> str | Loaded:
    """A side as it is named; standard input is read at once."""
    return load_spec(Path(word), sets, trust) if word == "-" else word


def _are_several(a: str, b: tuple[str, ...]) -> bool:
    """Whether `b` are files and folders; the folder of a run is one thing, beside another."""
    if len(b) != 1 or not os.path.isdir(b[0]):
        return len(b) > 1
    beside = os.path.exists(a) or ":" in a
    return not (beside and os.path.isfile(os.path.join(b[0], "spec.yaml")))


def _reviewed(a: str, b: tuple[str, ...], sets: tuple[str, ...], trust: tuple[str, ...]) -> list[Reviewed]:
    """The specs that changed; what is wrong with one goes to standard error."""
    from kspec.reviewing import review

    found = list(review(a, [Path(path) for path in b], sets=sets, trust=trust))
    say(tuple(problem for each in found for problem in each.problems))
    return found
