"""Folders of images, in a folder for each class: ``folder/cat/1.png``. The images are ``x``, their classes ``y``, which
images that lie beside each other have none of.

Pillow reads them. They are brought to the size and the channels of the model's input, as
`keras.utils.image_dataset_from_directory` does; as long as that is not known, all are to be of the first one's size,
and have one channel where it is grey, else three.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from kspec.diagnostics import FileError, Problem, UsageError, first_line
from kspec.training.data.base import Base
from kspec.training.data.part import Part
from kspec.training.data.source import Block, Field, Piece, Source, broken, even
from kspec.training.data.stamp import changed

if TYPE_CHECKING:
    import numpy as np

    from kspec.model.interface import Interface, Port, Shape
    from kspec.training.data.matched import Link

ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"})
_TOGETHER = 1 << 22
_GREY = frozenset({"1", "L", "LA", "I", "I;16", "F"})
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
"""Pillow's modes by channels; Keras's ``color_mode`` knows the same."""


@dataclass(frozen=True, repr=False)
class Images(Base):
    """Images by their paths, read when they are asked for."""

    path: str
    fields: Mapping[str, Field]
    files: tuple[str, ...]
    _classes: tuple[str, ...]
    _resizes: bool = False

    def sized(self, shape: Sequence[int | None]) -> Images:
        """The same images, brought to a size: (height, width, channels), or without channels for grey ones.

        As they are where the shape is that of no image, or has axes of any size.
        """
        height, width, channels = [*shape, 1] if len(shape) == 2 else shape if len(shape) == 3 else [None] * 3
        if not height or not width or channels not in _MODES:
            return self
        field = Field((len(self.files), height, width, channels), "uint8")
        return replace(self, fields=MappingProxyType({**self.fields, "x": field}), _resizes=True)

    def origin(self, row: int) -> tuple[str, int]:
        """The image, which is a row of its own."""
        return self.files[row], 0

    def blocks(self, names: Sequence[str]) -> Sequence[Block]:
        """Some images each."""
        return even(len(self.files), self.fields["x"].row_bytes, _TOGETHER)

    def pieces(self, names: Sequence[str], index: int) -> Iterator[Piece]:
        """The images of a block; `FileError` (``data-format``, ``data-shape``) for one that is not like the first."""
        import numpy as np

        start, stop = self.blocks(names)[index]
        arrays: dict[str, Any] = {}
        if "x" in names:
            arrays["x"] = np.empty((stop - start, *self.fields["x"].shape[1:]), "uint8")
            for place in range(start, stop):
                arrays["x"][place - start] = self._image(self.files[place])
        if "y" in names:
            arrays["y"] = np.array(self._classes[start:stop], object)
        yield Piece(start, arrays)

    def _image(self, path: str) -> np.ndarray:
        import numpy as np

        height, width, channels = self.fields["x"].shape[1:]
        with _opened(path) as image:
            if image.size != (width, height) and not self._resizes:
                message = f"`{path}` is {image.size[0]} × {image.size[1]}, and the first image is {width} × {height}"
                help = f"give the model's input a size, and they are brought to it: `[{height}, {width}, {channels}]`"
                raise FileError(Problem("data-shape", message, help=help, file=path))
            try:
                found: np.ndarray = np.asarray(_eight_bits(image, path).convert(_MODES[channels]), "uint8")
            except _unreadable() as error:
                raise _damaged(path, error) from error
        return _resized(found.reshape(*found.shape[:2], channels), (height, width))


def open_images(path: str) -> Images | None:
    """A folder of folders of images, one for each class, or of images whose classes are not known; None where it holds
    none.

    Raises `FileError` (``data-format``) for a first image that cannot be read; `UsageError` (``missing-extra``).
    """
    found: list[tuple[str, str]] = []
    for folder in sorted(entry for entry in Path(path).iterdir() if entry.is_dir() and entry.name[0] != "."):
        found += [(str(file), folder.name) for file in sorted(_images(folder))]
    classified = bool(found)
    if not classified:
        found = [(str(file), "") for file in sorted(_images(Path(path)))]
    if not found:
        return None
    with _opened(found[0][0]) as image:
        (width, height), grey = image.size, image.mode in _GREY
    rows, channels = len(found), 1 if grey else 3
    fields = {"x": Field((rows, height, width, channels), "uint8")}
    if classified:
        fields["y"] = Field((rows,), "str")
    files, classes = zip(*found, strict=True)
    return Images(path, MappingProxyType(fields), files, classes)


def sized(source: Source, links: Sequence[Link], interface: Interface) -> Source:
    """The source with its images, where it has some, brought to the size of the input that they are for."""
    shape = next((port.shape for link in links for port in interface.inputs if _feeds(link, port)), None)
    return source if shape is None else _sized(source, shape)


def _feeds(link: Link, port: Port) -> bool:
    return (link.role, link.port, link.array) == ("input", port.name, "x")


def _sized(source: Source, shape: Shape) -> Source:
    if isinstance(source, Images):
        return source.sized(shape)
    if isinstance(source, Part):
        inner = _sized(source.inner, shape)
        return source if inner is source.inner else Part(inner, source.chosen)
    return source


def _resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bilinear as in Keras: between the centres of the pixels beside, and of as few of them when it gets smaller.

    Pillow's own would take the mean of more.
    """
    import numpy as np

    for axis, wanted in enumerate(size):
        given = image.shape[axis]
        if given == wanted:
            continue
        places = np.clip((np.arange(wanted, dtype="float32") + 0.5) * (given / wanted) - 0.5, 0, given - 1)
        below = np.floor(places).astype(int)
        part = (places - below).astype("float32").reshape([-1 if each == axis else 1 for each in range(3)])
        beside = np.take(image, np.minimum(below + 1, given - 1), axis)
        image = np.take(image, below, axis) * (1 - part) + beside * part
    return image if image.dtype == np.uint8 else np.rint(image).astype("uint8")


def _images(folder: Path) -> Iterator[Path]:
    for base, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(base, name) for name in names if Path(name).suffix.lower() in ENDINGS and name[0] != ".")


def _opened(path: str) -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        problem = Problem("missing-extra", "images need Pillow", help="pip install 'kspec[images]'")
        raise UsageError(problem) from error
    try:
        return Image.open(path)
    except _unreadable() as error:
        raise _damaged(path, error) from error


def _eight_bits(image: Any, path: str) -> Any:
    """A grey image of 16 bits as one of 8, as Keras reads it: Pillow would take everything above 255 for white.

    Raises `FileError` (``data-format``) for whole or real numbers of which nobody says how bright they are.
    """
    from PIL import Image

    if image.mode.startswith("I;16"):
        import numpy as np

        return Image.fromarray((np.asarray(image) >> 8).astype("uint8"))
    if image.mode in ("I", "F"):
        low, high = image.getextrema()
        if not (low >= 0 and high <= 255):
            message = f"holds numbers from {low:g} to {high:g}, and the pixels of images are 0 to 255"
            raise broken(path, message, "save them as arrays: `numpy.save`")
    return image


def _unreadable() -> tuple[type[Exception], ...]:
    from PIL import Image

    return (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning)


def _damaged(path: str, error: Exception) -> FileError:
    if isinstance(error, FileNotFoundError):  # it was there when the folder was opened
        return FileError(changed(path, "is gone"))
    said = first_line(error)
    return broken(path, f"is no image that can be read ({said})", "remove it, or save it again")
