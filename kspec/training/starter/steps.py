"""Steps and lines as a person writes them, comments in a column of their own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

_PLAIN = re.compile(r"[^\W\d][\w-]*(/[\w.-]+)*|[\w-]+(\.[\w-]+)+|[\w.-]*(/[\w.-]+)+")
_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off"})
_COLUMN = 38


class Line(NamedTuple):
    """A line of YAML and the remark beside it."""

    text: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its operation (``Dense: 10``), the words beside it, the steps inside it, and a remark."""

    operation: str
    comment: str = ""
    name: str = ""
    source: str = ""
    inner: tuple[Step, ...] = ()

    def lines(self, indent: int = 2) -> list[Line]:
        """The step in YAML, as an item of a list."""
        space = " " * indent
        words = [f"name: {scalar(self.name)}"] if self.name else []
        words += [f"from: {self.source}"] if self.source else []
        bare = (words or self.inner) and ": " not in self.operation
        first = Line(f"{space}- {self.operation}{':' if bare else ''}", self.comment)
        rest = [Line(f"{space}  {word}") for word in words]
        if self.inner:
            rest.append(Line(f"{space}  layers:"))
            rest += [line for step in self.inner for line in step.lines(indent + 4)]
        return [first, *rest]


def chained(steps: Iterable[Step], source: str = "", name: str = "") -> list[Step]:
    """Steps whose first one reads `source` and whose last one is called `name`."""
    steps = list(steps)
    if steps and source:
        steps[0] = replace(steps[0], source=source)
    if steps and name:
        steps[-1] = replace(steps[-1], name=name)
    return steps


def scalar(text: str) -> str:
    """A text as YAML: bare where it reads back as the same text, else in quotes."""
    if _PLAIN.fullmatch(text) and text.casefold() not in _WORDS:
        return text
    return json.dumps(text, ensure_ascii=False)


def name_list(names: Iterable[str]) -> str:
    """Names in brackets."""
    return f"[{', '.join(map(scalar, names))}]"


def shape_text(shape: tuple[int, ...]) -> str:
    """``64`` or ``[28, 28, 1]``."""
    return str(shape[0]) if len(shape) == 1 else str(list(shape))


def written(lines: Iterable[Line]) -> str:
    """The lines with their remarks in one column, or two blanks after a line that is longer."""
    return "".join(
        (f"{line.text:<{_COLUMN - 2}}  # {line.comment}" if line.comment else line.text) + "\n" for line in lines
    )
