"""The command: writes the shipped schema, or says how it differs from the language and the catalogue."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from kspec.catalog.generate.__main__ import differences
from kspec.editor.schema import FILE
from kspec.editor.schema.make import text
from kspec.files import write_atomically


def main() -> int:
    """Exit status: 0, or 1 where `--check` found a difference."""
    parser = argparse.ArgumentParser(prog="python -m kspec.editor.schema", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; say what differs and exit with 1")
    parser.add_argument("--output", type=Path, default=FILE, metavar="FILE", help="the file to write")
    arguments = parser.parse_args()
    if arguments.check:
        found = list(differences(arguments.output, text()))
        print("\n".join(found), file=sys.stderr, end="\n" if found else "")
        return 1 if found else 0
    write_atomically(arguments.output, text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
