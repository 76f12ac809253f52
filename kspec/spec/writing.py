"""Plain data -> YAML text that a person would have written, and that reads back as the same data by YAML 1.2."""

from __future__ import annotations

import functools
import math
import re
from contextvars import ContextVar
from typing import Any

import yaml

WIDTH = 110
_limit: ContextVar[int] = ContextVar("limit", default=WIDTH)
"""Columns that a line may have."""


class _Dumper(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


# A text that YAML 1.2 would read as a number is quoted, as PyYAML itself does for what YAML 1.1 would.
_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$|0o[0-7]+$"),
    list("-+0123456789."),
)


class _Flow(dict[Any, Any]):
    """A mapping written in braces."""


class _Block(dict[Any, Any]):
    """A mapping written a line a key."""


class _Row(list[Any]):
    """A list written in brackets."""


class _Items(list[Any]):
    """A list written a line an item."""


def _style(kind: type[Any], flow: bool) -> None:
    tag = "map" if issubclass(kind, dict) else "seq"

    def represent(dumper: yaml.SafeDumper, data: Any) -> Any:
        write = dumper.represent_mapping if tag == "map" else dumper.represent_sequence
        return write(f"tag:yaml.org,2002:{tag}", data, flow_style=flow)

    _Dumper.add_representer(kind, represent)


for _kind, _flow in ((_Flow, True), (_Block, False), (_Row, True), (_Items, False)):
    _style(_kind, _flow)


def dump(data: Any, width: int = WIDTH) -> str:
    """YAML: sections and steps a line a key, the arguments of a step in braces where one line of `width` is enough."""
    before = _limit.set(width)
    try:
        return _dumped(data)
    finally:
        _limit.reset(before)


def _dumped(data: Any) -> str:
    if not isinstance(data, dict):
        return _text(data, _limit.get())
    sections = {}
    for key, value in data.items():
        if key == "blocks" and isinstance(value, dict):
            sections[key] = _Block({name: _steps_in(block, 4) for name, block in value.items()})
        elif isinstance(value, dict) and value and key != "vars":
            sections[key] = _Block({name: _member(name, item, 2, listed=True) for name, item in value.items()})
        else:
            sections[key] = _steps(value, 2) if key == "layers" else _member(key, value, 0, listed=True)
    return _text(_Block(sections), _limit.get())


def _text(data: Any, width: float) -> str:
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, default_flow_style=None, allow_unicode=True, width=width)


def _steps_in(block: Any, indent: int) -> Any:
    """A block, whose keys stand at the column `indent`."""
    if not isinstance(block, dict):
        return block
    return _Block(
        {
            key: _steps(value, indent + 2) if key == "layers" else _member(key, value, indent)
            for key, value in block.items()
        }
    )


def _steps(steps: Any, indent: int) -> Any:
    """Steps with their dashes at the column `indent`, each a line a word; lists of steps inside stand likewise."""
    if not isinstance(steps, list):
        return _fitted(steps, indent, indent)
    inner = indent + 2
    return _Items(
        _Block(
            {
                key: _steps(value, inner + 2)
                if _holds_steps(key, value)
                else _branches(value, inner + 2)
                if key == "parallel" and isinstance(value, list)
                else _member(key, value, inner)
                for key, value in step.items()
            }
        )
        if isinstance(step, dict)
        else _fitted(step, inner, inner)
        for step in steps
    )


def _branches(chains: list[Any], indent: int) -> Any:
    """The chains of `parallel`, each a list of steps, with their dashes at the column `indent`."""
    return _Items(_steps(chain, indent + 2) if isinstance(chain, list) and chain else _Row([]) for chain in chains)


def _holds_steps(key: Any, value: Any) -> bool:
    return key in ("layers", "residual") and isinstance(value, list)


def _member(key: Any, value: Any, indent: int, *, listed: bool = False) -> Any:
    """The value of a key that stands at the column `indent`; with `listed`, a list that holds more than scalars has a
    line an item, however short it is."""
    if listed and isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value):
        return _items(value, indent + 2)
    return _fitted(value, indent + _key_width(key) + len(": "), indent + 2)


def _items(items: list[Any], indent: int) -> Any:
    return _Items(_fitted(item, indent + 2, indent + 2) for item in items)


def _fitted(value: Any, column: int, indent: int) -> Any:
    """A value in one line where it fits, from `column` on; else in lines that begin at `indent`, one an argument.

    Numbers fill their lines: nobody reads a hundred lines with a number each.
    """
    if not isinstance(value, (dict, list)):
        return value
    if column + 2 * len(repr(value)) <= _limit.get():  # far from the end: measuring takes longer than writing
        return _in_one_line(value)
    if column + _width(value) <= _limit.get() or (isinstance(value, list) and not any(map(_is_wordy, value))):
        return _in_one_line(value)
    if isinstance(value, list):
        return _items(value, indent)
    return _Block({key: _member(key, item, indent) for key, item in value.items()})


def _is_wordy(value: Any) -> bool:
    return isinstance(value, (dict, list, str))


def _in_one_line(value: Any) -> Any:
    if isinstance(value, dict):
        return _Flow({key: _in_one_line(item) for key, item in value.items()})
    if isinstance(value, list):
        return _Row(_in_one_line(item) for item in value)
    return value


def _width(value: Any) -> int:
    """The length of a value's text in one line."""
    return len(_text(_in_one_line(value), math.inf).removesuffix("\n").removesuffix("\n..."))


@functools.cache
def _key_width(key: Any) -> int:
    return _width(key)
