"""A file without a model of its own (blocks to import, a base to extend) in one piece.

It is as it was written, variables and all, over what it extends and with the blocks that it imports: whoever extends or
imports it gets the same from the one file.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from kspec import catalog
from kspec.diagnostics import Route
from kspec.spec.datasection import PARTS
from kspec.spec.places import Source

_ORDER = (
    *(
        "kspec",
        "name",
        "seed",
        "dtype_policy",
        "lora",
        "quantize",
        "class",
        "custom",
        "weights",
        "vars",
        "inputs",
        "blocks",
    ),
    *("compile", "fit", "data", "expect"),
)
"""The sections in the order in which people read."""


def part(source: Source, folder: Path) -> dict[str, Any]:
    """The part as plain data, its paths relative to `folder`."""
    moving = _Moving(source, folder)
    data = {key: source.data[key] for key in _ORDER if source.data.get(key) not in (None, {}, [])}
    if "weights" in data:
        data["weights"] = moving.path(data["weights"], ("weights",))
    if isinstance(fit := data.get("fit"), dict) and isinstance(fit.get("callbacks"), list):
        callbacks = [moving.callback(item, ("fit", "callbacks", i)) for i, item in enumerate(fit["callbacks"])]
        data["fit"] = {**fit, "callbacks": callbacks}
    if isinstance(files := data.get("data"), dict):
        moved = {key: moving.data(files[key], ("data", key)) for key in PARTS if key in files}
        data["data"] = {**files, **moved}
    if isinstance(blocks := data.get("blocks"), dict):
        data["blocks"] = {name: moving.block(block, ("blocks", name)) for name, block in blocks.items()}
    return data


class _Moving:
    """Paths, each relative to the file in which it was written, made relative to one folder."""

    def __init__(self, source: Source, folder: Path) -> None:
        self.source, self.folder = source, folder

    def path(self, text: Any, route: Route) -> Any:
        file = self.source.file_of(route).path
        own = file.parent if file is not None else Path.cwd()
        if not isinstance(text, str) or own == self.folder or os.path.isabs(text):
            return text
        before = os.path.relpath(own, self.folder).replace("$", "$$")
        return f"{before}/{text}" if "$" in text else os.path.normpath(f"{before}/{text}")

    def callback(self, item: Any, route: Route) -> Any:
        """A callback: `{CSVLogger: log.csv}`, or with the path among others."""
        if not (isinstance(item, dict) and len(item) == 1):
            return item
        ((name, value),) = item.items()
        parameter, route = catalog.PATHS.get(name, ""), (*route, name)
        if parameter and isinstance(value, dict) and parameter in value:
            return {name: {**value, parameter: self.path(value[parameter], (*route, parameter))}}
        return {name: self.path(value, route)} if parameter else item

    def data(self, file: Any, route: Route) -> Any:
        if isinstance(file, dict) and "path" in file:
            return {**file, "path": self.path(file["path"], (*route, "path"))}
        return self.path(file, route)

    def block(self, block: Any, route: Route) -> Any:
        if not isinstance(block, dict):
            return block
        return {key: self.steps(value, (*route, key)) if key == "layers" else value for key, value in block.items()}

    def steps(self, steps: Any, route: Route) -> Any:
        """One step, or a list of them, or of lists of them."""
        if isinstance(steps, list):
            return [self.steps(step, (*route, index)) for index, step in enumerate(steps)]
        if not isinstance(steps, dict):
            return steps
        return {key: self.word(key, value, (*route, key)) for key, value in steps.items()}

    def word(self, key: Any, value: Any, route: Route) -> Any:
        """What stands at one key of a step."""
        if key in ("model", "weights"):
            return self.path(value, route)
        if key == "parallel" and isinstance(value, dict):  # its keys are names of chains
            return {name: self.steps(chain, (*route, name)) for name, chain in value.items()}
        return self.steps(value, route) if key in ("layers", "residual", "parallel") else value
