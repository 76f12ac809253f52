"""The spec language as a JSON Schema, for yaml-language-server and whatever else reads one.

Made from pydantic's sections and the catalogue, and shipped as `data/kspec.schema.json`, which
``python -m kspec.editor.schema`` renews. Reading the shipped text imports neither pydantic nor Keras.

Two rules keep an editor's messages single and its completion whole. There are no bare unions, for of one that fails a
validator reports the branch that it takes for nearest: what a value may be is one list of types, one pattern for texts
and one set of properties, chosen by the key. And what cannot be known from one file (blocks that are imported, classes
of `custom`) is never refused.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["FILE", "text"]

FILE = Path(__file__).parent.parent / "data" / "kspec.schema.json"
"""The shipped schema."""


def text() -> str:
    """The shipped schema's text."""
    return FILE.read_text("utf-8")
