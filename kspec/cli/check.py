"""kspec check"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click

from kspec.cli import options
from kspec.cli.completion import spec_paths
from kspec.cli.edge import defect, trace, tracing
from kspec.cli.reading import standard_input
from kspec.diagnostics import Problem, UsageError
from kspec.files import check_target, write_atomically
from kspec.report.formats import FORMATS, Checked, Results, printed


@click.command()
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True), shell_complete=spec_paths
)
@click.option("--fast", is_flag=True, help="Leave shapes out; never imports Keras.")
@click.option("--fix", is_flag=True, help="Correct misspelt words in the files; comments and layout stay.")
@click.option("--strict", is_flag=True, help="Take warnings as errors.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even where there are problems.")
@click.option(
    "--format", type=click.Choice(("terminal", *FORMATS)), default="terminal", help="How the results are printed."
)
@click.option(
    "--also",
    multiple=True,
    metavar="FORMAT=FILE",
    help="Write the results to a file too, in another format: sarif=kspec.sarif.",
)
@click.option("--cache/--no-cache", default=True, help="Take results of unchanged specs from the cache (the default).")
@click.option("-v", "--verbose", is_flag=True, help="Say where the cache cannot be used.")
@click.option("--only-specs", is_flag=True, help="Pass over files without a `kspec:` key, as a hook on all YAML does.")
@click.option("--filename", metavar="NAME", default="<stdin>", help="The name of what `-` reads.")
@options.quiet
@options.spec_options
def command(
    paths: tuple[Path, ...],
    fast: bool,
    fix: bool,
    strict: bool,
    exit_zero: bool,
    format: str,
    also: tuple[str, ...],
    cache: bool,
    verbose: bool,
    only_specs: bool,
    filename: str,
    quiet: bool,
    sets: tuple[str, ...],
    trust: tuple[str, ...],
) -> int:
    """Find every mistake in specs: syntax, names, arguments, wiring, and (without --fast) shapes.

    PATHS are spec files, folders (every file with a `kspec:` key in them), or `-` for standard input.
    """
    from kspec.checking import Request, check_all
    from kspec.cli.notes import noting, stays
    from kspec.report.ansi import wants_colour
    from kspec.report.problems import ok_line
    from kspec.spec.finding import spec_files

    if fix and Path("-") in paths:
        raise UsageError(Problem("usage", "`--fix` corrects files, not standard input", help="name the file"))
    files, tell = _files(also), noting(quiet)
    problems: list[Problem] = []
    checked: list[Checked] = []
    status = 0
    colour = wants_colour(sys.stdout)
    requests = [
        Request(filename, sets, trust, fast, fix, standard_input())
        if str(path) == "-"
        else Request(str(path), sets, trust, fast, fix and not stays(path, given, tell))
        for path, given in spec_files(paths, only=only_specs)
    ]
    told = (lambda text: click.echo(f"kspec: {text}", err=True)) if verbose else (lambda text: None)
    for request, outcome in zip(requests, check_all(requests, cached=cache and not tracing(), say=told), strict=True):
        trace(outcome.trace)
        status = max(status, outcome.status)
        if outcome.defect:
            defect(outcome.defect, request.path)
            continue
        problems += [replace(each, severity="error") if strict else each for each in outcome.problems]
        checked.append(Checked(request.path, outcome.params, "a part, without layers" if outcome.is_part else ""))
        if outcome.fixed and format == "terminal" and not quiet:
            click.echo(f"fixed: {request.path} ({outcome.fixed} word{'s' * (outcome.fixed != 1)})")
        if strict and outcome.problems:
            status = max(status, 1)
        elif format == "terminal" and not quiet and not outcome.status:
            click.echo(ok_line(request.path, outcome.params, detail=checked[-1].remark, colour=colour))
    _print(format, checked, problems, colour)
    for file, other in files:
        write_atomically(file, printed(other, Results.of(checked, problems)))
    return 0 if exit_zero and status == 1 else status


def _files(also: tuple[str, ...]) -> list[tuple[Path, str]]:
    """Each `FORMAT=FILE` as the file and its format; a file that cannot be written is told before the work."""
    found = []
    for each in also:
        format, _, name = each.partition("=")
        if format not in FORMATS or not name:
            formats = ", ".join(f"{known}=FILE" for known in FORMATS)
            raise click.BadParameter(f"`{each}` is none of {formats}", param_hint="--also")
        check_target(name)
        found.append((Path(name), format))
    return found


def _print(format: str, checked: list[Checked], problems: list[Problem], colour: bool) -> None:
    if format == "terminal":
        from kspec.report.ansi import terminal_width
        from kspec.report.problems import render

        click.echo(render(problems, colour=colour, width=terminal_width(sys.stdout)), nl=False)
        return
    click.echo(printed(format, Results.of(checked, problems)), nl=False)
