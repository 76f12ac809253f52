"""What a person says goes where: `encoder/*=backbone/*`, or a YAML file of such pairs."""

from __future__ import annotations

from pathlib import Path

from kspec.comparison.pairing import Rule
from kspec.diagnostics import FileError, Problem, SpecError, UsageError
from kspec.spec.source import read
from kspec.spec.textfile import contents, decode
from kspec.spec.values import shown

_HELP = "such as `encoder/*=backbone/*`"


def parsed(text: str) -> Rule:
    """A pair as it stands on the command line. Raises UsageError."""
    before, sign, after = text.partition("=")
    if not sign:
        raise UsageError(Problem("usage", f"`{text}` does not say where a path goes", help=f"{_HELP}, or a .yaml file"))
    return ruled(before.strip(), after.strip())


def ruled(before: str, after: str) -> Rule:
    """A pair. Raises UsageError where one side is empty, or the second has stars of its own."""
    if wrong := _wrong(before, after):
        raise UsageError(Problem("usage", wrong, help=_HELP))
    return Rule(before, after)


def read_mapping(path: Path) -> list[Rule]:
    """The pairs of a YAML file, `from: to`, in its order.

    Raises SpecError with the place of each that is none; FileError where there is no such file.
    """
    try:
        text = decode(contents(path), str(path))
    except OSError as error:
        reason = (error.strerror or "it is no file").lower()
        raise FileError(Problem("file-missing", f"cannot read the mapping: {reason}", file=str(path))) from None
    source = read(text, str(path), path)
    if source.problems:
        raise SpecError(source.problems)
    if not isinstance(source.data, dict):
        message = f"a mapping is pairs of paths, not {shown(source.data)}"
        raise SpecError(source.locate(Problem("wrong-type", message, (), "such as `encoder/*: backbone/*`")))
    problems = []
    for before, after in source.data.items():
        wrong = _wrong(before, after) if isinstance(before, str) and isinstance(after, str) else "a path is a text"
        if wrong:
            problems.append(source.locate(Problem("wrong-value", wrong, (before,), "such as `encoder/*: backbone/*`")))
    if problems:
        raise SpecError(problems)
    return [Rule(before, after) for before, after in source.data.items()]


def _wrong(before: str, after: str) -> str:
    if not before or not after:
        return "a path is missing"
    stars = before.count("*"), after.count("*")
    return f"`{after}` has {stars[1]} stars, and `{before}` has {stars[0]}" if stars[1] > stars[0] else ""
