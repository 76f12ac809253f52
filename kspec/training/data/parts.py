"""The parts that a `data` section names, opened: what is trained on, validated on and tested on."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kspec.diagnostics import FileError, Problem
from kspec.training.data.opening import open_source
from kspec.training.data.source import Source
from kspec.training.data.split import TAUGHT, split

if TYPE_CHECKING:
    from kspec.spec.schema import Data, DataFile


@dataclass
class Parts:
    """The sources of a `data` section, each opened once, when it is first asked for.

    `seed` is that of fractions without one of their own; `root` the folder that files must lie in, but those named
    `free`, and None where there is no such folder; `load` gives a Python object by its full name.
    """

    data: Data
    seed: int | None = None
    root: Path | None = None
    free: frozenset[str] = frozenset()
    load: Callable[[str], Any] | None = None
    _opened: dict[str, Source] = field(default_factory=dict, repr=False)
    _split: dict[str, Source] | None = field(default=None, repr=False)

    def source(self, part: str) -> Source | None:
        """The rows of a part; None where the section names none.

        Raises `FileError` for what cannot be opened, and for a part that has no rows.
        """
        file: DataFile | None = getattr(self.data, part)
        if file is None:
            return None
        if part == "train" or (file.path is None and file.source is None):
            return self._carved().get(part)
        found = self._open(file)
        if not file.where:
            return found
        whole = type(self.data)(train=file)
        return split(found, whole, self.seed)["train"]

    def taught(self) -> Source | None:
        """The rows that tell which classes there are: those of training, before fractions are carved out of them."""
        return self._carved().get(TAUGHT, self.source("train"))

    def fields(self, part: str) -> dict[str, Any]:
        """The arrays or columns for inputs and outputs: a part's own, else those of the section."""
        file: DataFile | None = getattr(self.data, part)
        own = dict(file.fields) if file is not None else {}
        train = self.data.train
        if not own and file is not None and file.path is None and file.source is None and train is not None:
            own = dict(train.fields)  # rows of the training data have its columns
        return {**self.data.fields, **own}

    def check(self) -> None:
        """Open every part; raises what `source` raises."""
        for part in ("train", "validation"):
            self.source(part)

    def _carved(self) -> dict[str, Source]:
        if self._split is None:
            train = self.data.train
            if train is None:
                message = "a part of the training data is asked for, and there are none"
                raise FileError(Problem("data-missing", message, ("data",), "add `train: FILE`, or give `--data FILE`"))
            self._split = split(self._open(train), self.data, self.seed)
        return self._split

    def _open(self, file: DataFile) -> Source:
        key = file.source or file.path or ""
        if key not in self._opened:
            if file.source is not None:
                from kspec.training.data.sequence import open_object

                assert self.load is not None
                self._opened[key] = open_object(file.source, self.load(file.source))
            else:
                found = open_source(key)
                if self.root is not None and key not in self.free:
                    _refuse_outside(found, self.root)
                self._opened[key] = found
        return self._opened[key]


def _refuse_outside(source: Source, root: Path) -> None:
    """Raise `FileError` where a link leads to a file outside the project, which a stranger's spec must not read."""
    real = os.path.realpath(root)
    folders = {os.path.dirname(file) for file in source.files}
    links = [file for file in source.files if os.path.islink(file)]
    for path in [*folders, *links]:
        if not Path(os.path.realpath(path)).is_relative_to(real):
            message = f"`{path}` leads out of the project"
            raise FileError(Problem("file-outside-root", message, help=f"data stay inside {root}", file=source.path))
