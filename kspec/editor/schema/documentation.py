"""One line for every key of the language that Keras does not document."""

from __future__ import annotations

SECTIONS: dict[str, dict[str, str]] = {
    "spec": {
        "kspec": "The format's version: every spec starts with `kspec: 1`.",
        "name": "The model's name, and that of its run folders.",
        "seed": "The seed of weights, dropout and shuffling: the same seed gives the same training.",
        "dtype_policy": "Keras's dtype policy for every layer, such as `mixed_bfloat16`; heads stay float32.",
        "vars": "Variables: `$width` and `$(4 * width)` stand for them anywhere; `--set width=128` wins.",
        "inputs": "The model's inputs by name: a size, a shape without the batch axis, or keras.Input's arguments.",
        "blocks": "Sub-graphs with variables of their own, used as operations by their names.",
        "layers": "The steps, in order: each takes the previous one's output, unless it says `from`.",
        "outputs": "The model's outputs: a name, a list, or a mapping that names them; left out, the last step.",
        "compile": "keras.Model.compile's arguments.",
        "fit": "keras.Model.fit's arguments.",
        "data": "Where arrays come from; `--data` on the command line wins.",
        "expect": "What must hold of the model; a broken expectation is an error at its line.",
        "weights": "A file of weights for the whole model, to begin with.",
        "class": "A subclass of keras.Model of your own to build the graph as; its package must be trusted.",
        "custom": "Python modules with layers, losses or metrics of your own; their package must be trusted.",
        "extends": "A spec that this one is merged over: mappings key by key, everything else replaced.",
        "import": "Files whose blocks this spec may use.",
    },
    "input": {
        "shape": "The shape without the batch axis; null is an axis of any size.",
        "batch_shape": "The shape with the batch axis.",
        "batch_size": "The fixed size of a batch.",
        "dtype": "The dtype of the input's values, such as `int32` for token ids.",
        "sparse": "Whether the input is a sparse tensor.",
        "ragged": "Whether the input is a ragged tensor.",
        "optional": "Whether the input may be left out.",
    },
    "compile": {
        "optimizer": "The optimizer: `adam`, or `{AdamW: {learning_rate: 1e-3}}`.",
        "loss": "The loss: one, a list, or a mapping by output.",
        "loss_weights": "How much each output's loss counts.",
        "metrics": "Metrics: a list, or a mapping by output.",
        "weighted_metrics": "Metrics that class and sample weights count in.",
        "run_eagerly": "Whether steps run without being compiled, for debugging.",
        "steps_per_execution": "How many batches one compiled call runs.",
        "jit_compile": "Whether XLA compiles the model: true, false or `auto`.",
        "auto_scale_loss": "Whether the loss is scaled under `mixed_float16`.",
    },
    "fit": {
        "epochs": "How many times training goes over the data.",
        "batch_size": "How many examples one step takes.",
        "callbacks": "Callbacks, such as `EarlyStopping: {patience: 5}`.",
        "validation_split": "The part of the training data, from its end, that validates.",
        "shuffle": "Whether examples are shuffled before each epoch.",
        "class_weight": "How much each class counts: `{0: 1.0, 1: 3.0}`, or that by output.",
        "sample_weight": "The array that says how much each example counts, or such arrays by output.",
        "initial_epoch": "The epoch to begin with, counted from 0.",
        "steps_per_epoch": "How many steps make an epoch.",
        "validation_steps": "How many steps validation takes.",
        "validation_batch_size": "How many examples one step of validation takes.",
        "validation_freq": "After how many epochs validation runs.",
    },
    "data": {
        "train": "The arrays to train on.",
        "validation": "The arrays to validate on.",
        "test": "The arrays that `kspec evaluate` measures on.",
    },
    "file": {
        "path": "The file, relative to the spec.",
        "fields": "The array for each input and output, where the names differ.",
    },
    "expect": {
        "params": "How many parameters: exactly, or `{max: 5M}`.",
        "trainable_params": "How many trainable parameters: exactly, or `{max: 5M}`.",
        "non_trainable_params": "How many parameters that training leaves alone: exactly, or `{max: 5M}`.",
        "depth": "How many layers stand one after another on the longest way.",
        "flops": "Floating-point operations of computing one example: `{max: 2G}`.",
        "train_memory": "Bytes of a training step: `{max: 8GiB, batch_size: 32}`.",
        "length": "The size of open axes, for `flops` and `train_memory`.",
        "outputs": "Each output's shape, `{digit: [null, 10]}`, or `{digit: {shape: [null, 10], dtype: float32}}`.",
    },
    "bounds": {"min": "At least this many.", "max": "At most this many."},
    "memory bounds": {"min": "At least so large.", "max": "At most so large.", "batch_size": "Examples in a batch."},
    "expected output": {"shape": "With the batch axis, which is null.", "dtype": "The dtype of the output."},
    "block": {
        "vars": "The block's variables with their defaults; null: whoever uses it must give a value.",
        "inputs": "Names of the block's inputs; left out, it is one, called `input`.",
        "layers": "The block's steps.",
        "outputs": "What the block gives: a name, a list or a mapping; left out, its last step.",
        "nested": "Whether each use is a keras.Model of its own, one layer in the summary.",
    },
}
"""Keys of the sections."""

WORDS = {
    "name": "Names the step and its output; a list names each output of a layer with several.",
    "from": "Where the input comes from: a name, a list, or a mapping by call argument; left out, the previous step.",
    "call": "Constant arguments of the layer's call: `{use_causal_mask: true}`.",
    "when": "The step exists only when this is true.",
    "trainable": "Whether training changes the weights: false freezes the step.",
    "dtype": "The step's dtype policy.",
    "weights": "A file of weights to load into this layer.",
    "layers": "The steps that are repeated.",
    "merge": "The layer that joins the chains: `Concatenate`, `{Concatenate: {axis: 1}}`.",
    "output": "Cut the model at this layer or output.",
}
"""kspec's words beside an operation."""

FORMS = {
    "reuse": "Call an earlier layer or block use again: its weights are shared.",
    "repeat": "The steps under `layers` several times: `12`, `{i: 12}`, `{filters: [64, 128, 256]}`.",
    "residual": "A chain, added to its own input; `merge: Multiply` for another way.",
    "parallel": "Several chains on the same input, as a list or a mapping that names them.",
    "model": "A saved model, or another spec, as one layer.",
}
"""The five forms."""
