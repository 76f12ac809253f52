"""kspec lsp"""

from __future__ import annotations

import click

from kspec.cli import options
from kspec.cli.edge import leave
from kspec.diagnostics import Problem, UsageError


@click.command()
@click.option("--stdio", is_flag=True, help="Accepted, and always so: editors like to say it.")
@options.traceback
def command(stdio: bool) -> None:
    """A language server for editors, over standard input and output.

    Problems while one types, shapes and documentation under the pointer, completion, definitions, renaming, outline,
    quick fixes. The README says how VS Code and Neovim start it.
    """
    try:
        from kspec.editor.lsp.server import serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("pygls", "lsprotocol"):
            raise
        problem = Problem("missing-extra", "the language server needs pygls", help="pip install 'kspec[lsp]'")
        raise UsageError(problem) from error
    leave(serve())  # a check may still run, on a thread that nobody waits for
