"""Functions -> the text of a module: what it imports is what its code names."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

_FROM_KERAS = ("layers", "ops")


def module(
    functions: Sequence[list[str]], modules: Mapping[str, set[str]], note: str, *, is_script: bool = False
) -> str:
    """The module's text. `note` documents it, `modules` are classes of the person's own; a script runs `main`."""
    ending = 'if __name__ == "__main__":\n    main()' if is_script else ""
    body = "\n\n\n".join("\n".join(lines) for lines in functions)
    tree = ast.parse(body + "\n" + ending)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    parts = [f'"""{note}"""', *_imports(names, modules, is_script)]
    if "HERE" in names:
        parts.append("HERE = Path(__file__).parent")
    constants = "\n\n".join(parts)
    return f"{constants}\n\n\n{body}\n" + (f"\n\n{ending}\n" if ending else "")


def _imports(names: set[str], modules: Mapping[str, set[str]], is_script: bool) -> list[str]:
    """Imports in their sections, sorted as isort does."""
    standard = ["import csv"] if "csv" in names else []
    standard += ["import os"] if is_script else []
    if "HERE" in names or "Path" in names:
        standard.append("from pathlib import Path")
    if "Any" in names:
        standard.append("from typing import Any")
    plain = ["import h5py"] if "h5py" in names else []
    plain += ["import keras"]
    plain += ["import numpy as np"] if "np" in names else []
    plain += ["import pyarrow.parquet as pq"] if "pq" in names else []
    taken = [name for name in _FROM_KERAS if name in names]
    chosen = [f"from keras import {', '.join(taken)}"] if taken else []
    own = [f"import {module}" for module in sorted(modules) if "" in modules[module]]
    own += [
        f"from {module} import {', '.join(sorted(found - {''}, key=_isorted))}"
        for module, found in sorted(modules.items())
        if found - {""}
    ]
    if is_script:
        standard.append('\nos.environ.setdefault("KERAS_BACKEND", "jax")')
    sections = [standard, [*plain, *chosen], own]
    return ["\n".join(section) for section in sections if section]


def _isorted(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2), name
