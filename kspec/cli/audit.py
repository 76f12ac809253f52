"""kspec audit"""

from __future__ import annotations

import json
from pathlib import Path

import click

from kspec.cli import options


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@options.trust
@options.traceback
def command(file: Path, as_json: bool, trust: tuple[str, ...]) -> int:
    """Tell what a model FILE would do: members and sizes, classes, functions, code, links, and whether kspec loads it.

    FILE is a .keras, .weights.h5 or .safetensors file; nothing in it is run. Exit status 3 where kspec refuses it.
    """
    from kspec.api import audit
    from kspec.report.audit import audit_text

    found = audit(file, trust=trust)
    click.echo(json.dumps(found, indent=2, ensure_ascii=False) if as_json else audit_text(found), nl=as_json)
    return 0 if found["admitted"] else 3
