"""What Keras once called things, and what it calls them now: pure tables of its own history.

Each row is a name of Keras 1 or 2 (or of `tf.keras`) that Keras 3 does not know any more, with the version since which
it has another: from Keras 2.3.1's `legacy/interfaces.py`, and from what the constructors of 1.2.2, 2.3.1, 2.15 and 3.0
took and those of today do not. What is still known under its old name (`Convolution2D`, `normal`) is in the catalogue,
and not here.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from kspec import catalog


class Renamed(NamedTuple):
    """A name of today, and the version of Keras that brought it."""

    new: str
    since: str


class Moved(NamedTuple):
    """What else changes where a class has another name: `adds` are arguments that its old name implied, `renames` those
    with another name, `value` what the lone value of the notation stands for."""

    adds: Mapping[str, str] = {}
    renames: Mapping[str, str] = {}
    value: str = ""


class Dropped(NamedTuple):
    """An argument that there is no more. It can be left out where it is one of `values`, or whatever it is where there
    are none; `why` says what to do instead, or why nothing is lost."""

    why: str
    since: str
    values: tuple[Any, ...] = ()

    def goes(self, value: Any) -> bool:
        """Whether it can be left out where it is `value`."""
        return not self.values or any(type(value) is type(each) and value == each for each in self.values)


_NAMES: dict[tuple[str, str], dict[str, str]] = {
    ("layers", "3.0"): {
        "LSTM": "CuDNNLSTM LSTMV1 LSTMV2",
        "GRU": "CuDNNGRU GRUV1 GRUV2",
        "BatchNormalization": "BatchNormalizationV1 BatchNormalizationV2 SyncBatchNormalization",
        "ReLU": "ThresholdedReLU",
    },
    ("layers", "2.0"): {
        "Conv1D": "AtrousConvolution1D AtrousConv1D",
        "Conv2D": "AtrousConvolution2D AtrousConv2D",
        "Conv2DTranspose": "Deconvolution2D Deconv2D",
        "Conv3DTranspose": "Deconvolution3D Deconv3D",
    },
    ("losses", "3.0"): {
        "cosine_similarity": "cosine_proximity cosine",
        "log_cosh": "logcosh",
        "kl_divergence": "kullback_leibler_divergence",
    },
    ("metrics", "3.0"): {
        "cosine_similarity": "cosine_proximity cosine",
        "LogCoshError": "logcosh log_cosh",
        "kl_divergence": "kullback_leibler_divergence kld KLD",
    },
    ("constraints", "3.0"): {"max_norm": "maxnorm", "unit_norm": "unitnorm", "non_neg": "nonneg"},
}

_MOVED: dict[str, Moved] = {
    "SyncBatchNormalization": Moved(adds={"synchronized": "true"}),
    "ThresholdedReLU": Moved(adds={"threshold": "1.0"}, renames={"theta": "threshold"}, value="threshold"),
    **dict.fromkeys(
        ("AtrousConvolution1D", "AtrousConv1D", "AtrousConvolution2D", "AtrousConv2D"),
        Moved(renames={"atrous_rate": "dilation_rate"}),
    ),
}

KERNEL_SIZES = (("nb_row", "nb_col"), ("kernel_dim1", "kernel_dim2", "kernel_dim3"))
"""Arguments of Keras 1 that together are `kernel_size`, in its order."""

_EVERY = ""
_CONVOLUTIONS = {"filters": "nb_filter", "padding": "border_mode", "strides": "subsample subsample_length stride"}
_ARGUMENTS: dict[tuple[str, str, str], dict[str, str]] = {  # kind, class, since: new names, each with its old ones
    ("layers", _EVERY, "2.0"): {
        **_CONVOLUTIONS,
        "kernel_size": "filter_length",
        "pool_size": "pool_length",
        "dilation_rate": "atrous_rate",
        "data_format": "dim_ordering",
        "units": "output_dim",
        "rate": "p",
        "stddev": "sigma",
        "use_bias": "bias",
        "kernel_initializer": "init",
        "kernel_regularizer": "W_regularizer",
        "kernel_constraint": "W_constraint",
        "bias_regularizer": "b_regularizer",
        "bias_constraint": "b_constraint",
        "recurrent_initializer": "inner_init",
        "recurrent_activation": "inner_activation",
        "recurrent_regularizer": "U_regularizer",
        "dropout": "dropout_W",
        "recurrent_dropout": "dropout_U",
        "beta_initializer": "beta_init",
        "gamma_initializer": "gamma_init",
    },
    ("layers", "Embedding", "2.0"): {
        "embeddings_initializer": "init",
        "embeddings_regularizer": "W_regularizer",
        "embeddings_constraint": "W_constraint",
    },
    ("layers", "PReLU", "2.0"): {"alpha_initializer": "init"},
    ("layers", "UpSampling1D", "2.0"): {"size": "length"},
    ("layers", "LeakyReLU", "3.0"): {"negative_slope": "alpha"},
    ("layers", "CategoryEncoding", "2.6"): {"num_tokens": "max_tokens"},
    ("layers", "IntegerLookup", "2.6"): {"max_tokens": "max_values"},
    ("optimizers", _EVERY, "2.3"): {"learning_rate": "lr"},
    ("constraints", "MaxNorm", "2.0"): {"max_value": "m"},
    ("constraints", "MinMaxNorm", "2.0"): {"min_value": "low", "max_value": "high"},
    ("callbacks", "ReduceLROnPlateau", "2.1"): {"min_delta": "epsilon"},
}

_SHAPES = "shapes stand under `inputs`"
_PYDATASET = "kspec reads the data itself"
_NEVER = "Keras has had no such choice since"
_DROPPED: dict[tuple[str, str], dict[str, Dropped]] = {  # kind or section, class
    ("layers", _EVERY): {
        **dict.fromkeys(
            ("input_shape", "batch_input_shape", "input_length", "input_dim", "input_dtype"), Dropped(_SHAPES, "3.0")
        ),
        "time_major": Dropped("the first axis is the batch, the second is time", "3.0", (False,)),
        "consume_less": Dropped("`implementation` says how gates are computed, and the default is fast", "2.0"),
        "forget_bias_init": Dropped("write `unit_forget_bias`", "2.0", ("one", "ones")),
        "output_shape": Dropped("the shape follows from the input's", "2.0"),
    },
    ("layers", "BatchNormalization"): {
        "fused": Dropped("XLA fuses what can be fused", "3.0"),
        "virtual_batch_size": Dropped(_NEVER, "3.0", (None,)),
        "adjustment": Dropped(_NEVER, "3.0", (None,)),
        "mode": Dropped(
            "`axis` says what is normalized; the batch's own statistics are those of training", "2.0", (0,)
        ),
    },
    ("layers", "Embedding"): {
        "sparse": Dropped("gradients of an embedding are dense", "3.0", (False,)),
        "dropout": Dropped("let a `SpatialDropout1D` step follow", "2.0", (0, 0.0)),
    },
    ("optimizers", _EVERY): {
        "decay": Dropped("write a schedule: `learning_rate: {InverseTimeDecay: {…}}`", "3.0", (0, 0.0)),
        "schedule_decay": Dropped("Keras fixes it at 0.004", "3.0", (0.004,)),
        "jit_compile": Dropped("`compile: {jit_compile: …}` compiles the whole step", "3.0"),
    },
    ("callbacks", "ModelCheckpoint"): {
        "period": Dropped("`save_freq` is `epoch`, or counts batches", "3.0", (1,)),
        "options": Dropped(_NEVER, "3.0", (None,)),
    },
    ("callbacks", "BackupAndRestore"): {"save_before_preemption": Dropped(_NEVER, "3.0", (False,))},
    ("compile", _EVERY): {
        "experimental_run_tf_function": Dropped("there is one way to run a step", "3.0"),
        "sample_weight_mode": Dropped("the weights' shape says what they weigh", "3.0", (None,)),
        "target_tensors": Dropped(_NEVER, "3.0", (None,)),
        "distribute": Dropped(_NEVER, "3.0", (None,)),
    },
    ("fit", _EVERY): {
        **dict.fromkeys(
            ("workers", "use_multiprocessing", "max_queue_size", "nb_worker", "max_q_size", "pickle_safe"),
            Dropped(_PYDATASET, "3.0"),
        ),
    },
}

_KEYS = {("fit", "nb_epoch"): Renamed("epochs", "2.0"), ("fit", "nb_val_samples"): Renamed("validation_steps", "2.0")}

_VALUES: dict[tuple[str, Any], Any] = {
    ("data_format", "tf"): "channels_last",
    ("data_format", "th"): "channels_first",
    ("reduction", "auto"): "sum_over_batch_size",
    ("reduction", "AUTO"): "sum_over_batch_size",
}
"""What an argument's value is called now."""

_OTHERWISE = {"hard_sigmoid": "hard_sigmoid is x / 6 + 0.5 since Keras 3, and was 0.2 x + 0.5"}
"""What has its old name still, and computes otherwise."""

_QUANTITIES = {"acc": Renamed("accuracy", "2.3"), "lr": Renamed("learning_rate", "2.3")}
"""Numbers of an epoch that callbacks monitor, by their last word."""

REMOVED = {
    "LocallyConnected1D": "3.0",
    "LocallyConnected2D": "3.0",
    "DenseFeatures": "3.0",
    "RandomFourierFeatures": "3.0",
    "RandomHeight": "3.0",
    "RandomWidth": "3.0",
    "Highway": "2.0",
    "MaxoutDense": "2.0",
}
"""Layers without a successor."""

_MODULES = frozenset(
    {
        *("tf", "tensorflow", "keras", "python", "compat", "v1", "v2", "experimental", "preprocessing", "legacy"),
        *("layers", "optimizers", "schedules", "losses", "metrics", "initializers", "regularizers", "constraints"),
        *("activations", "callbacks"),
    }
)


def name(kind: str, old: str) -> Renamed | None:
    """What Keras calls an object of a kind now; None where that was never its name."""
    *modules, last = old.split(".")
    if not _MODULES.issuperset(modules):
        return None
    found = _names().get((kind, last))
    if found is None and modules and catalog.find(kind, last) is not None:
        return Renamed(last, "3.0" if {"legacy", "experimental"} & set(modules) else "")
    return found


def moved(old: str) -> Moved:
    """What changes beside the name where a class has another one."""
    return _MOVED.get(old.rpartition(".")[2], Moved())


def argument(kind: str, owner: str, old: str, parameters: Collection[str]) -> Renamed | None:
    """What an argument of a class is called now."""
    for group in (owner, _EVERY):
        found = _arguments().get((kind, group, old))
        if found is not None and found.new in parameters:
            return found
    return None


def dropped(place: str, owner: str, old: str) -> Dropped | None:
    """Why there is no such argument any more; `place` is the kind of its owner, or a section of the spec."""
    return next(
        (found for group in (owner, _EVERY) if (found := _DROPPED.get((place, group), {}).get(old)) is not None), None
    )


def key(section: str, old: str) -> Renamed | None:
    """What a key of a section is called now."""
    return _KEYS.get((section, old))


def value(parameter: str, old: Any) -> Any:
    """What a value of an argument is called now; None where it is what it was."""
    return _VALUES.get((parameter, old)) if isinstance(old, str) else None


def otherwise(value: Any) -> str | None:
    """What a value of today's name computes now, and did before; None where that is the same."""
    return _OTHERWISE.get(value) if isinstance(value, str) else None


def quantity(old: str) -> Renamed | None:
    """What a number of an epoch is called now: `val_acc` is `val_accuracy`."""
    before, word = (old[: -len(end)], end) if (end := old.rpartition("_")[2]) != old else ("", old)
    found = _QUANTITIES.get(word)
    return None if found is None else Renamed(before + found.new, found.since)


def said(old: str, found: Renamed) -> str:
    """Help for a name that Keras has changed."""
    if adds := moved(old).adds:
        arguments = ", ".join(f"{name}: {value}" for name, value in adds.items())
        return f"write `{found.new}: {{{arguments}}}`, as `kspec upgrade` does: Keras {found.since} renamed it"
    if old.rpartition(".")[2] == found.new:
        return f"did you mean `{found.new}`?"
    return f"did you mean `{found.new}`? Keras {found.since} renamed it: `kspec upgrade` writes it"


@functools.cache
def _names() -> Mapping[tuple[str, str], Renamed]:
    return {
        (kind, old): Renamed(new, since)
        for (kind, since), table in _NAMES.items()
        for new, words in table.items()
        for old in words.split()
    }


@functools.cache
def _arguments() -> Mapping[tuple[str, str, str], Renamed]:
    return {
        (kind, owner, old): Renamed(new, since)
        for (kind, owner, since), table in _ARGUMENTS.items()
        for new, words in table.items()
        for old in words.split()
    }
