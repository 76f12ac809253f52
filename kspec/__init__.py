"""kspec: Keras models as reviewed, checked, reproducible YAML files, on JAX.

    import kspec

    spec = kspec.load("specs/digits_mlp.yaml", sets=["fit.epochs=5"])
    model = spec.build()                      # a compiled keras.Model
    result = spec.fit(data="digits.npz")      # trains in a run folder

Nothing here imports Keras, or anything else, until it is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kspec.api import Loaded, Result, audit, evaluate, load, loads, predict, runs, verify
    from kspec.coding import code
    from kspec.comparison.difference import Difference
    from kspec.diagnostics import FileError, KspecError, Note, Problem, Span, SpecError, TrainingError, UsageError
    from kspec.diffing import diff
    from kspec.exporting import export
    from kspec.importing import import_model
    from kspec.model.exported import Exported
    from kspec.targets import Known, know
    from kspec.training.listing import Listed
    from kspec.transfer import copy_weights, diff_weights, list_weights
    from kspec.upgrading import Upgrade, upgrade

    __version__: str

__all__ = [
    "Difference",
    "Exported",
    "FileError",
    "Known",
    "KspecError",
    "Listed",
    "Loaded",
    "Note",
    "Problem",
    "Result",
    "Span",
    "SpecError",
    "TrainingError",
    "Upgrade",
    "UsageError",
    "__version__",
    "audit",
    "code",
    "copy_weights",
    "diff",
    "diff_weights",
    "evaluate",
    "export",
    "import_model",
    "know",
    "list_weights",
    "load",
    "loads",
    "predict",
    "runs",
    "upgrade",
    "verify",
]


_ROOMS = (
    "kspec.diagnostics",
    "kspec.api",
    "kspec.targets",
    "kspec.diffing",
    "kspec.importing",
    "kspec.upgrading",
    "kspec.transfer",
    "kspec.comparison.difference",
    "kspec.training.listing",
    "kspec.exporting",
    "kspec.model.exported",
    "kspec.coding",
)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib import metadata

        return metadata.version("kspec")
    if name in __all__:
        from importlib import import_module

        for module in _ROOMS:
            if hasattr(found := import_module(module), name):
                return getattr(found, name)
    raise AttributeError(f"module 'kspec' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
