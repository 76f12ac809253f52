"""Variables of the whole spec that stand for Keras objects, such as an initializer in many places: code makes an object
anew in each of them, since two layers that share a random initializer would begin with the same numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from kspec.spec.compiled import Compiled


def inlined(compiled: Compiled) -> Compiled:
    """The spec with such variables' values in the place of their names."""
    objects = {f"${name}": value for name, value in compiled.variables.items() if isinstance(value, dict)}
    if not objects:
        return compiled
    spec = compiled.spec
    blocks = {
        name: {**block, "layers": _put(block["layers"], _without(objects, block.get("vars") or {}))}
        for name, block in spec.blocks.items()
    }
    changed = spec.model_copy(update={"layers": _put(spec.layers, objects), "blocks": blocks})
    return dataclasses.replace(compiled, spec=changed)


def _put(value: Any, objects: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        return objects.get(value, value)
    if isinstance(value, list):
        return [_put(item, objects) for item in value]
    if isinstance(value, dict):
        walks = value["repeat"] if isinstance(value.get("repeat"), dict) else {}
        return {key: _put(item, _without(objects, walks)) for key, item in value.items()}
    return value


def _without(objects: Mapping[str, Any], names: Mapping[str, Any]) -> Mapping[str, Any]:
    """Those that a block's or a loop's own variables leave."""
    return {name: value for name, value in objects.items() if name[1:] not in names}
