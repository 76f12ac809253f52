"""kspec check"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click

from kspec.cli import options
from kspec.cli.completion import spec_paths
from kspec.cli.edge import defect, trace
from kspec.diagnostics import KspecError, Problem, UsageError
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
    only_specs: bool,
    filename: str,
    quiet: bool,
    sets: tuple[str, ...],
    trust: tuple[str, ...],
) -> int:
    """Find every mistake in specs: syntax, names, arguments, wiring, and (without --fast) shapes.

    PATHS are spec files, folders (every file with a `kspec:` key in them), or `-` for standard input.
    """
    from kspec.cli.reading import load_spec
    from kspec.report.ansi import wants_colour
    from kspec.report.problems import ok_line
    from kspec.spec.finding import spec_files

    problems: list[Problem] = []
    checked: list[Checked] = []
    status = 0
    colour = wants_colour(sys.stdout)
    for path in spec_files(paths, only=only_specs):
        name = filename if str(path) == "-" else str(path)
        try:
            if fix:
                _fix(path, sets, trust, fast, quiet or format != "terminal")
            loaded = load_spec(path, sets, trust, filename, partly=not fast)
            problems.extend(replace(each, severity="error") if strict else each for each in loaded.warnings)
            refused = strict and bool(loaded.warnings)
            part = loaded.compiled.spec.is_part
            params = None if fast or part else loaded.plan().params
        except KspecError as error:
            trace()
            problems.extend(error.problems)
            status = max(status, error.status)
            checked.append(Checked(name))
            continue
        except Exception as error:  # a defect in one file hides nothing of the others
            status = max(status, defect(error, name))
            continue
        status = max(status, int(refused))
        checked.append(Checked(name, params, "a part, without layers" if part else ""))
        if format == "terminal" and not quiet and not refused:
            click.echo(ok_line(name, params, detail=checked[-1].remark, colour=colour))
    _print(format, checked, problems, colour)
    return 0 if exit_zero and status == 1 else status


def _fix(path: Path, sets: tuple[str, ...], trust: tuple[str, ...], fast: bool, quiet: bool) -> None:
    """Correct a file, and say so."""
    from kspec import api

    if str(path) == "-":
        raise UsageError(Problem("usage", "`--fix` corrects files, not standard input", help="name the file"))
    count = api.fix(path, sets=sets, trust=trust, fast=fast)
    if count and not quiet:
        click.echo(f"fixed: {path} ({count} word{'s' * (count != 1)})")


def _print(format: str, checked: list[Checked], problems: list[Problem], colour: bool) -> None:
    if format == "terminal":
        from kspec.report.ansi import terminal_width
        from kspec.report.problems import render

        click.echo(render(problems, colour=colour, width=terminal_width(sys.stdout)), nl=False)
        return
    click.echo(printed(format, Results.of(checked, problems)), nl=False)
