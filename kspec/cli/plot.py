"""kspec plot"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kspec.cli import options
from kspec.cli.completion import target_paths

if TYPE_CHECKING:
    from kspec.report.plot.write import Direction


@click.command()
@click.argument("target", type=click.Path(path_type=Path, allow_dash=True), shell_complete=target_paths)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Where: .svg, .png, .dot, .mmd or .html, written over.",
)
@click.option(
    "--format",
    type=click.Choice(["svg", "dot", "mermaid", "html"]),
    help="Without -o: print the picture in this format.",
)
@click.option(
    "--depth",
    type=click.IntRange(min=0),
    metavar="N",
    help="How deep blocks are unfolded (default: as deep as stays readable).",
)
@click.option("--unfold", is_flag=True, help="Show every copy of what repeats; without --depth every block unfolded.")
@click.option(
    "--direction",
    type=click.Choice(["TB", "LR", "BT", "RL"], case_sensitive=False),
    default="TB",
    help="From top to bottom (default), left to right, bottom to top, right to left.",
)
@click.option("--flops", is_flag=True, help="Count each layer's FLOPs too, which takes seconds for a large model.")
@click.option("--length", type=click.IntRange(1, 2**31 - 1), metavar="N", help="The size of open axes, for FLOPs.")
@options.quiet
@options.spec_options
def command(
    target: Path,
    output: Path | None,
    format: str | None,
    depth: int | None,
    unfold: bool,
    direction: Direction,
    flops: bool,
    length: int | None,
    quiet: bool,
    sets: tuple[str, ...],
    trust: tuple[str, ...],
) -> None:
    """Draw a model: TARGET is a spec, a run folder or a .keras file; no weights are made.

    Shapes and dtypes stand on the edges; blocks are folded as far as the picture is to stay readable, and of equal
    copies one is drawn. An .html page is whole in itself: pan, zoom, search, fold and unfold.
    """
    from kspec.cli.reading import known_target
    from kspec.diagnostics import Problem, UsageError
    from kspec.drawing import check, draw

    if (output is None) == (format is None):
        help = "`-o model.svg` (or .png, .dot, .mmd, .html), or `--format mermaid` to print it"
        raise UsageError(Problem("usage", "say where the picture goes, or in which format to print it", help=help))
    if output is not None:
        check(output)
    known = known_target(target, sets, trust)
    shares = known.forward(1, length).shares if flops else None
    source = known.loaded.compiled.source if known.loaded is not None else None
    picture = draw(
        known.plan, output, source=source, format=format, flops=shares, depth=depth, unfold=unfold, direction=direction
    )
    if output is None:
        sys.stdout.write(str(picture))
    elif not quiet:
        click.echo(f"{known.name} → {output}")
