"""Files that generated code names: relative to the code's own, wherever that is run."""

from __future__ import annotations

import os
from pathlib import Path

from kspec.convert.literals import quoted


class Paths:
    """Paths as code writes them; `folder` is where the code will lie."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def here(self, path: str) -> str:
        """The expression of a file's path."""
        relative = os.path.relpath(path, self.folder)
        return f"HERE / {quoted(Path(relative).as_posix())}"
