"""Writes the catalogue from the installed Keras: ``python -m kspec.catalog.generate [--check] [--output FOLDER]``.

The only part of the catalogue that imports Keras.
"""

from __future__ import annotations

from kspec.catalog.generate import collect, files


def generate() -> dict[str, str]:
    """The text of every file of the catalogue by its name, from the installed Keras."""
    return files.texts(collect.everything(), collect.version())
