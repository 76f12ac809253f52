"""What a picture says of tensors and numbers, short enough to stand on an edge or in a box."""

from __future__ import annotations

from kspec.report.plot.tree import Leaf, Tensor
from kspec.report.sizes import flops as figures

__all__ = ["counted", "label", "numbers", "operations", "shape_words"]

_UNITS = ((10**12, "T"), (10**9, "B"), (10**6, "M"))


def shape_words(shape: tuple[int | None, ...]) -> str:
    """``56 × 56 × 256`` for ``(None, 56, 56, 256)``: one example's; a shape without a batch axis is in brackets."""
    words = [" × ".join("?" if size is None else str(size) for size in part) for part in (shape, shape[1:])]
    if shape[:1] != (None,):
        return f"({words[0]})"
    return words[1] or "scalar"


def label(tensor: Tensor, output: int | None = None) -> str:
    """Shape and dtype, after the output's number where a call has several."""
    number = f"[{output}] " if output is not None else ""
    return f"{number}{shape_words(tensor[0])} {tensor[1]}"


def counted(number: int) -> str:
    """``9,408``, ``25.6M``, ``66.3B``."""
    for size, unit in _UNITS:
        if number >= size:
            return f"{number / size:.3g}{unit}" if number < 999.5 * size else f"{number / size:,.0f}{unit}"
    return f"{number:,}"


def operations(flops: float) -> str:
    """``7.45 GFLOPs``."""
    text = figures(flops)
    return f"{text}FLOPs" if text[-1].isalpha() else f"{text} FLOPs"


def numbers(leaves: list[Leaf], *, shared: bool) -> list[str]:
    """Parameters and FLOPs of calls that are drawn as one box; `shared` where they use the weights of others."""
    params = sum(leaf.params for leaf in leaves)
    words = []
    if shared:
        words.append("shared weights")
    elif params:
        frozen = all(leaf.frozen for leaf in leaves if leaf.params)
        words.append(f"{counted(params)} params" + (", frozen" if frozen else ""))
    flops = [leaf.flops for leaf in leaves if leaf.flops is not None]
    if flops and any(flops):
        words.append(operations(sum(flops)))
    return words
