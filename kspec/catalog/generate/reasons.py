"""Names that a spec cannot use on JAX, each with the reason and what to do instead: the one place for them."""

from __future__ import annotations

_FUNCTION = (
    "takes a Python function, which a spec cannot hold: write a layer class that calls it and name its module "
    "under `custom`"
)
_CONSTANT = (
    "takes no tensor but makes a constant: write the constant where it is used (`from: {x1: a, x2: 2.0}`), or make "
    "it from a tensor (`ops.ones_like`, `ops.full_like`)"
)
_STRINGS = (
    "needs TensorFlow, which kspec does not use: turn strings and categories into integers before training, save "
    "them in the data file and feed them to `Embedding` or `CategoryEncoding`"
)
_CODE = "holds Python code: write a layer class and name its module under `custom`"
_PYTHON = "gives a Python value, not a tensor: "
_SIZE = "makes an output whose shape depends on the data, which JAX cannot compile: "

_OPS = {
    **dict.fromkeys(
        (
            *("associative_scan", "cond", "custom_gradient", "fori_loop", "jvp", "map", "scan", "switch"),
            *("vectorize", "vectorized_map", "while_loop"),
        ),
        _FUNCTION,
    ),
    **dict.fromkeys(
        (
            *("arange", "bartlett", "blackman", "empty", "eye", "full", "hamming", "hanning", "identity", "kaiser"),
            *("ones", "tri", "zeros"),
        ),
        _CONSTANT,
    ),
    "shape": _PYTHON + "shapes are known when the spec is checked, so write the number, or `-1` in `ops.reshape`",
    "ndim": _PYTHON + "the rank is known when the spec is checked, so write the number",
    "size": _PYTHON + "the size is known when the spec is checked, so write the number",
    "dtype": _PYTHON + "name the dtype, as in `ops.cast: float16`",
    "is_tensor": _PYTHON + "every output of a step is a tensor",
    "convert_to_numpy": _PYTHON + "the outputs of `kspec predict` are NumPy arrays",
    "nonzero": _SIZE + "keep the shape and use `ops.where` or a mask",
    "bincount": _SIZE + "use `ops.one_hot` and `ops.sum`, or the layer `CategoryEncoding` with `output_mode: count`",
    "histogram": "has no implementation on JAX in Keras: use `ops.digitize`, `ops.one_hot` and `ops.sum`",
    "conv_transpose": (
        "cannot run inside a model, for Keras mixes up its arguments there: use the layer `Conv1DTranspose`, "
        "`Conv2DTranspose` or `Conv3DTranspose`"
    ),
    "image.elastic_transform": "cannot be compiled by JAX: use the layer `RandomElasticTransform`",
}

_BASE = "is a base class and does nothing by itself: "

REASONS: dict[str, dict[str, str]] = {
    "layers": {
        "Layer": _BASE + "name one of its subclasses",
        "Wrapper": _BASE + "use `TimeDistributed`, `Bidirectional` or `SpectralNormalization`",
        "InputLayer": "is made by kspec: name the input and its shape under `inputs`",
        "Lambda": "holds Python code: use a function of `keras.ops` as a step (`ops.square`), or "
        "write a layer class and name its module under `custom`",
        "TextVectorization": _STRINGS,
        "StringLookup": _STRINGS,
        "IntegerLookup": _STRINGS,
        "Hashing": _STRINGS,
        "HashedCrossing": _STRINGS,
        "TFSMLayer": "needs TensorFlow, which kspec does not use: save as `.keras` and write `model: file.keras`",
        "TorchModuleWrapper": "needs PyTorch, which kspec does not use: write the module with Keras layers",
        "Equalization": "gives its very input back outside of training, which Keras cannot put into a model: equalize "
        "the images in the data, or use `ContrastLimitedAdaptiveHistogramEqualization`",
        "JaxLayer": _CODE,
        "FlaxLayer": _CODE,
        "MaxNumBoundingBoxes": "takes images and bounding boxes as one mapping: prepare the boxes in the data",
    },
    "ops": {f"ops.{name}": reason for name, reason in _OPS.items()},
    "losses": {"Loss": _BASE + "name one of its subclasses, or a class of your own under `custom`"},
    "metrics": {
        "Metric": _BASE + "name one of its subclasses, or a class of your own under `custom`",
        "MeanMetricWrapper": "takes a Python function: write a metric class and name its module under `custom`",
        "Mean": "averages values given to it in Python, not predictions: name a metric of targets and predictions",
        "Sum": "adds values given to it in Python, not predictions: name a metric of targets and predictions",
    },
    "optimizers": {"Optimizer": _BASE + "name one of its subclasses, such as `AdamW`"},
    "schedules": {"LearningRateSchedule": _BASE + "name one of its subclasses, such as `CosineDecay`"},
    "initializers": {"Initializer": _BASE + "name one of its subclasses, such as `GlorotUniform`"},
    "regularizers": {"Regularizer": _BASE + "name one of its subclasses, such as `L2`"},
    "constraints": {"Constraint": _BASE + "name one of its subclasses, such as `MaxNorm`"},
    "activations": {"threshold": "needs two arguments that an activation is not given: use the step `ops.threshold`"},
    "callbacks": {
        "Callback": _BASE + "name one of its subclasses, or a class of your own under `custom`",
        "CallbackList": "is made by Keras itself: list callbacks under `callbacks`",
        "History": "is added by Keras itself: the history is in the run's folder",
        "ProgbarLogger": "draws over kspec's own progress bars: leave it out",
        "LambdaCallback": "takes Python functions: write a callback class and name its module under `custom`",
        "LearningRateScheduler": (
            "takes a Python function: write a schedule in the optimizer, as in "
            "`learning_rate: {CosineDecay: {…}}`, or use `ReduceLROnPlateau`"
        ),
        "TensorBoard": "needs TensorFlow, which kspec does not use: the run's folder holds the history and its curves",
        "RemoteMonitor": "sends figures over the network: read the run's `history.jsonl` instead",
        "OrbaxCheckpoint": "needs the package `orbax-checkpoint`, which kspec does not use: use `ModelCheckpoint`",
    },
    "quantizers": {
        "AWQConfig": "takes a tokenizer and a data set of Python: quantize in Python with `model.quantize`",
        "GPTQConfig": "takes a tokenizer and a data set of Python: quantize in Python with `model.quantize`",
        "Quantizer": _BASE + "name one of its subclasses, such as `AbsMaxQuantizer`",
        "QuantizationConfig": _BASE + "name one of its subclasses, such as `Int8QuantizationConfig`",
    },
}
"""Why a name cannot be used, by kind and name."""

REQUIRED = {"max_pool.strides", "average_pool.strides"}
"""Parameters that Keras gives a default which does not run on JAX inside a model."""

REFUSED = {"factor"}
"""Parameters of `BaseImagePreprocessingLayer` that its subclasses take only where they declare them."""
