"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

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


def spec_options(command: Command) -> Command:
    """Options of every command that reads a spec."""
    for option in (traceback, trust, sets):
        command = option(command)
    return command


def size(text: str | None) -> int | None:
    """A size in bytes from ``64GiB``, ``500MB`` or a number.

    Raises click.BadParameter.
    """
    if text is None:
        return None
    units = {
        "KiB": 2**10,
        "MiB": 2**20,
        "GiB": 2**30,
        "TiB": 2**40,
        "KB": 10**3,
        "MB": 10**6,
        "GB": 10**9,
        "TB": 10**12,
    }
    for unit, factor in {**units, "B": 1, "": 1}.items():
        number = text.removesuffix(unit).strip()
        if text.endswith(unit) and number.replace(".", "", 1).isdigit():
            return int(float(number) * factor)
    raise click.BadParameter(f"`{text}` is not a size; write 64GiB or 500MB", param_hint="--max-memory")
