"""kspec schema"""

from __future__ import annotations

from pathlib import Path

import click

from kspec.cli import options


@click.command()
@options.printed("schema")
@options.traceback
def command(output: Path | None) -> None:
    """Print a JSON Schema of the language, for editors: every section, layer and parameter, with its documentation.

    \b
    kspec schema -o .kspec.schema.json

    An editor with yaml-language-server then completes, documents and checks a spec that begins with the line
    `# yaml-language-server: $schema=.kspec.schema.json`.
    """
    from kspec.editor.schema import text

    if output is None:
        click.echo(text(), nl=False)
        return
    from kspec.files import write_atomically

    write_atomically(output, text())
