"""From an input to features: the steps that read it."""

from __future__ import annotations

import math

from kspec.training.starter.inputs import Input
from kspec.training.starter.look import number
from kspec.training.starter.steps import Step, shape_text

LONG = 256
"""Steps of a sequence beyond which a recurrent layer is slow, and convolutions read it."""

_MOST_FLAT = 4096


def branch(given: Input, *, alone: bool, drop: bool) -> list[Step]:
    """Steps that make one row of features of an input, down to what the head (or the layer that joins several
    branches) reads; none for numbers that need no step.

    `alone`: there is no other input, so the branch is the whole model. `drop`: with Dropout.
    """
    steps = _scaled(given)
    dropout = [Step("Dropout: 0.3")] if drop else []
    match given.kind:
        case "vector":
            return steps + _dense(given.shape[0], alone, drop)
        case "category":
            return _category(given, alone)
        case "tokens":
            mask = ", mask_zero: true" if given.padded else ""
            comment = "0 fills up short rows, and is passed over" if given.padded else "a row of 32 numbers for a token"
            steps = [Step(f"Embedding: {{input_dim: {number(given.high + 1)}, output_dim: 32{mask}}}", comment)]
            pooled = [Step("GlobalAveragePooling1D", "their mean, in whatever order")]
            return [*steps, *pooled, *dropout, Step("Dense: {units: 64, activation: relu}")]
        case "image":
            return steps + _stages(given.spatial, 2) + dropout + [Step("Dense: {units: 64, activation: relu}")]
        case "series" if given.shape[0] > LONG:
            return steps + _stages(given.spatial, 1) + dropout + [Step("Dense: {units: 64, activation: relu}")]
        case "series":
            return [*steps, Step("Bidirectional: {GRU: 32}", "reads from both ends"), *dropout]
        case "block":
            return [*steps, Step("Flatten"), *_dense(math.prod(given.shape), alone, drop)]


def positions(given: Input) -> list[Step]:
    """Steps that make features for each pixel of an image, or each step of a sequence."""
    if given.kind == "image":
        convolution = "Conv2D: {filters: 32, kernel_size: 3, dilation_rate: $rate, padding: same, activation: relu}"
        inner = (Step(convolution),)
        wider = Step("repeat: {rate: [1, 2, 4, 8]}", "each looks farther around than the last", inner=inner)
        return [*_scaled(given), wider, Step("Conv2D: {filters: 32, kernel_size: 3, padding: same, activation: relu}")]
    steps = _scaled(given)
    if given.kind == "tokens":
        steps = [Step(f"Embedding: {{input_dim: {number(given.high + 1)}, output_dim: 32}}")]
    return [*steps, Step("GRU: {units: 64, return_sequences: true}", "left to right: it cannot look ahead")]


def _scaled(given: Input) -> list[Step]:
    """The form and the scale that the other steps need."""
    steps = []
    if given.channels_first:
        steps.append(Step("Permute: [2, 3, 1]", "the channels stand last"))
    elif given.kind == "image" and len(given.shape) == 2:
        steps.append(Step(f"Reshape: {shape_text((*given.shape, 1))}", "one channel: grey"))
    if given.kind == "series" and given.padded:
        steps.append(Step("Masking: 0.0", "zeros fill up short rows, and are passed over"))
    match given.scale:
        case "rescale":
            high = 255.0 if given.high > 128 and given.kind != "vector" else given.high
            high = 255.0 if given.high > 240 else high
            steps.append(Step(f"Rescaling: $(1 / {number(high)})", f"0 to {number(high)} becomes 0 to 1"))
        case "normalize":
            steps.append(Step("Normalization", "mean 0, variance 1: `fit` adapts it to the training data first"))
        case "batch":
            steps.append(Step("BatchNormalization", "some columns hardly vary: by the statistics of batches"))
        case "none":
            pass
    return steps


def _dense(size: int, alone: bool, drop: bool) -> list[Step]:
    if not alone:
        return [Step("Dense: {units: 64, activation: relu}")] if size > 32 else []
    units = 256 if size > 256 else 128 if size > 32 else 64
    dropout = [Step("Dropout: 0.2")] if drop else []
    return [
        Step(f"Dense: {{units: {units}, activation: relu}}"),
        *dropout,
        Step(f"Dense: {{units: {min(units, 64)}, activation: relu}}"),
    ]


def _category(given: Input, alone: bool) -> list[Step]:
    tokens = number(given.high + 1)
    if given.high < 100:
        steps = [Step(f"CategoryEncoding: {{num_tokens: {tokens}, output_mode: one_hot}}")]
    else:
        steps = [Step(f"Embedding: {{input_dim: {tokens}, output_dim: 16}}"), Step("Flatten")]
    return [*steps, Step("Dense: {units: 64, activation: relu}")] if alone else steps


def _stages(spatial: tuple[int, ...], axes: int) -> list[Step]:
    """Convolutions, each followed by a pooling that halves the axes (a quarter for one), down to a row of features."""
    pool = 2 if axes == 2 else 4
    sizes = list(spatial)
    filters: list[int] = []
    while len(filters) < 5 and min(sizes) >= 2 * pool:
        sizes = [size // pool for size in sizes]
        filters.append(min(32 * 2 ** len(filters), 128))
    convolution = f"Conv{axes}D: {{filters: %s, kernel_size: {3 if axes == 2 else 7}, padding: same, activation: relu}}"
    pooling = Step(f"MaxPooling{axes}D: {pool}")
    if not filters:
        steps, filters = [Step(convolution % 32)], [32]
    elif len(filters) == 1:
        steps = [Step(convolution % 32), pooling]
    else:
        comment = f"{_COUNTS[len(filters)]} stages, each {'half' if axes == 2 else 'a quarter of'} the size of the last"
        inner = (Step(convolution % "$filters"), pooling)
        steps = [Step(f"repeat: {{filters: {filters}}}", comment, inner=inner)]
    if math.prod(sizes) * filters[-1] <= _MOST_FLAT:
        return [*steps, Step("Flatten")]
    return [*steps, Step(f"GlobalAveragePooling{axes}D")]


_COUNTS = ("no", "one", "two", "three", "four", "five")
