"""Plain data -> YAML text that a person would have written, and that reads back as the same data by YAML 1.2."""

from __future__ import annotations

import re
from typing import Any

import yaml

WIDTH = 110


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


def _flow(dumper: yaml.SafeDumper, data: _Flow) -> Any:
    return dumper.represent_mapping("tag:yaml.org,2002:map", data, flow_style=True)


def _block(dumper: yaml.SafeDumper, data: _Block) -> Any:
    return dumper.represent_mapping("tag:yaml.org,2002:map", data, flow_style=False)


_Dumper.add_representer(_Flow, _flow)
_Dumper.add_representer(_Block, _block)


def dump(data: Any) -> str:
    """YAML: sections and steps a line a key, the arguments of a step in braces."""
    if not isinstance(data, dict):
        return _text(data)
    sections = {}
    for key, value in data.items():
        if key == "blocks" and isinstance(value, dict):
            sections[key] = _Block({name: _steps_in(block) for name, block in value.items()})
        elif isinstance(value, dict) and value and key != "vars":
            sections[key] = _Block({name: _inline(item) for name, item in value.items()})
        else:
            sections[key] = _steps(value) if key == "layers" else _inline(value)
    return _text(_Block(sections))


def _text(data: Any) -> str:
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, default_flow_style=None, allow_unicode=True, width=WIDTH)


def _steps_in(block: Any) -> Any:
    if not isinstance(block, dict):
        return block
    return _Block({key: _steps(value) if key == "layers" else _inline(value) for key, value in block.items()})


def _steps(steps: Any) -> Any:
    """Steps, each a line a word, its operation's arguments in braces; lists of steps inside stand likewise."""
    if not isinstance(steps, list):
        return _inline(steps)
    return [
        _Block({key: _steps(value) if _holds_steps(key, value) else _inline(value) for key, value in step.items()})
        if isinstance(step, dict)
        else step
        for step in steps
    ]


def _holds_steps(key: Any, value: Any) -> bool:
    return key in ("layers", "residual") and isinstance(value, list)


def _inline(value: Any) -> Any:
    if isinstance(value, dict):
        return _Flow({key: _inline(item) for key, item in value.items()})
    if isinstance(value, list):
        return [_inline(item) for item in value]
    return value
