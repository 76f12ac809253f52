"""The state of a model in training: it lies beside the model, whose variables get it back when someone looks."""

from __future__ import annotations

from typing import Any

from kspec.model import private


class Held:
    """A compiled model's state, as (trainable, other, optimizer's, metrics') arrays.

    Between steps a callback may ask for the model's variables: `keras.callbacks.Callback.model` puts the state back
    into them first, and what a callback changed is taken out again by `again`.
    """

    def __init__(self, model: Any) -> None:
        import numpy as np

        self.model = model
        model.reset_metrics()
        self.fresh: Any = [np.array(variable.value) for variable in model.metrics_variables]
        self.state = self._taken()

    def begin_epoch(self) -> None:
        """Metrics start anew: in the variables, where the state is there."""
        if private.state_is_back(self.model):
            self.model.reset_metrics()
            self.state = self._taken()
        else:
            self.state = (*self.state[:3], self.fresh)  # NumPy's arrays are copied by the program that takes them

    def put(self, state: Any) -> None:
        """The state after some steps."""
        self.state = state
        private.lend_state(self.model, state)

    def give_back(self) -> None:
        """Put the state into the model's variables."""
        private.lend_state(self.model, self.state)
        self.model.jax_state_sync()

    def again(self) -> None:
        """Take the state out of the variables where somebody has put it back into them."""
        if private.state_is_back(self.model):
            self.state = self._taken()

    def end(self) -> bool:
        """Leave the model as after a `fit` of Keras; what a callback changed in its variables stays.

        False where there is no state any more: a program took it and failed, for want of memory.
        """
        import jax

        there = private.state_is_back(self.model)
        if not there and not any(getattr(leaf, "is_deleted", bool)() for leaf in jax.tree.leaves(self.state)):
            self.give_back()
            there = True
        private.forget_state(self.model)
        return there

    def _taken(self) -> Any:
        of = self.model
        weights, slots = (of.trainable_variables, of.non_trainable_variables), of.optimizer.variables
        return tuple([variable.value for variable in part] for part in (*weights, slots, of.metrics_variables))
