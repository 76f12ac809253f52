"""The whole state of a training between two steps, as arrays and plain data."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kspec.diagnostics import FileError, Problem
from kspec.model import private
from kspec.training.checkpoints.remembering import Remembered, restore

if TYPE_CHECKING:
    import numpy as np

GROUPS = ("trainable", "others", "optimizer", "metrics")
"""The parts of a model's state, in the order in which a training step takes them."""


@dataclass(frozen=True)
class Place:
    """Where a training is: so many epochs are over, and so many steps of the next one. With `logs` all its steps are
    done, and these are what they gave."""

    epoch: int
    step: int
    logs: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Snapshot:
    """What a training goes on from.

    `arrays` are those of the variables by `GROUPS` and by the variable's number, and those of callbacks; `facts` is
    everything else, as JSON has it.
    """

    place: Place
    arrays: Mapping[str, Mapping[str, np.ndarray]]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_finite(self) -> bool:
        """Whether the weights, the optimizer's variables and the loss so far are numbers; what else a model or a metric
        keeps may be infinite by nature."""
        import numpy as np

        arrays = [*self.arrays["trainable"].values(), *self.arrays["optimizer"].values()]
        paths = (path for path, _, _ in self.facts["variables"]["metrics"])
        arrays += [array for path, array in zip(paths, self.arrays["metrics"].values(), strict=True) if _is_loss(path)]
        # NumPy's `isfinite` does not know the short kinds that JAX adds
        return all(np.isfinite(np.asarray(array, "float32")).all() for array in arrays if _is_real(array))

    def state(self, model: Any) -> tuple[Any, ...]:
        """The state for a training step of this model, every variable accounted for.

        Raises `FileError` (``checkpoint-model``) where the model has other variables.
        """
        from jax import numpy as jnp

        if problems := _differences(self.facts["variables"], variables(model)):
            help = "the model is not the one that was trained"
            raise FileError(Problem("checkpoint-model", f"the checkpoint has {problems}", help=help))
        return tuple(
            [jnp.array(self.arrays[group][_key(place)]) for place in range(len(self.facts["variables"][group]))]
            for group in GROUPS
        )

    def restore_rest(self, callbacks: Sequence[Any]) -> None:
        """Give callbacks their counters back, and the random number generators of Python, NumPy and Keras theirs."""
        import numpy as np

        restore(callbacks, self.facts["callbacks"], self.arrays["callbacks"])
        if "keras" in self.arrays["random"]:  # first: where the generator is made, Python's is drawn from
            private.restore_global_seed(self.arrays["random"]["keras"])
        version, numbers, gauss = self.facts["random"]["python"]
        random.setstate((version, tuple(numbers), gauss))
        kind, *rest = self.facts["random"]["numpy"]
        np.random.set_state((kind, self.arrays["random"]["numpy"], *rest))


def taken(model: Any, state: Any, place: Place, callbacks: Remembered, **facts: Any) -> Snapshot:
    """A snapshot of a training whose model's state is `state`; the arrays are copies on the host."""
    import numpy as np

    arrays: dict[str, dict[str, np.ndarray]] = {
        group: {_key(number): np.array(array) for number, array in enumerate(part)}
        for group, part in zip(GROUPS, state, strict=True)
    }
    arrays["callbacks"] = callbacks.arrays
    kind, words, *rest = np.random.get_state()
    arrays["random"] = {"numpy": np.array(words)}
    if (seed := private.global_seed()) is not None:
        arrays["random"]["keras"] = np.array(seed.value)
    generators = {"python": random.getstate(), "numpy": [kind, *rest]}
    known = {"variables": variables(model), "callbacks": callbacks.told, "random": generators}
    return Snapshot(place, arrays, {**known, **facts})


def variables(model: Any) -> dict[str, list[list[Any]]]:
    """Path, shape and dtype of every variable, by `GROUPS`; paths without the counters that Keras gives to what has no
    name, which begin anew in every process."""
    of = (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    )
    return {
        group: [[_COUNTER.sub("", variable.path), list(variable.shape), str(variable.dtype)] for variable in part]
        for group, part in zip(GROUPS, of, strict=True)
    }


_COUNTER = re.compile(r"_\d+(?=/|$)")


def _differences(before: Mapping[str, list[list[Any]]], now: Mapping[str, list[list[Any]]]) -> str:
    """The first variables, in order, that one has and the other has not; empty where they agree."""
    found = []
    for group in GROUPS:
        for old, new in itertools.zip_longest(before[group], now[group]):
            if old != new:
                found.append(f"{_told(old)} where the model has {_told(new)}")
    return "; ".join(found[:3]) + (f"; and {len(found) - 3} more" if len(found) > 3 else "")


def _told(variable: list[Any] | None) -> str:
    if variable is None:
        return "nothing"
    path, shape, dtype = variable
    return f"`{path}` {tuple(shape)} {dtype}"


def _is_loss(path: str) -> bool:
    return path.startswith("loss/")


def _is_real(array: np.ndarray) -> bool:
    return array.dtype.kind == "f" or "float" in str(array.dtype)


def _key(number: int) -> str:
    return f"{number:06}"
