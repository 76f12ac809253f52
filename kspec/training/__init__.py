"""A built Keras model and data in; a history, a run's folder, scores and predictions out.

`prepare` opens, matches and checks the data, `begin` makes the run's folder, `train` fits and saves;
`evaluate` and `predict` apply a model. Nothing here prints: a `Progress` is told what happens.
"""

from __future__ import annotations

from kspec.model.interface import Interface, interface_of
from kspec.training.apply import evaluate, predict
from kspec.training.data.check import check
from kspec.training.data.match import Matched, held_out, match
from kspec.training.data.opening import open_source
from kspec.training.data.source import Field, Source
from kspec.training.fit import History, Progress, fit
from kspec.training.predictions import write_predictions
from kspec.training.run import Run, begin, model_file, open_run
from kspec.training.train import Prepared, prepare, train

__all__ = [
    "Field",
    "History",
    "Interface",
    "Matched",
    "Prepared",
    "Progress",
    "Run",
    "Source",
    "begin",
    "check",
    "evaluate",
    "fit",
    "held_out",
    "interface_of",
    "match",
    "model_file",
    "open_run",
    "open_source",
    "predict",
    "prepare",
    "train",
    "write_predictions",
]
