"""Whether what was exported computes what Keras computes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from kspec.convert.export.forward import Forward, precision
from kspec.convert.export.problems import Unexportable, converted
from kspec.convert.export.samples import LENGTHS, check_memory, sample
from kspec.convert.export.tracing import Sizes
from kspec.diagnostics import FileError, Problem
from kspec.model.quiet import without_keras_warnings

BATCHES = (1, 3)
TOLERANCES = {"float32": 1e-5, "float16": 1e-2, "bfloat16": 5e-2}
"""By what a model computes in: what rounding alone may make of it in another order of operations."""

Others = Callable[[Sequence[Any]], Sequence[Any]]
"""What was exported, run: from an array for each input to one for each output."""


Shape = tuple[int | str, ...]
"""A shape in a file; an axis that is open is what the file calls it."""


class Made(NamedTuple):
    """What a format made of a model: its bytes, how far from Keras they compute, and what they take and give."""

    data: bytes
    difference: float
    engine: str
    """What ran it."""
    takes: tuple[Shape, ...]
    gives: tuple[Shape, ...]


@dataclasses.dataclass(frozen=True)
class Reference:
    """Batches of random inputs, and what Keras makes of them."""

    batches: tuple[int, ...]
    given: tuple[list[Any], ...]
    wanted: tuple[list[Any], ...]
    outputs: tuple[str, ...]
    tolerance: float
    is_finite: bool
    """Whether any number came out: of NaN alone nothing can be told."""

    def difference(self, run: Others) -> float:
        """The greatest difference of any output from Keras's, relative to the output's largest number where that is
        above 1.

        Raises Unexportable where the shapes are others; whatever `run` raises.
        """
        worst = 0.0
        for given, wanted in zip(self.given, self.wanted, strict=True):
            made = list(run(given))
            for name, ours, theirs in zip(self.outputs, wanted, made, strict=True):
                worst = max(worst, _difference(name, ours, theirs))
        return worst

    def check(self, difference: float, format: str) -> None:
        """Raise FileError (``export-differs``) where a difference is more than rounding makes."""
        if difference > self.tolerance:
            message = f"{format} computes other numbers than Keras: they differ by {difference:.1e}"
            help = f"at most {self.tolerance:.0e} is taken; `--tolerance` allows more"
            raise FileError(Problem("export-differs", message, help=help))


def reference(forward: Forward, sizes: Sizes, tolerance: float | None, limit: int) -> Reference:
    """Keras's own outputs for batches of one and of three, or of the size that is fixed.

    Raises Unexportable where Keras cannot run the model; FileError (``too-large``) where an array of it would take
    more than `limit` bytes.
    """
    batches: tuple[int, ...] = BATCHES if sizes.batch is None else (sizes.batch,)
    if not any(shape and shape[0] is None for shape in forward.shapes):
        batches = tuple({shape[0] or 1 for shape in forward.shapes if shape} or {1})[:1]
    most = TOLERANCES[precision(forward.model)] if tolerance is None else tolerance
    lengths = LENGTHS if any(None in shape[1:] for shape in forward.shapes) else LENGTHS[:1]
    for length in lengths:
        for index, batch in enumerate(batches):
            check_memory(forward, batch, _longer(length, index), sizes, limit)
        try:
            given, wanted = _computed(forward, batches, length, sizes)
            break
        except Exception as error:  # layers of one's own raise whatever they like
            if length == lengths[-1]:
                raise converted(error, next(iter(forward.at), "")) from error
    finite = all(_is_finite(array) for made in wanted for array in made)
    return Reference(batches, given, wanted, tuple(forward.outputs), most, finite)


def _computed(
    forward: Forward, batches: tuple[int, ...], length: int, sizes: Sizes
) -> tuple[tuple[list[Any], ...], tuple[list[Any], ...]]:
    """Inputs and outputs; of numbers from 0 to 1 where a logarithm, say, makes nothing of others."""
    import jax
    import numpy as np

    program = jax.jit(forward.run)
    for spread in (True, False):
        given = tuple(
            sample(forward, batch, _longer(length, index), sizes, spread=spread) for index, batch in enumerate(batches)
        )
        with jax.default_matmul_precision("highest"), without_keras_warnings():
            wanted = tuple([np.asarray(array) for array in program(*arrays)] for arrays in given)
        if all(_is_finite(array) for made in wanted for array in made):
            break
    return given, wanted


def _longer(length: int, index: int) -> int:
    """Another length for each batch, where it is open: what is fixed to one by mistake shows."""
    return length + 4 * index


def _is_finite(array: Any) -> bool:
    import numpy as np

    return bool(np.isfinite(_wide(array)).any()) or not array.size


def _wide(array: Any) -> Any:
    import numpy as np

    return np.asarray(array).astype("float64")


def _difference(name: str, ours: Any, theirs: Any) -> float:
    import numpy as np

    if tuple(ours.shape) != tuple(theirs.shape):
        raise Unexportable(f"its output `{name}` would have shape {tuple(theirs.shape)}, and has {tuple(ours.shape)}")
    if not ours.size:
        return 0.0
    ours, theirs = _wide(ours), _wide(theirs)
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    with np.errstate(invalid="ignore"):
        apart = np.where(same, 0.0, np.abs(ours - theirs))
    largest = np.abs(ours[np.isfinite(ours)]).max(initial=1.0)
    worst = float(apart.max()) / float(largest)
    return worst if not math.isnan(worst) else math.inf
