"""A real call of every layer: constructor arguments and the shapes of its inputs, where `(2, 8)` and none do not do.

A nested Keras object is written `("Name", {argument: value})`, an input `shape` or `(shape, dtype)`.
"""

from __future__ import annotations

from typing import Any

INT = "int32"
SEQUENCE = (2, 6, 4)
IMAGE = (2, 16, 16, 3)
VOLUME = (2, 6, 6, 6, 2)
FRAMES = {1: (2, 3, 8, 2), 2: (2, 3, 8, 8, 2), 3: (2, 2, 5, 5, 5, 2)}
CHANNELS = {1: (2, 8, 3), 2: (2, 8, 8, 3), 3: (2, 6, 6, 6, 2)}

_RANKS = (1, 2, 3)

ARGUMENTS: dict[str, dict[str, Any]] = {
    "Activation": {"activation": "relu"},
    "AlphaDropout": {"rate": 0.5},
    "AugMix": {"value_range": [0, 1]},
    "Bidirectional": {"layer": ("LSTM", {"units": 4})},
    "CategoryEncoding": {"num_tokens": 4},
    "CenterCrop": {"height": 4, "width": 4},
    "Dense": {"units": 4},
    "DepthwiseConv1D": {"kernel_size": 3},
    "DepthwiseConv2D": {"kernel_size": [3, 3]},
    "Discretization": {"bin_boundaries": [0.2, 0.5]},
    "Dot": {"axes": 1},
    "Dropout": {"rate": 0.5},
    "EinsumDense": {"equation": "ab,bc->ac", "output_shape": 4},
    "Embedding": {"input_dim": 5, "output_dim": 4},
    "GRU": {"units": 4},
    "GRUCell": {"units": 4},
    "GaussianDropout": {"rate": 0.5},
    "GaussianNoise": {"stddev": 0.1},
    "GroupNormalization": {"groups": 2},
    "GroupQueryAttention": {"head_dim": 4, "num_query_heads": 2, "num_key_value_heads": 1},
    "LSTM": {"units": 4},
    "LSTMCell": {"units": 4},
    "MelSpectrogram": {"fft_length": 64, "sequence_stride": 16, "num_mel_bins": 8},
    "MultiHeadAttention": {"num_heads": 2, "key_dim": 4},
    "Permute": {"dims": [2, 1]},
    "Pipeline": {"layers": [("Rescaling", {"scale": 2.0}), ("ReLU", {})]},
    "RNN": {"cell": ("LSTMCell", {"units": 4})},
    "RandomBrightness": {"factor": 0.2, "value_range": [0, 1]},
    "RandomColorDegeneration": {"factor": 0.2, "value_range": [0, 1]},
    "RandomContrast": {"factor": 0.2, "value_range": [0, 1]},
    "RandomCrop": {"height": 4, "width": 4},
    "RandomHue": {"factor": 0.2, "value_range": [0, 1]},
    "RandomPosterization": {"factor": 4, "value_range": [0, 1]},
    "RandomRotation": {"factor": 0.1},
    "RandomSaturation": {"factor": 0.2, "value_range": [0, 1]},
    "RandomSharpness": {"factor": 0.2, "value_range": [0, 1]},
    "RandomTranslation": {"height_factor": 0.1, "width_factor": [-0.1, 0.1]},
    "RandomZoom": {"height_factor": 0.1},
    "RepeatVector": {"n": 3},
    "Rescaling": {"scale": 0.5},
    "Reshape": {"target_shape": [4, 2]},
    "Resizing": {"height": 4, "width": 4},
    "ReversibleEmbedding": {"input_dim": 5, "output_dim": 4},
    "SimpleRNN": {"units": 4},
    "SimpleRNNCell": {"units": 4},
    "SpectralNormalization": {"layer": ("Dense", {"units": 4})},
    "StackedRNNCells": {"cells": [("LSTMCell", {"units": 4}), ("GRUCell", {"units": 4})]},
    "STFTSpectrogram": {"frame_length": 16},
    "TimeDistributed": {"layer": ("Dense", {"units": 4})},
    **{f"Adaptive{how}Pooling{rank}D": {"output_size": 2} for how in ("Average", "Max") for rank in _RANKS},
    **{f"AveragePooling{rank}D": {"pool_size": 2} for rank in _RANKS},
    **{f"Conv{rank}D": {"filters": 4, "kernel_size": 3} for rank in _RANKS},
    **{f"Conv{rank}DTranspose": {"filters": 4, "kernel_size": 3} for rank in _RANKS},
    **{f"ConvLSTM{rank}D": {"filters": 2, "kernel_size": 3} for rank in _RANKS},
    **{f"SeparableConv{rank}D": {"filters": 4, "kernel_size": 3} for rank in (1, 2)},
    **{f"SpatialDropout{rank}D": {"rate": 0.5} for rank in _RANKS},
    **{f"Cropping{rank}D": {"cropping": 1} for rank in _RANKS},
}
"""Constructor arguments by layer."""

_IMAGES = (
    *("AugMix", "AutoContrast", "CenterCrop", "ContrastLimitedAdaptiveHistogramEqualization", "CutMix"),
    *("Equalization", "MixUp", "Pipeline", "RandAugment", "Resizing", "Solarization"),
    *("RandomBrightness", "RandomColorDegeneration", "RandomColorJitter", "RandomContrast", "RandomCrop"),
    *("RandomElasticTransform", "RandomErasing", "RandomFlip", "RandomGaussianBlur", "RandomGrayscale"),
    *("RandomHue", "RandomInvert", "RandomPerspective", "RandomPosterization", "RandomRotation"),
    *("RandomSaturation", "RandomSharpness", "RandomShear", "RandomTranslation", "RandomZoom"),
)
_MERGING = ("Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply")
_POOLING = ("Average", "Max")

INPUTS: dict[str, dict[str, Any]] = {
    **{key: {"data": IMAGE} for key in _IMAGES},
    "Pipeline": {"inputs": IMAGE},
    **{key: {"inputs": [(2, 4), (2, 4), (2, 4)]} for key in _MERGING},
    "Dot": {"inputs": [(2, 4), (2, 4)]},
    "Subtract": {"inputs": [(2, 4), (2, 4)]},
    "Attention": {"inputs": [SEQUENCE, SEQUENCE]},
    "AdditiveAttention": {"inputs": [SEQUENCE, SEQUENCE]},
    "MultiHeadAttention": {"query": SEQUENCE, "value": (2, 5, 4)},
    "GroupQueryAttention": {"query": SEQUENCE, "value": (2, 5, 4)},
    "CategoryEncoding": {"inputs": ((2, 3), INT)},
    "Embedding": {"inputs": ((2, 3), INT)},
    "ReversibleEmbedding": {"inputs": ((2, 3), INT)},
    "GRUCell": {"inputs": (2, 3), "states": [(2, 4)]},
    "LSTMCell": {"inputs": (2, 3), "states": [(2, 4), (2, 4)]},
    "SimpleRNNCell": {"sequence": (2, 3), "states": [(2, 4)]},
    "StackedRNNCells": {"inputs": (2, 3), "states": [[(2, 4), (2, 4)], [(2, 4)]]},
    **{key: {"sequences": SEQUENCE} for key in ("Bidirectional", "GRU", "LSTM", "RNN", "SimpleRNN")},
    **{f"ConvLSTM{rank}D": {"sequences": FRAMES[rank]} for rank in _RANKS},
    **{key: {"inputs": SEQUENCE} for key in ("Masking", "Permute", "TimeDistributed")},
    "MelSpectrogram": {"inputs": (2, 256)},
    "STFTSpectrogram": {"inputs": (2, 64, 2)},
    "RMSNormalization": {"x": (2, 8)},
    **{
        name.format(rank): {"inputs": CHANNELS[rank]}
        for rank in _RANKS
        for name in (
            *(f"Adaptive{how}Pooling{{}}D" for how in _POOLING),
            *(f"{how}Pooling{{}}D" for how in _POOLING),
            *(f"Global{how}Pooling{{}}D" for how in _POOLING),
            *("Conv{}D", "Conv{}DTranspose", "Cropping{}D", "DepthwiseConv{}D", "SeparableConv{}D"),
            *("SpatialDropout{}D", "UpSampling{}D", "ZeroPadding{}D"),
        )
    },
}
"""Inputs by layer and call argument."""
