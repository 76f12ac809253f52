"""OpenVINO, from ONNX: an `.xml` file and the `.bin` file of its weights, run and compared with Keras."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from kspec.convert.export.agreement import Reference
from kspec.convert.export.problems import Unexportable, missing

_EXACT = {"INFERENCE_PRECISION_HINT": "f32"}
"""OpenVINO computes in bfloat16 where the processor can: a device's choice, and no error of the file."""


_TELEMETRY = "openvino_telemetry"
"""The package that calls home; with None in its place Python imports none of that name."""


def load_openvino() -> Any:
    """OpenVINO, which does not call home: it would as soon as it is imported, and does without the package that does.

    Raises UsageError (``missing-extra``) where it is not installed.
    """
    ours = _TELEMETRY not in sys.modules
    if ours:
        sys.modules[_TELEMETRY] = None  # type: ignore[assignment]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module("openvino")
    except ImportError:
        raise missing("OpenVINO", "openvino", "openvino") from None
    finally:
        if ours:
            sys.modules.pop(_TELEMETRY, None)


def write_openvino(data: bytes, path: Path, names: Sequence[str], reference: Reference) -> tuple[float, str]:
    """Write what OpenVINO makes of a file of ONNX to `path` (.xml) and beside it (.bin): the greatest difference from
    Keras, and what ran it.

    Raises Unexportable where OpenVINO does not take it; FileError (``export-differs``).
    """
    openvino = load_openvino()
    core = openvino.Core()
    try:
        model = core.read_model(model=data)
        openvino.save_model(model, path, compress_to_fp16=False)
        compiled = core.compile_model(core.read_model(path), "CPU", _EXACT)
    except Exception as error:  # OpenVINO's exceptions have no base of their own
        raise Unexportable(f"OpenVINO does not take it: {_last(error)}") from error
    difference = reference.difference(partial(_run, compiled, names))
    reference.check(difference, "OpenVINO")
    return difference, f"OpenVINO {openvino.__version__.partition('-')[0]}"


def _run(compiled: Any, names: Sequence[str], given: Sequence[Any]) -> list[Any]:
    known = {name for each in compiled.inputs for name in each.names}
    try:
        made = compiled({name: array for name, array in zip(names, given, strict=True) if name in known})
        return [made[index] for index in range(len(compiled.outputs))]
    except Exception as error:
        raise Unexportable(f"OpenVINO does not run it: {_last(error)}") from error


def _last(error: Exception) -> str:
    """OpenVINO tells the places in its own code first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[-1][:300]
