"""StableHLO, by `jax.export`: one file with the weights in it, which JAX alone runs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from kspec.convert.export.agreement import Made, Reference, Shape
from kspec.convert.export.forward import Forward
from kspec.convert.export.problems import Unexportable, converted, missing
from kspec.convert.export.tracing import Sizes, Way, ways
from kspec.diagnostics import FileError
from kspec.model.quiet import without_keras_warnings

PLATFORMS = ("cpu", "cuda", "tpu")
_MOST = 2**31 - 2**20
"""Bytes that FlatBuffers, in which the file is written, count."""


def check_installed() -> None:
    """Raise UsageError (``missing-extra``) where what `jax.export` needs to write is not there."""
    try:
        import flatbuffers  # noqa: F401
    except ImportError:
        raise missing("StableHLO", "flatbuffers", "stablehlo") from None


def write_stablehlo(forward: Forward, sizes: Sizes, reference: Reference) -> Made:
    """The model as what `jax.export.deserialize` reads, for processors, CUDA and TPUs, which has been run here.

    It takes and gives mappings of arrays, by the names of the model's inputs and outputs: shapes, with open axes, and
    dtypes are in the file (`in_tree`, `in_avals`).

    Raises Unexportable where JAX cannot trace it; FileError (``export-differs``).
    """
    import jax

    size = sum(variable.value.nbytes for variable in forward.model.variables)
    if size > _MOST:
        message = f"its weights are {size:,} bytes, and the file holds 2 GiB at most"
        raise Unexportable(message, help="export the weights by themselves: `--format weights`")
    failures: list[Unexportable] = []
    differs: FileError | None = None
    for way in ways(forward, sizes):
        try:
            data, takes, gives = _exported(forward, way)
            difference = reference.difference(partial(run, data, forward))
            reference.check(difference, "the exported program")
            return Made(data, difference, f"JAX {jax.__version__}", takes, gives)
        except Unexportable as error:
            failures.append(error)
        except FileError as error:
            differs = differs or error
    raise differs or failures[0]


def _exported(forward: Forward, way: Way) -> tuple[bytes, tuple[Shape, ...], tuple[Shape, ...]]:
    """The file, and the shapes of its inputs and outputs. Raises Unexportable."""
    import jax

    def run(arrays: dict[str, Any]) -> dict[str, Any]:
        made = way.run(*(arrays[name] for name in forward.inputs))
        return dict(zip(forward.outputs, made, strict=True))

    run.__name__ = "".join(letter if letter.isalnum() else "_" for letter in forward.model.name)
    arguments = dict(zip(forward.inputs, way.arguments, strict=True))
    try:
        with without_keras_warnings():
            found = jax.export.export(jax.jit(run), platforms=PLATFORMS)(arguments)
        takes = jax.tree.unflatten(found.in_tree, found.in_avals)[0][0]
        gives = jax.tree.unflatten(found.out_tree, found.out_avals)
        shapes = [
            tuple(_shape(each[name].shape) for name in names)
            for each, names in ((takes, forward.inputs), (gives, forward.outputs))
        ]
        return bytes(found.serialize()), shapes[0], shapes[1]
    except Exception as error:  # layers of one's own raise whatever they like
        raise converted(error, next(iter(forward.at), "")) from error


def _shape(axes: Sequence[Any]) -> Shape:
    return tuple(axis if isinstance(axis, int) else str(axis) for axis in axes)


def run(data: bytes, forward: Forward, given: Sequence[Any]) -> list[Any]:
    """What the file's program computes here. Raises Unexportable where it does not run."""
    import jax
    import numpy as np

    try:
        program = jax.export.deserialize(bytearray(data))
        with jax.default_matmul_precision("highest"):
            made = jax.jit(program.call)(dict(zip(forward.inputs, given, strict=True)))
        return [np.asarray(made[name]) for name in forward.outputs]
    except Exception as error:  # JAX's own checks of shapes and platforms
        raise converted(error) from error
