"""kspec explain"""

from __future__ import annotations

import sys

import click

from kspec.cli import options
from kspec.cli.completion import problem_codes


@click.command()
@click.argument("code", required=False, shell_complete=problem_codes)
@options.traceback
def command(code: str | None) -> None:
    """Explain a problem's code: what it means, an example, and the example mended. Without CODE: every code."""
    from kspec.report.explain import print_explanation

    print_explanation(code, sys.stdout)
