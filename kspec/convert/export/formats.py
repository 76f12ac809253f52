"""The formats: how they are called, which endings they have, and those that need TensorFlow."""

from __future__ import annotations

import os
import re
from pathlib import Path

from kspec.diagnostics import Problem, UsageError, listing, suggestion
from kspec.model.exported import LABELS

ENDINGS = {
    "onnx": (".onnx",),
    "stablehlo": (".stablehlo",),
    "openvino": (".xml",),
    "weights": (".weights.h5", ".safetensors", ".npz"),
}
"""What kspec writes, and the endings of the files."""

ELSEWHERE = {
    "savedmodel": ("TensorFlow's SavedModel", "tf_saved_model"),
    "litert": ("LiteRT (TFLite)", "litert"),
    "tfjs": ("TensorFlow.js", "tf_saved_model"),
}
"""What Keras exports with TensorFlow only: what it is, and Keras's name of the format that leads there."""

_ALSO = {
    "tf_saved_model": "savedmodel",
    "saved_model": "savedmodel",
    "saved-model": "savedmodel",
    "tf": "savedmodel",
    "tflite": "litert",
    "tensorflowjs": "tfjs",
    "ov": "openvino",
    "jax": "stablehlo",
}
"""Other names that people have for them."""

_ELSEWHERE_ENDINGS = {".pb": "savedmodel", ".tflite": "litert", ".litert": "litert"}


def chosen(given: str | None, output: str | os.PathLike[str], saved: str = "") -> str:
    """The format to write: the given one, else that of the file's ending. `saved` is the `.keras` file of the model,
    where there is one by now.

    Raises UsageError (``output-format``) for one that kspec does not write, or whose files end otherwise.
    """
    path = Path(output)
    format = _by_name(given, saved) if given is not None else _by_ending(path, saved)
    if not _ends(path, ENDINGS[format]):
        help = f"the file's name ends in {' or '.join(f'`{each}`' for each in ENDINGS[format])}"
        raise UsageError(Problem("output-format", f"`{path}` is no name for {LABELS[format]}", help=help))
    return format


def _by_name(given: str, saved: str) -> str:
    name = given.casefold()
    name = _ALSO.get(name, name)
    if name in ELSEWHERE:
        raise _elsewhere(name, saved)
    if name not in ENDINGS:
        help = suggestion(given, ENDINGS, f"one of {listing(ENDINGS)}")
        raise UsageError(Problem("output-format", f"kspec exports no `{given}`", help=help))
    return name


def _by_ending(path: Path, saved: str) -> str:
    for format, endings in ENDINGS.items():
        if _ends(path, endings):
            return format
    ending = path.suffix.casefold()
    if ending in _ELSEWHERE_ENDINGS:
        raise _elsewhere(_ELSEWHERE_ENDINGS[ending], saved)
    if ending == ".keras":
        message, help = "a `.keras` file is what `kspec build` and `kspec fit` write", "`kspec build SPEC -o FILE`"
        raise UsageError(Problem("output-format", message, help=help))
    known = listing(each for endings in ENDINGS.values() for each in endings)
    said = f"kspec exports to no `{path.suffix}` files" if ending else f"`{path}` has no ending, which says the format"
    help = f"one of {known}; or say it with `--format`"
    raise UsageError(Problem("output-format", said, help=help))


def _ends(path: Path, endings: tuple[str, ...]) -> bool:
    """Whether a file's name has such an ending, behind something: `.npz` alone is a hidden file's."""
    return path.name[1:].endswith(endings)


_PLAIN = re.compile(r"[\w./-]+")
"""Names that a command line holds without quotes."""


def _elsewhere(name: str, saved: str) -> UsageError:
    """Why a format of TensorFlow's is not written here, and how it is elsewhere."""
    what, format = ELSEWHERE[name]
    file = saved if _PLAIN.fullmatch(saved) else "model.keras"
    program = f"import keras; keras.saving.load_model('{file}').export('exported', format='{format}')"
    help = "" if saved else "`kspec build SPEC -o model.keras`, then, "
    help += f'there: `KERAS_BACKEND=tensorflow python -c "{program}"`'
    if name == "tfjs":
        help += ", and `tensorflowjs_converter --input_format=tf_saved_model exported web`"
    message = f"{what} is written by TensorFlow, which kspec does without: use an environment that has it"
    return UsageError(Problem("output-format", message, help=help))
