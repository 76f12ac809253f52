"""ONNX, by jax2onnx: converted, run by ONNX Runtime, compared with Keras."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from kspec.convert.export.agreement import Made, Reference, Shape
from kspec.convert.export.forward import Forward
from kspec.convert.export.onnxgraph import finish
from kspec.convert.export.plainer import plainer
from kspec.convert.export.problems import Unexportable, converted, missing, named
from kspec.convert.export.tracing import Sizes, Way, ways
from kspec.diagnostics import FileError

_CODE = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")
OPSET = 21
"""The version of ONNX's operators: what runtimes of the last years know, and enough for everything here."""


def check_installed() -> None:
    """Raise UsageError (``missing-extra``) where what ONNX needs is not there."""
    try:
        with _quietly():
            import jax2onnx  # noqa: F401
            import onnx  # noqa: F401
            import onnxruntime  # noqa: F401
    except ImportError:
        raise missing("ONNX", "jax2onnx and onnxruntime", "onnx") from None


def write_onnx(forward: Forward, sizes: Sizes, reference: Reference, opset: int = OPSET) -> Made:
    """The model as ONNX, which has been run.

    jax2onnx knows functions of jax.numpy and jax.nn as they are called, which makes the better graph, and JAX's own
    operations. Where the first leads to no file that runs, the second is tried, on what JAX makes of the model.

    Raises Unexportable where no way leads to a file that runs; FileError (``export-differs``).
    """
    import onnxruntime

    failures: list[Unexportable] = []
    differs: FileError | None = None
    for way in ways(forward, sizes):
        for lowered in (False, True):
            try:
                data, takes, gives = _converted(forward, way, lowered, opset)
                difference = reference.difference(partial(run, data, forward.inputs))
                reference.check(difference, "ONNX Runtime")
                return Made(data, difference, f"ONNX Runtime {onnxruntime.__version__}", takes, gives)
            except Unexportable as error:
                failures.append(error)
            except FileError as error:
                differs = differs or error
    raise differs or _of_complex(forward, reference, _most_telling(failures))


def _of_complex(forward: Forward, reference: Reference, failure: Unexportable) -> Unexportable:
    """A failure that complex numbers are the reason of, told so: converters stumble over them late, or not at all."""
    import jax

    program = jax.make_jaxpr(forward.run)(*reference.given[0])
    for equation in _equations(program.jaxpr):
        layer, operation = named(str(equation.source_info.name_stack)), str(equation.primitive.name)
        dtypes = [getattr(each.aval, "dtype", "bool") for each in equation.outvars]  # what only orders effects has none
        is_complex = any(jax.numpy.issubdtype(dtype, jax.numpy.complexfloating) for dtype in dtypes)
        # What only takes numbers for complex ones is not the operation that wants them.
        if is_complex and operation != "convert_element_type" and failure.layer in ("", layer):
            return Unexportable("ONNX Runtime does not know its complex numbers", layer, operation)
    return failure


def _equations(program: Any) -> Iterator[Any]:
    """The equations of a program of JAX's, those inside of calls, loops and branches for these themselves."""
    from jax.extend.core import jaxprs_in_params

    for equation in program.eqns:
        inner = list(jaxprs_in_params(equation.params))
        for each in inner:
            yield from _equations(each)
        if not inner:
            yield equation


def _most_telling(failures: list[Unexportable]) -> Unexportable:
    """The first failure that names an operation and a layer, else a layer, else the first."""
    return next((each for each in failures if each.operation and each.layer), None) or next(
        (each for each in failures if each.layer), failures[0]
    )


def _converted(
    forward: Forward, way: Way, lowered: bool, opset: int
) -> tuple[bytes, tuple[Shape, ...], tuple[Shape, ...]]:
    """The file, and the shapes of its inputs and outputs. Raises Unexportable."""
    import jax
    import jax2onnx
    from jax.extend.core import jaxpr_as_fun

    try:
        with _quietly(), plainer(lowered):
            function: Any = way.run
            if lowered:
                program = jaxpr_as_fun(jax.make_jaxpr(way.run)(*way.arguments))
                function = lambda *arrays: tuple(program(*arrays))  # noqa: E731 - jax2onnx reads a signature
            found = jax2onnx.to_onnx(function, list(way.arguments), model_name=forward.model.name, opset=opset)
            data = finish(found, forward.inputs, forward.outputs)
            return data, tuple(map(_shape, found.graph.input)), tuple(map(_shape, found.graph.output))
    except Unexportable:
        raise
    except Exception as error:  # jax2onnx raises whatever it likes
        raise converted(error, next(iter(forward.at), "")) from error
    finally:
        # jax2onnx replaces functions of JAX while it traces; nobody may meet what was traced then.
        jax.clear_caches()


def _shape(value: Any) -> Shape:
    """The shape of a file's input or output; `?` is an axis that has neither a size nor a name."""
    axes = value.type.tensor_type.shape.dim
    return tuple(axis.dim_value if axis.HasField("dim_value") else axis.dim_param or "?" for axis in axes)


def run(data: bytes, names: Sequence[str], given: Sequence[Any]) -> list[Any]:
    """What ONNX Runtime computes on the processor. Raises Unexportable where it does not take the file."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        known = {each.name for each in session.get_inputs()}
        fed = {name: array for name, array in zip(names, given, strict=True) if name in known}
        return list(session.run(None, fed))
    except Exception as error:  # ONNX Runtime's exceptions have no base of their own
        said = _CODE.sub("", " ".join(str(error).split()).rpartition("Status Message: ")[2])
        raise Unexportable(f"ONNX Runtime does not run it: {said[:300]}") from error


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """What jax2onnx, and what it imports, print, log and warn of is for its own makers."""
    before = logging.root.manager.disable
    silent = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(silent), contextlib.redirect_stderr(silent):
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(before)
