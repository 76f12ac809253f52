"""`kspec export`: a model -> a file that other programs run, which has been run and compared with Keras before."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kspec.diagnostics import Problem, UsageError

if TYPE_CHECKING:
    from kspec.convert.export.agreement import Made, Reference, Shape
    from kspec.convert.export.forward import Forward
    from kspec.convert.export.tracing import Sizes
    from kspec.model.exported import Exported

    Pathlike = str | os.PathLike[str]


def export(
    target: Pathlike | Any,
    output: Pathlike,
    *,
    format: str | None = None,
    weights: Pathlike | None = None,
    sets: Sequence[str] = (),
    trust: Sequence[str] = (),
    batch_size: int | None = None,
    length: int | None = None,
    tolerance: float | None = None,
    loader: Pathlike | None = None,
    max_memory: int | None = None,
    tell: Callable[[str], None] | None = None,
) -> Exported:
    """Write a model as ONNX, StableHLO, OpenVINO, or its weights alone, by the ending of `output` or by `format`.

    `target` is a spec, a run folder, a .keras file, or a keras.Model. A spec has the weights that it names, or those of
    the file `weights`, or else fresh ones. `batch_size` and `length` fix the batch, and axes that are open beside it.
    The file takes batches of any size otherwise. It is run on random batches, and written where no output differs
    from Keras's by more than `tolerance`, by default what rounding makes. `loader` is a file for a program that runs
    StableHLO. `max_memory` bounds the bytes of a spec's weights, and of any array that is made to compare; by default
    the machine's memory. `tell` is told what a person should know.

    Raises UsageError; FileError (``export-model``, ``export-differs``, ``too-large``, ``file-write``, and what reading
    a model raises); SpecError.
    """
    from kspec.convert.export.formats import chosen
    from kspec.convert.export.problems import Unexportable, refused
    from kspec.files import check_other, check_target
    from kspec.model.backend import deeply
    from kspec.model.exported import LABELS
    from kspec.model.memory import memory_bound

    path, told = Path(output), tell if tell is not None else lambda _: None
    kind = chosen(format, path, _saved(target))
    _check_options(kind, {"--batch-size": batch_size, "--length": length, "--tolerance": tolerance}, loader)
    files = [path, path.with_suffix(".bin")] if kind == "openvino" else [path]
    read = [target if isinstance(target, (str, os.PathLike)) else None, weights]
    for file in [*files, *([Path(loader)] if loader is not None else [])]:
        check_other(file, *read)
        check_target(file)
    _check_installed(kind)
    limit = max_memory if max_memory is not None else memory_bound()
    model = _model(target, weights, sets, trust, files, limit, told)
    name = str(target) if isinstance(target, (str, os.PathLike)) else str(model.name)
    try:
        if kind == "weights":
            return _weights(model, path)
        from kspec.convert.export.tracing import Sizes

        fixed = Sizes(batch_size, length)
        return deeply(lambda: _program(model, kind, files, fixed, tolerance, limit, loader, told))
    except Unexportable as error:
        raise refused(name, LABELS[kind], error) from error


def _saved(target: Any) -> str:
    """The `.keras` file that a target is, or that a run has of it; empty for any other."""
    from kspec.training.run import MODEL

    if not isinstance(target, (str, os.PathLike)):
        return ""
    path = Path(target)
    path = path / MODEL if path.is_dir() else path
    return str(path) if path.suffix == ".keras" and path.is_file() else ""


def _check_options(kind: str, sizes: dict[str, Any], loader: Pathlike | None) -> None:
    from kspec.files import check_name

    given = [flag for flag, value in sizes.items() if value is not None]
    if kind == "weights" and given:
        raise UsageError(Problem("usage", f"`{given[0]}` says nothing of weights alone", help="leave it out"))
    if kind != "stablehlo" and loader is not None:
        help = "ONNX Runtime and OpenVINO load their own files"
        raise UsageError(Problem("usage", "`--loader` writes a program for StableHLO", help=help))
    if loader is not None:
        check_name(loader, "a Python program", ".py")


def _check_installed(kind: str) -> None:
    from kspec.convert.export import onnx, openvino, stablehlo

    if kind in ("onnx", "openvino"):
        onnx.check_installed()
    if kind == "openvino":
        openvino.load_openvino()
    if kind == "stablehlo":
        stablehlo.check_installed()


def _model(
    target: Any,
    weights: Pathlike | None,
    sets: Sequence[str],
    trust: Sequence[str],
    files: list[Path],
    limit: int,
    tell: Callable[[str], None],
) -> Any:
    """The model with its weights, which `files` are none of; which ones a spec has is told."""
    from kspec.api import open_model
    from kspec.files import check_other
    from kspec.training.run import MODEL, WEIGHTS

    if not isinstance(target, (str, os.PathLike)):
        if sets or weights is not None:
            raise UsageError(Problem("usage", "a model has its own weights and values", help="name a spec"))
        return target
    opened = open_model(target, sets=sets, trust=trust, weights=weights, fresh=True, max_memory=limit)
    if opened.run is not None:
        check_other(files[0], opened.run.folder / MODEL, opened.run.folder / WEIGHTS)
    elif opened.loaded is not None:
        found = opened.loaded.compiled.spec
        check_other(files[0], found.weights)
        if found.weights is None:
            seed = f"those of seed {found.seed}" if found.seed is not None else "random ones"
            tell(f"the spec names no weights: they are fresh, {seed} (`--weights FILE` takes trained ones)")
    return opened.model


def _weights(model: Any, path: Path) -> Exported:
    from kspec.convert.export.forward import check_built
    from kspec.convert.export.tensors import write_tensors
    from kspec.model.exported import Exported

    check_built(model)
    tensors = write_tensors(model, path)
    return Exported(model.name, "weights", (path,), model.count_params(), tensors=tuple(tensors))


def _program(
    model: Any,
    kind: str,
    files: list[Path],
    sizes: Sizes,
    tolerance: float | None,
    limit: int,
    loader: Pathlike | None,
    tell: Callable[[str], None],
) -> Exported:
    """The file that runs; raises Unexportable."""
    from kspec.convert.export.agreement import reference
    from kspec.convert.export.float32 import in_float32
    from kspec.convert.export.forward import check_graph, forward, precision
    from kspec.convert.export.problems import Unexportable
    from kspec.convert.export.tracing import to_fix
    from kspec.files import write_atomically

    check_graph(model)
    computes_in = precision(model)
    if kind != "stablehlo" and computes_in != "float32":
        tell(f"the model computes in {computes_in}; what is exported computes in float32, with the same weights")
        model = in_float32(model)
    made = forward(model)
    expected = reference(made, sizes, tolerance, limit)
    if not expected.is_finite:
        tell("an output has no finite number for random inputs, so that little was compared")
    try:
        found = _written(made, kind, files, sizes, expected)
    except Unexportable as error:
        error.help = error.help or (to_fix(made, sizes) if error.is_of_size else "")
        raise
    if loader is not None:
        from kspec.convert.export.loader import loader as program

        place = Path(loader)
        beside = os.path.relpath(files[0].resolve(), place.resolve().parent)
        write_atomically(place, program(beside, place.name, made.inputs, made.outputs))
    return _told(made, kind, files, expected, found)


def _written(made: Forward, kind: str, files: list[Path], sizes: Sizes, expected: Reference) -> Made:
    """Convert, run, compare, and write what agrees. OpenVINO's file takes and gives what the one of ONNX does."""
    from kspec.convert.export.onnx import write_onnx
    from kspec.convert.export.openvino import write_openvino
    from kspec.convert.export.stablehlo import write_stablehlo
    from kspec.files import atomic_path, write_atomically

    if kind == "stablehlo":
        found = write_stablehlo(made, sizes, expected)
        write_atomically(files[0], found.data)
        return found
    found = write_onnx(made, sizes, expected)
    if kind == "onnx":
        write_atomically(files[0], found.data)
        return found
    with tempfile.TemporaryDirectory() as folder:
        inside = Path(folder, "model.xml")
        difference, engine = write_openvino(found.data, inside, made.inputs, expected)
        # Both are on the disk before either takes its name.
        with atomic_path(files[0]) as text:
            text.write_bytes(inside.read_bytes())
            write_atomically(files[1], inside.with_suffix(".bin").read_bytes())
    return found._replace(difference=difference, engine=engine)


def _told(forward: Forward, kind: str, files: list[Path], expected: Reference, made: Made) -> Exported:
    from kspec.model.exported import End, Exported

    def ends(names: Sequence[str], shapes: Sequence[Shape], arrays: Sequence[Any]) -> tuple[End, ...]:
        told = zip(names, shapes, arrays, strict=True)
        return tuple(End(name, shape, str(array.dtype)) for name, shape, array in told)

    return Exported(
        forward.model.name,
        kind,
        tuple(files),
        forward.model.count_params(),
        ends(forward.inputs, made.takes, expected.given[0]),
        ends(forward.outputs, made.gives, expected.wanted[0]),
        made.difference,
        expected.tolerance,
        expected.batches,
        made.engine,
    )
