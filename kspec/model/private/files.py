"""The files that Keras writes weights into."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def weights_opened(opened: Callable[[Any], Any]) -> Iterator[None]:
    """HDF5 files that Keras makes inside, of weights, are those that `opened` gives for their paths.

    `Model.save_weights` takes a path only, and a model that memory has no room for a second time is saved by way of
    one; `h5py` then has HDF5 write to the disk itself.
    """
    from keras.src.saving.saving_lib import H5IOStore

    own = H5IOStore._get_h5_file

    def replaced(self: Any, path_or_io: Any, mode: str | None = None) -> Any:
        if self.archive or (mode or self.mode) != "w":
            return own(self, path_or_io, mode)
        return opened(path_or_io)

    H5IOStore._get_h5_file = replaced
    try:
        yield
    finally:
        H5IOStore._get_h5_file = own


def kept_at(model: Any) -> tuple[list[tuple[str, Any]], dict[str, str]]:
    """Where a file of Keras's has each variable of a model, `layers/dense/vars/0`, with the variable; and the names of
    what the groups there are of, `{"layers/dense": "digit"}`.

    Keras writes files by walking a model in an order of its own, and exports neither the walk nor the places. So it
    writes into a store that only notes what it is given. A layer that gives numbers of its own making, and not its
    variables, is passed over; LoRA, which it would merge, is off meanwhile.
    """
    from keras.src.saving.saving_lib import H5IOStore, _save_state

    found: list[tuple[str, Any]] = []
    names: dict[str, str] = {}

    class Noting(H5IOStore):  # type: ignore[misc]
        def __init__(self) -> None:
            self.path = ""

        def __bool__(self) -> bool:
            return True

        def make(self, path: str, metadata: Any = None) -> Any:
            self.path = path.removeprefix("/")
            if metadata is not None and self.path:
                names[self.path] = metadata["name"]
            return self

        def __setitem__(self, key: str, value: Any) -> None:
            found.append((f"{self.path}/vars/{key}".removeprefix("/"), value))

    adapted = [layer for layer in model._flatten_layers() if getattr(layer, "lora_enabled", False)]
    optimizer = getattr(model, "optimizer", None)
    try:
        for layer in adapted:
            layer.lora_enabled = False
        if optimizer is not None:
            model.optimizer = None
        _save_state(model, Noting(), None, "", set())
    finally:
        for layer in adapted:
            layer.lora_enabled = True
        if optimizer is not None:
            model.optimizer = optimizer
    return found, names
