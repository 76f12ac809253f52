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
_Dumper.add_implicit_resolver(  # type: ignore[no-untyped-call]
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$|0o[0-7]+$"),
    list("-+0123456789."),
)


class _Flow(dict[Any, Any]):
    """A mapping written in braces."""


def _flow(dumper: yaml.SafeDumper, data: _Flow) -> Any:
    return dumper.represent_mapping("tag:yaml.org,2002:map", data, flow_style=True)


def _nothing(dumper: yaml.SafeDumper, data: None) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:null", "null")


_Dumper.add_representer(_Flow, _flow)
_Dumper.add_representer(type(None), _nothing)


def dump(data: Any) -> str:
    """YAML: sections and steps in blocks, the arguments of a step in braces."""
    if not isinstance(data, dict):
        return _text(data)
    parts = []
    for key, value in data.items():
        if key == "blocks" and isinstance(value, dict):
            value = {name: _block(block) for name, block in value.items()}
        elif key == "layers":
            value = [_step(step) for step in value]
        elif isinstance(value, dict):
            value = {name: _inline(item) for name, item in value.items()}
        parts.append(_text({key: value}))
    return "".join(parts)


def _text(data: Any) -> str:
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, default_flow_style=None, allow_unicode=True, width=WIDTH)


def _block(block: Any) -> Any:
    if not isinstance(block, dict) or "layers" not in block:
        return block
    return {key: [_step(step) for step in value] if key == "layers" else value for key, value in block.items()}


def _step(step: Any) -> Any:
    """A step as a block mapping with its operation's arguments in braces."""
    if not isinstance(step, dict):
        return step
    return {key: _inline(value) for key, value in step.items()}


def _inline(value: Any) -> Any:
    if isinstance(value, dict):
        return _Flow({key: _inline(item) for key, item in value.items()})
    if isinstance(value, list):
        return [_inline(item) for item in value]
    return value
