"""The state of a training, of its random numbers, and of an optimizer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kspec.model.backend import load_keras


def prepare_training(model: Any, batch: Any) -> None:
    """Make the variables of a compiled model's metrics, loss and optimizer, from the shapes of a batch.

    Publicly only `fit` and `evaluate` do that, on data.
    """
    model._symbolic_build(data_batch=batch)
    if not model.optimizer.built:  # a second time would give a LossScaleOptimizer its own variables twice
        model.optimizer.build(model.trainable_variables)


def prepare_testing(model: Any, batch: Any) -> None:
    """Make the variables of a compiled model's metrics and loss, from the shapes of a batch; publicly only `evaluate`
    and `fit` do that."""
    model._symbolic_build(data_batch=batch)


def steps_are_keras_own(model: Any) -> bool:
    """Whether a model's steps, and the logs they give, are those of Keras, which are the results of its metrics."""
    own = load_keras().Model
    names = ("train_step", "test_step", "compute_metrics", "get_metrics_result", "_update_metrics_variables")
    return all(getattr(type(model), name) is getattr(own, name) for name in names)


def lend_state(model: Any, state: tuple[Any, Any, Any, Any]) -> None:
    """Note the state of a training where callbacks find it: whoever asks a callback for its model gets the arrays
    (trainable, other, optimizer's, metrics') put into the variables first, by `Model.jax_state_sync`.

    That is how `Model.fit` does it; publicly the variables alone can be set, which takes too long for every step.
    As plain attributes, past `Layer.__setattr__`, which would look through all of it for layers each time.
    """
    names = ("trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables")
    vars(model).update(_jax_state=dict(zip(names, state, strict=True)), _jax_state_synced=False)


def state_is_back(model: Any) -> bool:
    """Whether somebody has had the state put into the variables, and may have changed it there."""
    return bool(model._jax_state_synced)


def forget_state(model: Any) -> None:
    """No training is under way any more."""
    vars(model).update(_jax_state=None, _jax_state_synced=True)


def first_epoch(model: Any) -> int:
    """The epoch that the callback `BackupAndRestore` has restored, from which `Model.fit` goes on; 0 for none."""
    return getattr(model, "_initial_epoch", None) or 0


def global_seed() -> Any:
    """The state of the generator from which Keras draws where nobody gives a seed; None where it was never asked.

    Keras makes it when it is first asked, and exports nothing that tells whether it was.
    """
    from keras.src.backend.common import global_state
    from keras.src.random.seed_generator import GLOBAL_SEED_GENERATOR

    generator = global_state.get_global_attribute(GLOBAL_SEED_GENERATOR)
    return generator.state if generator is not None else None


def restore_global_seed(value: Any) -> None:
    """Put that generator, made where it is not there, into a state."""
    from keras.src.random.seed_generator import global_seed_generator

    global_seed_generator().state.assign(value)


@contextmanager
def without_updates(optimizer: Any) -> Iterator[None]:
    """Training steps give gradients where the updated weights would be: the optimizer does nothing inside.

    `Model.train_step` is public, and the gradients do not leave it.
    """
    optimizer.__dict__["stateless_apply"] = lambda state, gradients, weights: (gradients, state)
    try:
        yield
    finally:
        optimizer.__dict__.pop("stateless_apply", None)


def spares_decay(optimizer: Any) -> bool:
    """Whether some weights are spared the optimizer's decay; `exclude_from_weight_decay` says it, and nothing tells."""
    return any(getattr(optimizer, f"_exclude_from_weight_decay{end}", None) for end in ("", "_pattern"))


def compiled_with(model: Any) -> dict[str, Any]:
    """What a compiled model was given, the objects themselves: `get_compile_config` has only what they save."""
    config = getattr(model, "_compile_config", None)  # a class with a `compile` of its own may have none
    return dict(config.config) if config is not None else {}


def arguments_of(made: Any) -> dict[str, Any]:
    """What a loss or metric that wraps a function gives to it; the `get_config` of some leaves a part of it out."""
    return dict(getattr(made, "_fn_kwargs", {}))
