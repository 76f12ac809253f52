"""Rows on the device, pass by pass over the data, in an order that follows from the seed and the pass alone."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from kspec.model.backend import load_keras
from kspec.model.device import device_memory
from kspec.model.interface import Interface
from kspec.training.data.ahead import ahead
from kspec.training.data.matched import Matched
from kspec.training.data.mixing import aligned, segment_rows
from kspec.training.data.stream import Segment, Streamed
from kspec.training.weights import sample_weights

if TYPE_CHECKING:
    import numpy as np

SPARE = 64
"""Batches that an order is longer than its rows, so that a loop may pick some at once without looking where it ends."""


class Rows(NamedTuple):
    """Rows on the device.

    `data` is Keras's (x, y, sample weights), each a tree of arrays with the rows first; `order`, whole numbers, says
    which row comes when, and is followed by `spare` more that mean nothing; None: as they lie. `length` rows are there,
    the arrays may be longer.
    """

    data: Any
    order: Any
    length: int
    spare: int


class Feed(Protocol):
    """Data to be passed over again and again."""

    @property
    def rows(self) -> int:
        """How many rows a pass has."""

    def over(self, number: int) -> Iterator[Rows]:
        """Pass `number`, counted from 0, in parts that have whole batches, but for the last."""

    def close(self) -> None:
        """Nothing more is asked for."""


def order(seed: int, number: int, rows: int) -> np.ndarray:
    """The order of pass `number`, counted from 0, over so many rows: the same wherever and whenever it is asked for."""
    import numpy as np

    return np.random.Generator(np.random.PCG64([seed, number])).permutation(rows).astype("int32")


@dataclass
class Resident:
    """All rows on the device, put there once; shuffled there, by picking, where there is a `seed`."""

    rows: int
    data: Any
    seed: int | None
    batch: int

    def over(self, number: int) -> Iterator[Rows]:
        """One part: everything."""
        if self.seed is None:
            yield Rows(self.data, None, self.rows, 0)
            return
        import jax
        import numpy as np

        spare = SPARE * self.batch
        places = np.zeros(self.rows + spare, "int32")
        places[: self.rows] = order(self.seed, number, self.rows)
        yield Rows(self.data, jax.device_put(places), self.rows, spare)

    def close(self) -> None:
        """Nothing is held."""


class Ordered:
    """Rows put in order on the host, part by part, by another thread that is ahead of the training.

    On a CPU that is the faster way for small rows: it costs a tenth of what a program takes to pick them.
    `passes(number)` gives the parts of a pass and, unless they are `alone`, of those that follow it.
    """

    def __init__(self, rows: int, passes: Callable[[int], Generator[Rows, None, None]], *, alone: bool = False) -> None:
        self.rows, self._passes, self._alone = rows, passes, alone
        self._open: Generator[Rows, None, None] | None = None
        self._next = 0

    def over(self, number: int) -> Iterator[Rows]:
        """The parts of a pass; those of the next one are begun while the last ones of this are used."""
        if self._open is None or self._next != number:
            self.close()
            self._open = self._passes(number)
        parts, left = self._open, self.rows
        self._next = -1  # a pass that is broken off is not gone on with
        while left:
            rows = next(parts)
            left -= rows.length
            if not left and self._alone:
                self.close()
            elif not left:
                self._next = number + 1
            yield rows

    def close(self) -> None:
        """End the thread."""
        if self._open is not None:
            self._open.close()
            self._open = None


_PART = 2**24
"""Bytes that are put in order together."""
_WIDE = 2**10
"""Bytes of a row from which a CPU picks it inside the program as fast as the host puts it in order."""
_SHARE = 0.4
"""The part of a device's free memory that data may take; the rest is for training."""


def feed(
    data: Matched | Streamed,
    interface: Interface,
    batch: int,
    seed: int | None = None,
    by_class: Mapping[str, Mapping[int, float]] = MappingProxyType({}),
) -> Feed:
    """A feed of data in batches of `batch` rows, shuffled where there is a `seed`; `by_class` are weights of classes by
    output."""
    import jax

    if isinstance(data, Streamed):
        return _streamed(data, interface, batch, seed, by_class)
    fed = structured(data, interface, by_class)
    total = sum(leaf.nbytes for leaf in jax.tree.leaves(fed))
    memory, each = device_memory(), max(1, total // data.rows)
    if (seed is None or each >= _WIDE) if memory is None else total <= _SHARE * (memory.limit - memory.used):
        return Resident(data.rows, jax.device_put(fed), seed, batch)
    size = max(1, _PART // each // batch) * batch
    return Ordered(data.rows, lambda number: ahead(_ordered(fed, data.rows, min(size, data.rows), seed, number), 2))


def _ordered(fed: Any, rows: int, size: int, seed: int | None, first: int) -> Iterator[Rows]:
    import numpy as np

    for number in itertools.count(first):
        places = order(seed, number, rows) if seed is not None else np.arange(rows, dtype="int32")
        for begin in range(0, rows, size):
            yield _picked(fed, places[begin : begin + size], size)


def _streamed(
    data: Streamed, interface: Interface, batch: int, seed: int | None, by_class: Mapping[str, Mapping[int, float]]
) -> Feed:
    """Segments of a stream, moved to the device on its thread."""
    size = min(segment_rows(data.row_bytes, batch), data.rows)

    def moved(segment: Segment) -> Rows:
        return _placed(structured(segment.rows, interface, by_class), segment.rows.rows, size)

    alone = seed is None  # only who shuffles is sure to come back for more

    def passes(number: int) -> Generator[Rows, None, None]:
        loops = 1 if alone else sys.maxsize - number
        return data.segments(number, batch_size=batch, shuffle=not alone, seed=seed or 0, loops=loops, move=moved)

    return Ordered(data.rows, passes, alone=alone)


def _placed(fed: Any, rows: int, size: int) -> Rows:
    """Rows as they are, on the device, at the start of arrays of `size` rows: programs are compiled for one size."""
    import jax

    def filled(array: np.ndarray) -> np.ndarray:
        found = aligned((size, *array.shape[1:]), array.dtype)
        found[:rows] = array
        return found

    return Rows(jax.device_put(fed if rows == size else jax.tree.map(filled, fed)), None, rows, 0)


def _picked(fed: Any, places: np.ndarray, size: int) -> Rows:
    """Rows in an order, likewise."""
    import jax
    import numpy as np

    def taken(array: np.ndarray) -> np.ndarray:
        found = aligned((size, *array.shape[1:]), array.dtype)
        np.take(array, places, axis=0, out=found[: len(places)], mode="clip")
        return found

    return Rows(jax.device_put(jax.tree.map(taken, fed)), None, len(places), 0)


def example(
    data: Matched | Streamed,
    interface: Interface,
    batch: int,
    by_class: Mapping[str, Mapping[int, float]] = MappingProxyType({}),
) -> Any:
    """The first batch in Keras's structure."""
    rows = data.head(batch) if isinstance(data, Streamed) else data.slice(0, min(batch, data.rows))
    return structured(rows, interface, by_class)


def structured(data: Matched, interface: Interface, by_class: Mapping[str, Mapping[int, float]]) -> Any:
    """Inputs, targets and weights as a model's step takes them, in Keras's structure and dtypes; an output that needs
    no targets gets zeros, because Keras wants some for each."""
    inputs = interface.pack_inputs(data.x)
    return as_fed((inputs, targets(data, interface), sample_weights(data, interface, by_class)))


def targets(data: Matched, interface: Interface) -> Any:
    """Targets in the model's structure; None without any."""
    if not data.y:
        return None
    import numpy as np

    blank = np.zeros((data.rows, 1), "uint8")
    return interface.pack_outputs({output.name: data.y.get(output.name, blank) for output in interface.outputs})


def as_fed(data: Any) -> Any:
    """Arrays with the dtypes in which Keras feeds them: real numbers in its ``floatx``, whole ones in up to 32 bits."""
    import jax
    import numpy as np

    real = load_keras().config.floatx()

    def fed(array: Any) -> Any:
        array = np.asarray(array)
        if array.dtype.kind == "f":
            return array.astype(real, copy=False)
        return array.astype(jax.dtypes.canonicalize_dtype(array.dtype), copy=False)

    return jax.tree.map(fed, data)
