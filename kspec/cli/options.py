"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from kspec.diagnostics import Problem, UsageError

Command = TypeVar("Command", bound=Callable[..., Any])

sets = click.option(
    "--set", "sets", multiple=True, metavar="PATH=VALUE", help="Set a variable or any value: width=128, fit.epochs=5."
)
trust = click.option("--trust", multiple=True, metavar="PACKAGE", help="Let this package's code run.")
traceback = click.option(
    "--traceback", is_flag=True, expose_value=False, help="Print a traceback when something fails."
)
quiet = click.option("-q", "--quiet", is_flag=True, help="Print nothing but problems.")
memory = click.option(
    "--max-memory", metavar="SIZE", help="Bytes that weights or one example's activations may take: 64GiB."
)
table_format = click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv", "markdown"]),
    default="table",
    help="json and csv fold nothing.",
)


def printed(what: str, help: str | None = None) -> Callable[[Command], Command]:
    """`-o` of a command that prints `what` where no file is named."""

    def named(context: click.Context, parameter: click.Parameter, output: Path | None) -> Path | None:
        if output is not None and str(output) == "-":
            raise UsageError(Problem("usage", "`-` names no file", help=f"leave `-o` out: the {what} is printed"))
        return output

    help = help or f"Where to write the {what} (default: print it)."
    return click.option("-o", "--output", type=click.Path(path_type=Path), callback=named, help=help)


def loop_options(command: Command) -> Command:
    """How steps are run, and whether compiled programs are kept."""
    for option in (
        click.option(
            "--loop",
            type=click.Choice(["auto", "single", "scan", "packed"]),
            default="auto",
            help="Run steps one by one, many in a program, so with packed weights, or (auto) as is fastest here.",
        ),
        click.option("--no-cache", is_flag=True, help="Keep no compiled programs, and use none that were kept."),
    ):
        command = option(command)
    return command


def spec_options(command: Command) -> Command:
    """Options of every command that reads a spec."""
    for option in (traceback, trust, sets):
        command = option(command)
    return command


def size(text: str | None, option: str = "--max-memory") -> int | None:
    """A size in bytes from ``64GiB``, ``500MB`` or a number.

    Raises click.BadParameter.
    """
    from kspec.spec import sizes

    found = sizes.size(text) if text is not None else None
    if text is not None and found is None:
        raise click.BadParameter(f"`{text}` is not a size; write 64GiB or 500MB", param_hint=option)
    return found
