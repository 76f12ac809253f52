"""Runs as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kspec.report.figures import figure
from kspec.report.tables import Column

_FEW = 3
"""Metrics that are shown beside a run."""


def columns(runs: Sequence[Mapping[str, Any]]) -> list[Column]:
    """A row for each run, as `Listed.as_json` has it."""
    return [
        Column("run", tuple(run["folder"] for run in runs), whole=True),
        Column("state", tuple(run["state"] for run in runs)),
        Column("epochs", tuple(_epochs(run) for run in runs), True),
        Column("checkpoint", tuple(_checkpoint(run["checkpoint"]) for run in runs)),
        Column("best", tuple(_best(run["best"]) for run in runs)),
        Column("started", tuple(run["started"].replace("T", " ")[:19] for run in runs), dispensable=1),
    ]


def _epochs(run: Mapping[str, Any]) -> str:
    return f"{run['rows']}/{run['epochs']}" if run["epochs"] is not None else str(run["rows"])


def _checkpoint(place: Mapping[str, int] | None) -> str:
    if place is None:
        return ""
    return f"epoch {place['epoch']}" + (f", step {place['step']:,}" if place["step"] else "")


def _best(row: Mapping[str, Any]) -> str:
    """The metrics that were validated, where any were; with the epoch."""
    numbers = {key: value for key, value in row.items() if isinstance(value, float) and key != "learning_rate"}
    held = {key: value for key, value in numbers.items() if key.startswith("val_")} or numbers
    shown = [f"{key} {figure(value)}" for key, value in list(held.items())[:_FEW]]
    return f"{', '.join(shown)} (epoch {row['epoch']})" if shown else ""
