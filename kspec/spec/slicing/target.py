"""Whether a slice can be written where it is wanted, and is right there."""

from __future__ import annotations

import os
from pathlib import Path

from kspec import files
from kspec.diagnostics import Problem, SpecError, UsageError
from kspec.spec.compiled import Compiled, compile_text
from kspec.spec.slicing.ends import wrong


def check_name(compiled: Compiled, output: Path) -> None:
    """Raise UsageError where `output` is no name of a spec, or the spec that the slice is of."""
    files.check_name(output, "a spec", ".yaml", ".yml")
    own = compiled.source.file.path
    if own is not None and os.path.realpath(output) == os.path.realpath(own):
        raise wrong(f"`{output}` is the spec that the slice is made from", "name another file")


def check_there(compiled: Compiled, text: str, output: Path) -> None:
    """Raise UsageError where the slice would be wrong in the folder of `output`: files and modules that it names may
    not be reached from there."""
    try:
        trust = tuple(sorted(compiled.project.trust()))
        compile_text(text, name=output.name, folder=output.resolve().parent, trust=trust)
    except SpecError as error:
        first = error.problems[0]
        help = "; ".join(part for part in (first.help, "write it nearer to the spec that it is made from") if part)
        message = f"the slice is not right in `{output.parent}`: {first.message}"
        raise UsageError(Problem("usage", message, help=help)) from None
