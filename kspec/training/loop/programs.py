"""The compiled programs of a task: one step at a time, a few written out one after the other, or as many as asked in a
loop on the device."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from kspec.training.later import Later
from kspec.training.loop.feed import Rows
from kspec.training.loop.packing import Packing
from kspec.training.loop.tasks import State, Task

Way = Literal["single", "unrolled", "scan", "packed"]
"""How steps are run: each by a program of its own, `FEW` of them in a program, any number in a loop, or so with the
optimizer's variables packed."""
LOOPS: frozenset[Way] = frozenset(["scan", "packed"])

FEW = 4
_MOST = 4096
"""Steps of one loop, at most; what is kept of every step takes so many places."""
_KEPT = 2**26
"""Bytes that what is kept of the steps of one loop may take."""
_TOGETHER = 2**16
"""Bytes of batches that a loop picks from the rows at once: picking has a price for each time, and what was picked
should still be in the processor's cache when it is used."""


class Done(NamedTuple):
    """Steps that were started: how many, what was kept of each, and the logs after the last, where the task has them.

    What was kept is a list with a tree of arrays for each step; or, `stacked`, one tree of arrays with the steps first,
    of which the first `steps` hold.
    """

    steps: int
    kept: Any
    stacked: bool
    logs: Any
    rest: bool = False
    """Whether it is the last batch, which is smaller."""


@dataclass
class Programs:
    """The programs of one task with batches of `batch` rows, compiled when they are first needed.

    `compiled` False runs every operation on its own, as Keras does with ``run_eagerly``.
    """

    task: Task
    batch: int
    compiled: bool = True
    seconds: float = 0.0
    """Time that compiling took."""
    _made: dict[Any, Any] = field(default_factory=dict)
    _steps: dict[bool, Any] = field(default_factory=dict)
    _kept: Any = None

    def most(self, way: Way, reads: Any, state: State, rows: Rows) -> int:
        """How many steps a loop runs at most, by what is kept of each."""
        return max(1, min(_MOST, _KEPT // max(1, bytes_of(self._shapes_kept(way, reads, state, rows)))))

    def _shapes_kept(self, way: Way, reads: Any, state: State, rows: Rows) -> Any:
        """The shapes of what is kept of a step."""
        if self._kept is None:
            import jax

            packing = self._packing(way)
            state = jax.eval_shape(packing.pack, state) if packing is not None else state
            self._kept = jax.eval_shape(self._one(way), reads, state, self._batch_shapes(rows))[1]
        return self._kept

    def _packing(self, way: Way) -> Packing | None:
        return self.task.packing if way == "packed" else None

    def run(self, way: Way, reads: Any, state: State, rows: Rows, start: int, count: int) -> tuple[State, Done]:
        """Start `count` steps from the row `start` of the pass on. The state's arrays are given away.

        `count` is at most `most`; unrolled programs run `FEW` steps each, and what is left over one by one.
        """
        if way in LOOPS:
            program = self._program(way, reads, state, rows)
            state, kept, logs = program(reads, state, rows.data, rows.order, start, count)
            return state, Done(count, kept, True, logs)
        kept, logs, done = [], None, 0
        while done < count:
            many = FEW if way == "unrolled" and count - done >= FEW else 1
            program = self._program("unrolled" if many > 1 else "single", reads, state, rows)
            state, parts, logs = program(reads, state, rows.data, rows.order, start + done * self.batch)
            kept += parts
            done += many
        return state, Done(count, kept, False, logs)

    def memory(self, way: Way) -> int | None:
        """Bytes that a program of that way takes on the device: what it is given, gives, and needs beside."""
        made = next((made for key, made in self._made.items() if key[0] == way), None)
        found = made.memory_analysis() if self.compiled and made is not None else None
        if found is None:
            return None
        given, gives, shared = found.argument_size_in_bytes, found.output_size_in_bytes, found.alias_size_in_bytes
        return int(given + gives - shared + found.temp_size_in_bytes)

    def ahead(self, way: Way, reads: Any, state: State, rows: Rows) -> None:
        """Trace a program now and compile it in another thread; whoever needs it first waits for it."""
        key = self._key(way, rows)
        if self.compiled and key not in self._made:
            self._made[key] = Later(self._traced(way, reads, state, rows))

    def settle(self) -> None:
        """Wait for what is still compiled by other threads."""
        for made in self._made.values():
            if isinstance(made, Later):
                made.wait()

    def _program(self, way: Way, reads: Any, state: State, rows: Rows) -> Any:
        key = self._key(way, rows)
        if key not in self._made:
            traced = self._traced(way, reads, state, rows) if self.compiled else None
            self._made[key] = traced() if traced is not None else self._function(way, reads, state, rows)
        elif isinstance(self._made[key], Later):
            self._made[key] = self._made[key].result()
        return self._made[key]

    def _traced(self, way: Way, reads: Any, state: State, rows: Rows) -> Callable[[], Any]:
        """What compiles a program, which is traced already."""
        import jax

        begun = time.monotonic()
        arguments = [reads, state, rows.data, rows.order, 0, *([1] if way in LOOPS else [])]
        lowered = jax.jit(self._function(way, reads, state, rows), donate_argnums=1).lower(*arguments)
        traced = time.monotonic() - begun

        def compile() -> Any:
            begun = time.monotonic()
            program = lowered.compile()
            self.seconds += traced + time.monotonic() - begun
            return program

        return compile

    def _key(self, way: Way, rows: Rows) -> Any:
        return way, rows.order is None, tuple((leaf.shape, str(leaf.dtype)) for leaf in _leaves(rows.data))

    def _function(self, way: Way, reads: Any, state: State, rows: Rows) -> Callable[..., Any]:
        if way in LOOPS:
            kept = self._shapes_kept(way, reads, state, rows)
            return self._loop(way, kept, self.most(way, reads, state, rows), self._together(rows))
        return self._written_out(FEW if way == "unrolled" else 1)

    def _one(self, way: Way) -> Any:
        """The step, traced once for all programs that hold it."""
        packing = self._packing(way)
        if (packing is not None) not in self._steps:
            import jax

            step = packing.step if packing is not None else self.task.step
            self._steps[packing is not None] = jax.jit(step, inline=True) if self.compiled else step
        return self._steps[packing is not None]

    def _written_out(self, count: int) -> Callable[..., Any]:
        step, result, size = self._one("single"), self.task.result, self.batch

        def run(reads: Any, state: State, data: Any, order: Any, start: Any) -> Any:
            kept = []
            for place in range(count):
                state, out = step(reads, state, _picked(data, order, start + place * size, size))
                kept.append(out)
            return state, kept, result(state) if result is not None else None

        return run

    def _loop(self, way: Way, out: Any, places: int, together: int) -> Callable[..., Any]:
        """Any number of steps: the number is not known to the compiler, so one program serves all, and a step is
        computed in the same way however many run beside it. `out` are the shapes of what is kept of one of `places`."""
        step, packing, result, size = self._one(way), self._packing(way), self.task.result, self.batch

        def run(reads: Any, state: State, data: Any, order: Any, start: Any, count: Any) -> Any:
            import jax
            from jax import lax
            from jax import numpy as jnp

            def some(group: Any, carried: Any) -> Any:
                begun = group * together
                rows = _picked(data, order, start + begun * size, together * size)
                batches = jax.tree.map(lambda leaf: leaf.reshape(together, size, *leaf.shape[1:]), rows)

                def one(place: Any, carried: Any) -> Any:
                    state, kept = carried
                    batch = jax.tree.map(lambda leaf: lax.dynamic_index_in_dim(leaf, place, 0, False), batches)
                    state, out = step(reads, state, batch)
                    return state, jax.tree.map(
                        lambda all, new: lax.dynamic_update_index_in_dim(all, new.astype(all.dtype), begun + place, 0),
                        kept,
                        jax.tree.map(jnp.asarray, out),
                    )

                return lax.fori_loop(0, jnp.minimum(together, count - begun), one, carried)

            kept = jax.tree.map(lambda leaf: jnp.zeros((places, *leaf.shape), leaf.dtype), out)
            state = packing.pack(state) if packing is not None else state
            state, kept = lax.fori_loop(0, (count + together - 1) // together, some, (state, kept))
            state = packing.unpack(state) if packing is not None else state
            return state, kept, result(state) if result is not None else None

        return run

    def _batch_shapes(self, rows: Rows) -> Any:
        import jax

        return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((self.batch, *leaf.shape[1:]), leaf.dtype), rows.data)

    def _together(self, rows: Rows) -> int:
        """Batches that are picked at once; rows that come in order are not picked at all."""
        if rows.order is None:
            return 1
        batch = bytes_of(self._batch_shapes(rows))
        return max(1, min(rows.spare // self.batch, _TOGETHER // max(1, batch)))


def batch_at(rows: Rows, start: int, count: int) -> Any:
    """Up to `count` rows from `start` on, in the order of the pass."""
    return _picked(rows.data, rows.order, start, min(count, rows.length - start))


def _picked(data: Any, order: Any, start: Any, count: int) -> Any:
    """`count` rows from `start` on, in the order of the pass."""
    import jax
    from jax import lax

    if order is None:
        return jax.tree.map(lambda leaf: lax.dynamic_slice_in_dim(leaf, start, count), data)
    places = lax.dynamic_slice_in_dim(order, start, count)
    return jax.tree.map(lambda leaf: leaf.at[places].get(mode="promise_in_bounds"), data)


def _leaves(tree: Any) -> list[Any]:
    import jax

    return list(jax.tree.leaves(tree))


def bytes_of(tree: Any) -> int:
    """The bytes of a tree of arrays, or of what tells their shapes and dtypes."""
    return sum(int(leaf.size) * int(leaf.dtype.itemsize) for leaf in _leaves(tree))
