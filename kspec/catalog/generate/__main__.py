"""The command: writes the catalogue's files, or says how they differ from the installed Keras."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterator
from pathlib import Path

from kspec.catalog import DATA
from kspec.catalog.generate import generate


def main() -> int:
    """Exit status: 0, or 1 where `--check` found a difference."""
    parser = argparse.ArgumentParser(prog="python -m kspec.catalog.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; say what differs and exit with 1")
    parser.add_argument("--output", type=Path, default=DATA, metavar="FOLDER", help="the folder of the files")
    arguments = parser.parse_args()
    texts = generate()
    if arguments.check:
        found = [line for name, text in texts.items() for line in differences(arguments.output / name, text)]
        print("\n".join(found), file=sys.stderr, end="\n" if found else "")
        return 1 if found else 0
    arguments.output.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (arguments.output / name).write_text(text, "utf-8")
    return 0


def differences(path: Path, text: str) -> Iterator[str]:
    """Lines of a file that differ from the text that should be there, each marked `+` or `-`."""
    old = (path.read_text("utf-8") if path.exists() else "").splitlines()
    for line in difflib.unified_diff(old, text.splitlines(), path.name, "the installed Keras", n=0, lineterm=""):
        yield line if len(line) <= 400 else line[:400] + " …"


if __name__ == "__main__":
    sys.exit(main())
