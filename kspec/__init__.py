"""kspec: Keras models as reviewed, checked, reproducible YAML files, on JAX.

    import kspec

    spec = kspec.load("specs/digits_mlp.yaml", sets=["fit.epochs=5"])
    model = spec.build()                      # a compiled keras.Model
    result = spec.fit(data="digits.npz")      # trains in a run folder

Nothing here imports Keras until it is needed.
"""

from __future__ import annotations

from importlib import metadata

from kspec.api import Loaded, Result, evaluate, load, loads, predict
from kspec.diagnostics import FileError, KspecError, Note, Problem, Span, SpecError, TrainingError, UsageError

__version__ = metadata.version("kspec")

__all__ = [
    *("FileError", "KspecError", "Loaded", "Note", "Problem", "Result", "Span", "SpecError", "TrainingError"),
    *("UsageError", "evaluate", "load", "loads", "predict"),
]
