"""Closed sets of strings, read in Keras's source (its JAX backend where a function of it decides).

Parameters are written as in `known_types`.
"""

from __future__ import annotations

_PADDING = ("valid", "same")
_FILL = ("constant", "nearest", "reflect", "wrap")
_TRANSFORM_FILL = ("constant", "mirror", "nearest", "reflect", "wrap")
_RESIZE = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
_TWO = ("nearest", "bilinear")
_AUTO = ("auto", "min", "max")
_QUANTILE = ("linear", "lower", "higher", "midpoint", "nearest")
_DTYPES = (
    *("bool", "float16", "float32", "float64", "bfloat16", "int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64", "complex64", "complex128", "float8_e4m3fn", "float8_e5m2"),
)

CHOICES: dict[str, tuple[str, ...]] = {
    "data_format": ("channels_last", "channels_first"),
    "padding": _PADDING,
    "Conv1D.padding": ("valid", "same", "causal"),
    "ops:dtype": (*_DTYPES, "int"),
    "reduction": ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none"),
    "merge_mode": ("concat", "sum", "mul", "ave"),
    "use_cudnn": ("auto",),
    "score_mode": ("dot", "concat"),
    "CategoryEncoding.output_mode": ("multi_hot", "one_hot", "count"),
    "Discretization.output_mode": ("int", "one_hot", "multi_hot", "count"),
    "HashedCrossing.output_mode": ("int", "one_hot"),
    "RandomFlip.mode": ("horizontal", "vertical", "horizontal_and_vertical"),
    "STFTSpectrogram.mode": ("log", "magnitude", "psd", "real", "imag", "angle", "stft"),
    "scaling": ("density", "spectrum"),
    "side": ("real", "imag"),
    "searchsorted.side": ("left", "right"),
    "VarianceScaling.mode": ("fan_in", "fan_out", "fan_avg"),
    "VarianceScaling.distribution": ("truncated_normal", "normal", "untruncated_normal", "uniform"),
    "OrthogonalRegularizer.mode": ("rows", "columns"),
    "fill_mode": _FILL,
    "RandomElasticTransform.fill_mode": _TRANSFORM_FILL,
    "affine_transform.fill_mode": _TRANSFORM_FILL,
    "elastic_transform.fill_mode": _TRANSFORM_FILL,
    "map_coordinates.fill_mode": _TRANSFORM_FILL,
    "Resizing.fill_mode": ("constant",),
    "resize.fill_mode": ("constant",),
    "interpolation": _TWO,
    "Resizing.interpolation": _RESIZE,
    "UpSampling2D.interpolation": _RESIZE,
    "resize.interpolation": _RESIZE,
    "bounding_box_format": (
        *("xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw"),
        *("rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh"),
    ),
    "curve": ("ROC", "PR", "PRGAIN", "roc", "pr", "prgain"),
    "summation_method": (
        *("interpolation", "majoring", "minoring"),
        *("Interpolation", "Majoring", "Minoring"),
    ),
    "average": ("micro", "macro", "weighted"),
    "class_aggregation": ("uniform_average", "variance_weighted_average"),
    "callbacks:mode": _AUTO,
    "save_freq": ("epoch",),
    "update_freq": ("batch", "epoch"),
    "correlate.mode": ("valid", "same", "full"),
    "qr.mode": ("reduced", "complete"),
    "pad.mode": (
        *("constant", "edge", "linear_ramp", "maximum", "mean", "median", "minimum", "reflect", "symmetric"),
        *("wrap", "empty"),
    ),
    "indexing": ("xy", "ij"),
    "method": _QUANTILE,
    "scale_and_translate.method": (
        *("linear", "bilinear", "trilinear", "cubic", "bicubic", "tricubic", "lanczos3", "lanczos5"),
    ),
    "scatter_update.reduction": ("add", "max", "min", "mul"),
    "strategy": ("greedy", "beam_search"),
    "MelSpectrogram.window": ("hann", "hamming"),
    "stft.window": ("hann", "hamming"),
    "istft.window": ("hann", "hamming"),
    "norm.ord": ("fro", "nuc"),
    "Int8QuantizationConfig.activation_quantizer": ("default",),
    "Int4QuantizationConfig.activation_quantizer": ("default",),
}
"""The strings accepted, by parameter; numbers and null beside them are the type's affair."""
