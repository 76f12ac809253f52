"""What a style cannot say, with its place."""

from __future__ import annotations

from typing import NoReturn

from kspec.diagnostics import Problem, Route, UsageError

CODE = "code-style"


def refusal(message: str, route: Route, help: str) -> UsageError:
    """The error for a spec that is right, and that this style (or plain Keras) has no code for."""
    return UsageError(Problem(CODE, message, route, help))


def refuse(message: str, route: Route, help: str) -> NoReturn:
    """Raise it."""
    raise refusal(message, route, help)
