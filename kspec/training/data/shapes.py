"""The shape of a row held against the shape that an input or output has."""

from __future__ import annotations

from kspec.model.interface import Shape


def fitted(given: tuple[int, ...], wanted: Shape) -> tuple[int, ...] | None:
    """The shape that Keras would take `given` for: a last axis of 1 is added or dropped; None where nothing fits."""
    candidates = [given]
    if len(given) == len(wanted) + 1 and given[-1] == 1:
        candidates = [given[:-1]]
    elif len(given) == len(wanted) - 1 and wanted[-1] == 1:
        candidates = [(*given, 1)]
    return next((c for c in candidates if agrees(c, wanted)), None)


def agrees(given: tuple[int, ...], wanted: Shape) -> bool:
    """Whether shapes are equal but for axes of any size."""
    return len(given) == len(wanted) and all(w is None or g == w for g, w in zip(given, wanted, strict=True))
