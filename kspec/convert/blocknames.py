"""Names for blocks, after what is in them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kspec.convert.chains import Step
from kspec.convert.shapes import chains_in, operation_of, operations

_SHORT = 3
"""A block of so many steps is called after each of them."""
_WORDS = {
    "BatchNormalization": "bn",
    "LayerNormalization": "norm",
    "GroupNormalization": "norm",
    "RMSNormalization": "norm",
    "UnitNormalization": "norm",
    "DepthwiseConv": "depthwise",
    "SeparableConv": "separable",
    "Conv": "conv",
    "ZeroPadding": "pad",
    "MaxPooling": "pool",
    "AveragePooling": "pool",
    "Dense": "dense",
    "Dropout": "dropout",
    "SpatialDropout": "dropout",
    "ReLU": "relu",
    "LeakyReLU": "relu",
    "PReLU": "relu",
    "ELU": "elu",
}
"""Layers by the words that people use for them, without what tells of dimensions."""
_DIMENSIONS = re.compile(r"(?:[123]D)?(?:Transpose)?$")


def block_name(steps: list[Step], taken: set[str]) -> str:
    """A name that tells what a block does, and that nothing else has."""
    base = _all_of(steps) or _kind(steps)
    name, count = base, 1
    while name in taken:
        count += 1
        name = f"{base}_{count}"
    return name


def _all_of(steps: list[Step]) -> str:
    """Every step in a word, such as ``conv_bn_relu``; empty where there are many, or one that has none."""
    words = [_word(step) for step in steps]
    return "_".join(words) if len(words) <= _SHORT and all(words) else ""


def _word(step: Step) -> str:
    key = operation_of(step)
    if key == "Activation":
        given = step[key].get("activation") if isinstance(step[key], dict) else step[key]
        return given if isinstance(given, str) and given.isidentifier() else "activation"
    return _WORDS.get(_DIMENSIONS.sub("", key), "")


def _kind(steps: list[Step]) -> str:
    """What the steps make together, as far as that has a name."""
    inside = list(operations(steps))
    merges = {operation_of(step["merge"]) for step in _parallels(steps)}
    attends = any("Attention" in each for each in inside)
    if "repeat" in inside:
        return "stage"
    if attends:
        return "transformer" if "Dense" in inside else "attention"
    if "Multiply" in merges and any(each.startswith("GlobalAveragePooling") for each in inside):
        return "squeeze_excite"
    if "Concatenate" in merges:
        return "branches"
    if merges:
        return "residual_unit"
    if any(each.startswith("DepthwiseConv") for each in inside):
        return "depthwise_unit"
    if any("Conv" in each for each in inside):
        return "conv_unit"
    if any(each in ("LSTM", "GRU", "SimpleRNN", "Bidirectional") for each in inside):
        return "recurrent_unit"
    return "dense_unit" if "Dense" in inside else "unit"


def _parallels(steps: list[Step]) -> Iterator[Step]:
    for step in steps:
        if operation_of(step) == "parallel":
            yield step
        for chain in chains_in(step):
            yield from _parallels(chain)
