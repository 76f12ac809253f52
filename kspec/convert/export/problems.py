"""What cannot be exported, as one message that names the layer and the operation, and says what can be done."""

from __future__ import annotations

import re
import traceback
from typing import Any

from kspec.diagnostics import FileError, Problem, UsageError
from kspec.model.errors import brief
from kspec.model.exported import LABELS

TAG = re.compile(r"kspec\.([^/()]+)")
"""How operations that JAX traces are marked with the layer whose they are."""


_SYMBOLIC = ("ymbolic dimension", "_DimExpr", "floordiv(", "mod(")
"""What JAX says of where a size must be known that is open."""
_STATIC = re.compile(r"\bstatic(ally)?\b")
"""What jax2onnx says of that, with what it asks for."""


class Unexportable(Exception):
    """Something in a model that a format, or what converts to it, does not know.

    `layer` and `operation` are empty where nobody knows which it is; `help` says what to do. `is_of_size` says that it
    may be no more once the sizes that are open are fixed.
    """

    def __init__(
        self, message: str, layer: str = "", operation: str = "", help: str = "", is_of_size: bool = False
    ) -> None:
        super().__init__(message)
        self.message, self.layer, self.operation, self.help = message, layer, operation, help
        self.is_of_size = is_of_size


def refused(name: str, format: str, error: Unexportable) -> FileError:
    """The error of a command."""
    where = f"`{error.layer}`" if error.layer else f"`{name}`"
    what = f" ({error.operation})" if error.operation else ""
    message = f"{where} cannot be exported to {format}{what}: {error.message}"
    other = "" if format == LABELS["stablehlo"] else "StableHLO has every operation that JAX has: `-o model.stablehlo`"
    return FileError(Problem("export-model", message, help=error.help or other))


def missing(what: str, needs: str, extra: str) -> UsageError:
    """A library that an extra brings is not installed."""
    return UsageError(Problem("missing-extra", f"{what} needs {needs}", help=f"pip install 'kspec[{extra}]'"))


def converted(error: Exception, layer: str = "") -> Unexportable:
    """What a library raised while it traced or converted, with the layer and the operation at which it did.

    A converter raises whatever it likes, and tells no layer. But the equation of the program that it was at is in one
    of its frames, and JAX has noted there in which layer that is.
    """
    if isinstance(error, MemoryError):  # which is about this machine
        raise error
    operation = ""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        equation: Any = frame.f_locals.get("eqn")
        stack = getattr(getattr(equation, "source_info", None), "name_stack", None)
        if stack is not None:
            operation = str(equation.primitive.name)
            layer = named(str(stack)) or layer
    said = brief(error)
    if any(words in said for words in _SYMBOLIC):
        return Unexportable("it asks how long an axis is that is open", layer, operation, is_of_size=True)
    if "No plugins registered for primitive" in said:
        return Unexportable("jax2onnx does not know this operation", layer, operation)
    kind = "" if isinstance(error, (ValueError, NotImplementedError)) else f"{type(error).__name__}: "
    return Unexportable(f"{kind}{said}", layer, operation, is_of_size=_STATIC.search(said) is not None)


def named(stack: str) -> str:
    """The innermost layer in JAX's names of what an operation stands in; empty for none."""
    found = TAG.findall(stack)
    return found[-1] if found else ""
