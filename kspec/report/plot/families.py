"""Which family an operation belongs to, and that family's colours.

The hues are Okabe and Ito's (https://jfly.uni-koeln.de/color/), told apart by the colour-blind. Fills are light, so
that text is readable on paper too, and an operation's name stands in its box: no colour is the only sign of anything.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["FAMILIES", "Family", "family"]


class Family(NamedTuple):
    """Operations of one purpose: the colour of the box and of its edge."""

    name: str
    fill: str
    edge: str


FAMILIES = {
    each.name: each
    for each in (
        Family("input and output", "#ffffff", "#24292f"),
        Family("convolution", "#cfe4f3", "#0072b2"),
        Family("dense", "#fbdcc7", "#d55e00"),
        Family("recurrent", "#f4dbe9", "#b0578c"),
        Family("attention", "#fbf6b5", "#a39800"),
        Family("normalization", "#c6eadd", "#009e73"),
        Family("activation", "#fde8bf", "#c98500"),
        Family("pooling", "#e0f3fd", "#3a9bd1"),
        Family("regularization", "#ececec", "#8c959f"),
        Family("merging", "#d9dde2", "#57606a"),
        Family("reshaping", "#f4f5f7", "#8c959f"),
        Family("function", "#ffffff", "#8c959f"),
        Family("block", "#eef1f5", "#24292f"),
    )
}

_MEMBERS = {
    "recurrent": "LSTM GRU SimpleRNN RNN Bidirectional",
    "dense": "Dense EinsumDense Embedding ReversibleEmbedding",
    "merging": "Add Average Concatenate Dot Maximum Minimum Multiply Subtract ops.add ops.average ops.concatenate"
    " ops.divide ops.einsum ops.matmul ops.maximum ops.minimum ops.multiply ops.stack ops.subtract ops.where",
    "activation": "Activation ELU LeakyReLU PReLU ReLU Softmax ops.relu ops.sigmoid ops.softmax ops.tanh ops.gelu"
    " ops.silu ops.elu ops.selu ops.softplus ops.leaky_relu ops.log_softmax",
    "regularization": "ActivityRegularization GaussianNoise",
    "reshaping": "Flatten Permute RepeatVector Reshape Resizing Rescaling Masking CenterCrop Identity",
    "input and output": "Input Output",
}
_FAMILY = {operation: name for name, operations in _MEMBERS.items() for operation in operations.split()}

_PARTS = (
    ("ConvLSTM", "recurrent"), ("Conv", "convolution"), ("Attention", "attention"), ("Pooling", "pooling"),
    ("Normalization", "normalization"), ("Dropout", "regularization"), ("Padding", "reshaping"),
    ("Cropping", "reshaping"), ("UpSampling", "reshaping"),
)  # fmt: skip
"""What is in the names of layers of a family; the first that fits."""


def family(operation: str) -> Family:
    """The family of a layer's class, of ``ops.NAME``, of ``Input`` or ``Output``."""
    if operation in _FAMILY:
        return FAMILIES[_FAMILY[operation]]
    found = (name for part, name in _PARTS if part in operation and not operation.startswith("ops."))
    return FAMILIES[next(found, "function")]
