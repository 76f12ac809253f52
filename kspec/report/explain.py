"""What each problem code means, with an example that causes it and the mended one: ``kspec explain CODE``."""

from __future__ import annotations

import functools
from importlib import resources
from typing import TextIO

from kspec.diagnostics import Problem, UsageError, suggestion
from kspec.report.ansi import paint, terminal_width, wants_colour

__all__ = ["codes", "explain", "print_explanation", "title"]

_WIDEST = 100


@functools.cache
def codes() -> tuple[str, ...]:
    """Every documented problem code, in alphabetical order."""
    folder = resources.files(__package__) / "explanations"
    return tuple(sorted(file.name.removesuffix(".md") for file in folder.iterdir() if file.name.endswith(".md")))


def explain(code: str) -> str:
    """The explanation of a problem code as Markdown; its first line is ``# code: title``.

    Raises UsageError for a code that there is not.
    """
    # Looked up in the list, so that the code is never part of a path.
    if code not in codes():
        help = suggestion(code, codes(), "`kspec explain` lists the codes")
        raise UsageError(Problem("usage", f"there is no problem code `{code}`", help=help))
    return (resources.files(__package__) / "explanations" / f"{code}.md").read_text(encoding="utf-8")


def title(code: str) -> str:
    """The title of a code's explanation, for a list of codes."""
    return explain(code).partition("\n")[0].partition(": ")[2]


def print_explanation(code: str | None, stream: TextIO) -> None:
    """Print the explanation of `code`: laid out on a terminal, as Markdown elsewhere. Without a code: all titles.

    Raises UsageError as `explain`.
    """
    if code is None:
        stream.write(
            "".join(f"{paint(f'{each:<20}', 'bold', wants_colour(stream))} {title(each)}\n" for each in codes())
        )
        stream.flush()
        return
    text = explain(code)
    if not stream.isatty() or not wants_colour(stream):
        stream.write(text)
        stream.flush()
        return
    from rich.console import Console
    from rich.markdown import Markdown
    from rich.theme import Theme

    # Rich draws a first heading as a centred box, which suits a page and not an answer.
    heading, _, body = text.partition("\n")
    width = min(terminal_width(stream), _WIDEST)
    plain_code = Theme({"markdown.code": "bold"})  # rich's own is on black, a bar across a light terminal
    console = Console(file=stream, width=width, highlight=False, theme=plain_code)
    console.print(heading.removeprefix("# "), style="bold", markup=False)
    console.print(Markdown(body, code_theme="ansi_dark"))
    stream.flush()
