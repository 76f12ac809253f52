"""Names of other libraries and of older versions of Keras, and what a spec writes in their place: pure tables.

Keras 1 and 2, PyTorch, TensorFlow, Flax and NumPy, and the words that people use in speech. Only what is wrong is
looked up here; case and underscores do not matter.
"""

from __future__ import annotations

import functools
from collections.abc import Container, Mapping

from kspec import catalog

_NAMES: dict[str, dict[str, str]] = {
    "layers": {
        "Dense": "linear lazylinear fullyconnected fully_connected fc innerproduct affine gemm",
        "Conv1D": "atrousconv1d temporalconv",
        "Conv2D": "conv convolution atrousconvolution2d atrousconv2d",
        "Conv1DTranspose": "convtranspose1d deconv1d deconvolution1d",
        "Conv2DTranspose": "convtranspose convtranspose2d deconv2d deconvolution2d deconv deconvolution transposedconv",
        "Conv3DTranspose": "convtranspose3d deconv3d deconvolution3d",
        "DepthwiseConv2D": "depthwiseconvolution2d depthwiseconv",
        "SeparableConv2D": "separableconv",
        "MaxPooling1D": "maxpool1d",
        "MaxPooling2D": "maxpool maxpooling",
        "AveragePooling2D": "avgpool averagepool averagepooling",
        "GlobalAveragePooling1D": "globalavgpooling1d",
        "GlobalAveragePooling2D": "globalaveragepooling globalavgpool globalaveragepool gap globalpooling",
        "GlobalMaxPooling2D": "globalmaxpooling globalmaxpool",
        "AdaptiveAveragePooling1D": "adaptiveavgpool1d",
        "AdaptiveAveragePooling2D": "adaptiveavgpool2d adaptiveavgpool",
        "AdaptiveAveragePooling3D": "adaptiveavgpool3d",
        "BatchNormalization": "batchnorm batchnorm1d batchnorm2d batchnorm3d bn",
        "BatchNormalization: {synchronized: true}": "syncbatchnorm syncbatchnormalization",
        "LayerNormalization": "layernorm ln",
        "RMSNormalization": "rmsnorm",
        "GroupNormalization": "groupnorm",
        "GroupNormalization: {groups: -1}": "instancenorm1d instancenorm2d instancenorm3d instancenormalization",
        "SpatialDropout1D": "dropout1d",
        "SpatialDropout2D": "dropout2d",
        "SpatialDropout3D": "dropout3d",
        "AlphaDropout": "featurealphadropout",
        "LSTM": "cudnnlstm",
        "GRU": "cudnngru",
        "SimpleRNN": "vanillarnn elman",
        "Embedding": "embed embeddings wordembedding embeddingbag tokenembedding",
        "MultiHeadAttention": "mha multiheadselfattention selfattention multiheaddotproductattention",
        "Reshape": "unflatten view",
        "Concatenate": "concat concatlayer cat merge join",
        "Add": "sum plus addition",
        "Multiply": "mul times product",
        "Subtract": "sub minus difference",
        "Average": "avg",
        "UpSampling2D": "upsample upsampling",
        "ZeroPadding1D": "zeropad1d",
        "ZeroPadding2D": "zeropad2d zeropad padding",
        "ReLU: {threshold: 1.0}": "thresholdedrelu",
        "RandomZoom": "randomheight randomwidth",
        "RandomCrop": "randomresizedcrop",
        "RandomFlip": "randomhorizontalflip randomverticalflip",
        "RandomColorJitter": "colorjitter",
        "Resizing": "resize",
        "Rescaling": "rescale scale totensor",
        "Normalization": "normalize standardize standardscaler",
        "TimeDistributed": "timedistributeddense",
        "ops.matmul": "bmm mm batchmatmul",
        "ops.mean": "reduce_mean",
        "ops.sum": "reduce_sum",
        "ops.max": "reduce_max",
        "ops.min": "reduce_min",
        "ops.prod": "reduce_prod",
        "ops.std": "reduce_std",
        "ops.expand_dims": "unsqueeze newaxis",
        "ops.power": "pow",
        "ops.absolute": "abs",
        "ops.clip": "clamp clip_by_value",
        "ops.take": "gather",
        "ops.stop_gradient": "detach",
        "ops.logsumexp": "reduce_logsumexp",
        "ops.concatenate": "hcat",
        "ops.norm": "norm",
        "ops.divide": "div",
        "ops.subtract": "subtraction",
        "ops.normalize": "l2_normalize",
        "ops.dot_product_attention": "scaled_dot_product_attention",
        "ops.depth_to_space": "pixelshuffle",
        "ops.space_to_depth": "pixelunshuffle",
        "Activation: sigmoid": "logistic",
        "Activation: hard_tanh": "hardtanh",
        "repeat": "loop for foreach",
        "parallel": "branch branches",
        "residual": "skip shortcut skipconnection residualblock",
        "reuse": "shared share sharedlayer",
    },
    "losses": {
        "{SparseCategoricalCrossentropy: {from_logits: true}}": """crossentropyloss cross_entropy_loss
            sparse_softmax_cross_entropy_with_logits softmax_cross_entropy_with_integer_labels""",
        "{CategoricalCrossentropy: {from_logits: true}}": "softmax_cross_entropy_with_logits softmax_cross_entropy",
        "{BinaryCrossentropy: {from_logits: true}}": """bcewithlogitsloss bce_with_logits
            binary_cross_entropy_with_logits sigmoid_cross_entropy_with_logits sigmoid_cross_entropy""",
        "categorical_crossentropy": "crossentropy cross_entropy ce cce categoricalcrossentropyloss",
        "sparse_categorical_crossentropy": "nllloss nll nll_loss scce sparse_ce sparse_crossentropy",
        "binary_crossentropy": "bceloss log_loss logloss binary_ce",
        "mse": "mseloss l2loss l2 squared_error mean_square_error rmse root_mean_squared_error meansquareerror",
        "mae": "l1loss l1 absolute_error mean_abs_error",
        "huber": "smoothl1loss smooth_l1 smoothl1 huberloss huber_loss",
        "kl_divergence": "kldivloss kullback_leibler_divergence kl kldiv",
        "poisson": "poissonnllloss",
        "hinge": "hingeembeddingloss marginrankingloss",
        "cosine_similarity": "cosineembeddingloss cosine cosine_proximity",
        "ctc": "ctcloss",
        "binary_focal_crossentropy": "focal focalloss focal_loss sigmoid_focal_loss",
        "dice": "diceloss dice_loss dice_coefficient",
        "log_cosh": "logcoshloss",
    },
    "metrics": {
        "accuracy": "accuracy_score categorical_acc multiclassaccuracy",
        "f1_score": "f1 f1score fscore f1_macro",
        "auc": "roc_auc rocauc auroc roc roc_auc_score",
        "{AUC: {curve: PR}}": "pr_auc prauc average_precision auprc",
        "r2_score": "r2 r2score rsquared",
        "root_mean_squared_error": "rmse root_mean_square_error",
        "mse": "mseloss mean_square_error",
        "mae": "l1 mean_abs_error",
        "MeanIoU": "miou jaccard",
        "top_k_categorical_accuracy": "topk topkaccuracy top_k top5 top_5 top_5_accuracy top5accuracy",
        "sparse_categorical_accuracy": "sparse_accuracy sparseaccuracy",
        "recall": "sensitivity tpr",
        "precision": "ppv",
        "pearson_correlation": "pearson correlation corr",
    },
    "optimizers": {
        "adamw": "adamweightdecay adam_weight_decay adam_w",
        "{SGD: {momentum: 0.9}}": "momentum sgdm",
        "{SGD: {momentum: 0.9, nesterov: true}}": "nesterov nag",
        "sgd": "gradientdescent gd gradient_descent",
        "rmsprop": "rms",
        "{Adam: {amsgrad: true}}": "amsgrad",
    },
    "schedules": {
        "PiecewiseConstantDecay": "multisteplr piecewise piecewiseconstant",
        "ExponentialDecay": "exponentiallr exponential",
        "{ExponentialDecay: {staircase: true, …}}": "steplr step stepdecay",
        "CosineDecay": "cosineannealinglr cosine cosineannealing warmupcosine warmup warmupcosinedecay",
        "CosineDecayRestarts": "cosineannealingwarmrestarts sgdr cosine_restarts",
        "PolynomialDecay": "polynomiallr polynomial poly linearlr linear lineardecay lambdalr",
        "InverseTimeDecay": "inversetime timebaseddecay",
    },
    "initializers": {
        "glorot_uniform": "xavier xavier_uniform glorot xavieruniform",
        "glorot_normal": "xavier_normal xaviernormal",
        "he_normal": "kaiming kaiming_normal he msra kaimingnormal",
        "he_uniform": "kaiming_uniform kaiminguniform",
        "lecun_normal": "lecun",
        "random_normal": "gaussian random randn",
        "random_uniform": "rand",
        "truncated_normal": "trunc_normal truncnormal truncated",
        "identity": "eye",
        "Constant": "const fill",
        "orthogonal": "ortho",
        "variance_scaling": "variancescale",
    },
    "regularizers": {
        "l2": "weight_decay ridge weightdecay l2_regularizer",
        "l1": "lasso",
        "l1_l2": "elasticnet elastic elastic_net",
    },
    "constraints": {"max_norm": "maxnorm max", "non_neg": "nonnegative positive", "unit_norm": "unit normalize"},
    "activations": {
        "linear": "identity none noact",
        "leaky_relu": "lrelu leaky",
        "sigmoid": "logistic",
        "hard_silu": "hardswish hswish",
        "hard_sigmoid": "hsigmoid",
        "hard_tanh": "htanh",
        "exponential": "exp",
        "softplus": "smoothrelu",
        "gelu": "quickgelu gelu_new",
    },
    "callbacks": {
        "ModelCheckpoint": "checkpoint savebest checkpointer modelsaver",
        "EarlyStopping": "earlystop stopper",
        "ReduceLROnPlateau": "plateau reducelr lrplateau",
        "CSVLogger": "csv logger",
        "TerminateOnNaN": "nanterminate stoponnan",
        "BackupAndRestore": "backup resume",
        "SwapEMAWeights": "ema exponentialmovingaverage",
    },
}
"""What to write, and the names that mean it: by kind. A text with braces or a colon is written as it stands."""

_REMARKS: dict[str, dict[str, str]] = {
    "layers": {
        "inputs stand in the section `inputs`": "input inputspec placeholder inputs",
        "outputs stand in the section `outputs`": "output outputs outputlayer",
        "steps stand under `layers`; a model inside a model is a block, or `model: file`": (
            "sequential model functional nn_module module"
        ),
        "a step has `when: $(…)`": "if",
        "write a block: `blocks: {encoder: {layers: […]}}`": (
            "transformer transformerencoder transformerdecoder transformerencoderlayer transformerdecoderlayer "
            "transformerblock encoderlayer decoderlayer resnetblock densenetblock inceptionmodule"
        ),
        "Keras has none: write a layer class and name its module under `custom`": (
            "locallyconnected1d locallyconnected2d maxoutdense highway "
            "positionalencoding positionembedding sinepositionencoding positionalembedding"
        ),
    },
    "metrics": {"the loss is always reported: leave it out": "loss", "write `accuracy`": "val_accuracy val_acc"},
    "optimizers": {"Keras has no such optimizer: `adam` is the usual choice": "lbfgs radam ranger"},
    "schedules": {"Keras has none: `CosineDecay` warms up by `warmup_steps` and `warmup_target`": "onecyclelr"},
    "activations": {"PReLU learns its slope and is a layer: a step of its own": "prelu"},
}

_ARGUMENTS: dict[str, str] = {
    "learning_rate": "lr learningrate learn_rate eta step_size rate",
    "initial_learning_rate": "lr learning_rate initial_lr base_lr init_lr init_value start_lr max_lr",
    "end_learning_rate": "end_lr final_lr min_lr eta_min end_value",
    "decay_steps": "steps t_max total_steps num_steps max_steps step_size transition_steps",
    "first_decay_steps": "steps t_0 t_max decay_steps",
    "decay_rate": "gamma rate factor decay",
    "warmup_steps": "warmup num_warmup_steps warm_up_steps",
    "boundaries": "milestones",
    "filters": """nb_filter nb_filters out_channels output_channels channels num_filters n_filters n_filter num_filter
        features units out_features num_channels output_dim""",
    "units": """output_dim out_features out_dim output_size num_units n_units nb_units hidden_units hidden_size
        num_outputs neurons nodes n_neurons size features num_hidden dim filters""",
    "kernel_size": "kernel ksize filter_size filter_length kernel_shape window kernelsize filter_shape k",
    "padding": "border_mode pad pad_mode",
    "strides": "subsample stride subsample_length step",
    "dilation_rate": "atrous_rate dilation dilations",
    "pool_size": "pool_length kernel_size window_shape ksize pool ps window kernel",
    "size": "scale_factor factor scale upsample_size",
    "interpolation": "mode method",
    "data_format": "dim_ordering image_data_format format",
    "kernel_initializer": "init kernel_init weight_init w_init weights_initializer weight_initializer initializer",
    "depthwise_initializer": "kernel_initializer init",
    "embeddings_initializer": "init embedding_initializer kernel_initializer initializer",
    "recurrent_initializer": "inner_init recurrent_init",
    "bias_initializer": "bias_init b_init",
    "beta_initializer": "beta_init bias_initializer bias_init",
    "gamma_initializer": "gamma_init scale_init scale_initializer",
    "alpha_initializer": "init alpha_init",
    "kernel_regularizer": "w_regularizer weight_regularizer regularizer kernel_reg weights_regularizer weight_decay",
    "embeddings_regularizer": "w_regularizer embedding_regularizer",
    "bias_regularizer": "b_regularizer",
    "recurrent_regularizer": "u_regularizer",
    "kernel_constraint": "w_constraint weight_constraint constraint",
    "bias_constraint": "b_constraint",
    "recurrent_constraint": "u_constraint",
    "use_bias": "bias with_bias add_bias has_bias",
    "activation": "act nonlinearity activation_fn act_fn activation_function non_linearity func fn",
    "recurrent_activation": "inner_activation gate_activation",
    "rate": "p dropout_rate drop_rate prob probability dropout drop_prob dropout_prob drop",
    "dropout": "dropout_w dropout_rate p attention_dropout attn_dropout",
    "recurrent_dropout": "dropout_u",
    "stddev": "std sigma stdev scale",
    "mean": "mu loc",
    "minval": "low min a minimum",
    "maxval": "high max b maximum",
    "value": "val fill fill_value constant c",
    "negative_slope": "alpha slope leak leakiness leaky",
    "max_value": "max",
    "epsilon": "eps adam_epsilon fuzz_factor",
    "momentum": "decay",
    "gamma": "focusing",
    "beta_1": "beta1 b1",
    "beta_2": "beta2 b2",
    "rho": "alpha",
    "weight_decay": "wd l2 weight_decay_rate",
    "clipnorm": "clip_norm max_grad_norm grad_clip gradient_clip clip gradient_clip_norm max_norm",
    "clipvalue": "clip_value",
    "groups": "num_groups n_groups",
    "input_dim": "num_embeddings vocab_size vocabulary_size vocab num_words max_features n_tokens num_tokens",
    "output_dim": "embedding_dim embed_dim embedding_size embed_size dim units features d_model hidden_size embeddings",
    "mask_zero": "masking",
    "num_heads": "heads n_heads nhead nheads num_head n_head h",
    "key_dim": "head_dim head_size size_per_head d_k",
    "value_dim": "d_v vdim",
    "target_shape": "shape dims new_shape output_shape size newshape",
    "dims": "axes perm permutation pattern order dimensions",
    "n": "times repeats repetitions num",
    "axis": "dim axes concat_axis dims dimension",
    "axes": "axis dim dims perm permutation",
    "dot_axes": "axes",
    "keepdims": "keepdim keep_dims",
    "newshape": "shape target_shape size",
    "x_max": "max",
    "x_min": "min",
    "scale": "factor multiplier",
    "offset": "shift bias",
    "factor": "degrees angle range amount",
    "height": "h target_height",
    "width": "w target_width",
    "mode": "direction",
    "layer": "cell module rnn wrapped",
    "cell": "layer",
    "return_sequences": "return_sequence return_seq return_all seq_out",
    "go_backwards": "reverse backwards",
    "from_logits": "logits use_logits",
    "label_smoothing": "smoothing smooth label_smooth",
    "ignore_class": "ignore_index ignore_label",
    "delta": "beta",
    "num_classes": "classes n_classes nb_classes num_labels",
    "threshold": "thresh cutoff",
    "k": "top_k n",
    "monitor": "metric quantity watch",
    "filepath": "filename path file ckpt_path ",
    "filename": "filepath path file",
    "save_best_only": "best_only save_best",
    "save_weights_only": "weights_only",
    "save_freq": "period every_n_epochs frequency",
    "restore_best_weights": "restore_best restore_weights keep_best",
    "patience": "wait epochs",
    "min_delta": "delta epsilon tolerance tol",
    "min_lr": "min_learning_rate",
    "l1": "l alpha weight",
    "l2": "l alpha weight lambda weight_decay decay",
}
"""Keras's name of an argument, and the names that mean it; those that the object has are looked up in this order."""

NEEDLESS = frozenset(
    [
        "in_features",
        "in_channels",
        "input_shape",
        "batch_input_shape",
        "input_length",
        "input_size",
        "num_features",
        "in_dim",
        "nb_channels",
        "input_dim",
        "device",
        "batch_first",
        "inplace",
    ]
)
"""Arguments that say what Keras finds out, or what it does anyway."""

_SHAPES = "leave it out: shapes stand under `inputs`"
_ARGUMENT_REMARKS: dict[str, dict[str, str]] = {
    "layers": {
        _SHAPES: "in_features in_channels input_shape batch_input_shape input_length input_size num_features in_dim "
        "nb_channels input_dim",
        "leave it out: kspec runs where JAX does": "device",
        "leave it out: the batch is the first axis of every tensor": "batch_first",
        "leave it out: a step makes a new tensor": "inplace",
        "wrap it: `Bidirectional: {LSTM: …}`": "bidirectional",
        "write a step for each, or `repeat: 2`": "num_layers n_layers",
        "`rate` is the part that is dropped: 1 - keep_prob": "keep_prob",
        "`key_dim` is embed_dim / num_heads": "embed_dim d_model",
        "write `center: false, scale: false` to leave both out": "affine elementwise_affine",
        "write `mask_zero: true` where 0 is the padding": "padding_idx",
    },
    "optimizers": {
        "write `beta_1` and `beta_2`": "betas",
        "write a schedule: `learning_rate: {InverseTimeDecay: {…}}`": "decay lr_decay",
        "leave it out: the model's weights are meant": "params parameters",
    },
    "losses": {
        "class weights stand in `fit: {class_weight: {0: 1.0, 1: 3.0}}`": "weight weights class_weight class_weights",
        "loss weights stand in `compile: {loss_weights: …}`": "loss_weight",
    },
}
"""What to say of an argument where no other name will do, by kind."""

PREFIXES = frozenset(
    [
        "tf",
        "tensorflow",
        "keras",
        "layers",
        "ops",
        "nn",
        "torch",
        "functional",
        "f",
        "k",
        "backend",
        "np",
        "numpy",
        "jnp",
        "jax",
        "flax",
        "linen",
        "math",
        "linalg",
        "activations",
        "losses",
        "metrics",
        "optimizers",
        "schedules",
        "initializers",
        "regularizers",
        "constraints",
        "callbacks",
        "v1",
        "v2",
        "compat",
        "experimental",
        "preprocessing",
        "python",
        "src",
        "legacy",
        "optim",
        "init",
        "lax",
        "utils",
        "addons",
        "tfa",
        "hk",
        "haiku",
        "lr_scheduler",
        "torchmetrics",
        "models",
        "eqx",
        "equinox",
        "onnx",
    ]
)
"""Modules that names are written with elsewhere."""


def fold(name: str) -> str:
    """A name without what people mix up: case and underscores."""
    return name.casefold().replace("_", "")


def meant(kind: str, name: str) -> str:
    """What to write for a foreign name of a kind, or an empty string."""
    return _turned("names").get(kind, {}).get(fold(name), "")


def remark(kind: str, name: str) -> str:
    """What to say of a name that has no other, or an empty string."""
    return _turned("remarks").get(kind, {}).get(fold(name), "")


def argument(key: str, names: Container[str]) -> str:
    """Of `names` the one that a foreign argument means, or an empty string."""
    return next((target for target in _arguments().get(fold(key), ()) if target in names), "")


def argument_remark(kind: str, key: str) -> str:
    """What to say of an argument that no name stands for, or an empty string."""
    return _turned("arguments").get(kind, {}).get(fold(key), "")


def bare(name: str) -> str:
    """A dotted name without the modules that other libraries, or Keras in Python, write before it.

    ``tf.keras.layers.Dense`` is ``Dense``; the same name where the first part is no module that is known.
    """
    head, _, rest = name.partition(".")
    return rest.rsplit(".", 1)[-1] if rest and head.casefold() in PREFIXES else name


def canonical(kind: str, name: str) -> str:
    """The catalogue's name for one of another spelling or library, where it is a single name; else nothing."""
    last = bare(name)
    found = catalog.find(kind, last)
    if found is None:
        other = meant(kind, last)
        found = catalog.find(kind, other) if other else None
    if found is not None:
        return found.name
    return spelled(kind).get(fold(last), "")


@functools.cache
def spelled(kind: str) -> Mapping[str, str]:
    """Names of a kind by what is left of them without case and underscores."""
    return {fold(each): each for each in catalog.names(kind)}


@functools.cache
def _turned(table: str) -> Mapping[str, Mapping[str, str]]:
    """A table by kind and folded foreign name."""
    tables = {"names": _NAMES, "remarks": _REMARKS, "arguments": _ARGUMENT_REMARKS}
    return {
        kind: {fold(word): meant for meant, words in entries.items() for word in words.split()}
        for kind, entries in tables[table].items()
    }


@functools.cache
def _arguments() -> Mapping[str, tuple[str, ...]]:
    """Keras's names by folded foreign name."""
    found: dict[str, tuple[str, ...]] = {}
    for target, words in _ARGUMENTS.items():
        for word in words.split():
            found[fold(word)] = (*found.get(fold(word), ()), target)
    return found
