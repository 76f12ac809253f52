"""What cannot be imported, as one message that names the layer and says what can be done."""

from __future__ import annotations

from kspec.diagnostics import FileError, Problem


class Unwritable(Exception):
    """Something in a model that no spec can say; `where` names the layer, or is empty."""

    def __init__(self, where: str, message: str, help: str = "") -> None:
        super().__init__(f"`{where}` {message}" if where else message)
        self.where, self.help = where, help


def refused(source: str, error: Unwritable) -> FileError:
    """The error of a command."""
    return FileError(Problem("import-model", str(error), help=error.help, file=source))
