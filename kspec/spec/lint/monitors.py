"""`unknown-monitor`, `no-validation`: callbacks that wait for a number that no epoch will have."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterator
from typing import Any

from kspec import catalog
from kspec.diagnostics import Problem, Route, listing, suggestion
from kspec.spec.lint.subject import Subject, warning
from kspec.spec.objects import Object
from kspec.spec.schema import Spec
from kspec.spec.walk import snake_case


def monitors(subject: Subject) -> Iterator[Problem]:
    """A warning for each callback that monitors what the history will not hold; Keras warns at the end of an epoch."""
    spec = subject.spec
    if spec.fit is None or spec.compile is None or spec.class_ is not None:  # whose steps may log anything
        return
    known = _history(spec, subject.graph.output_names())
    for callback in spec.fit.callbacks:
        entry = catalog.find("callbacks", callback.name) if isinstance(callback, Object) else None
        parameter = entry.parameter("monitor") if entry is not None else None
        if parameter is None:
            continue
        monitored = callback.args.get("monitor", parameter.default)
        route: Route = (*callback.route, "monitor") if "monitor" in callback.args else callback.route
        at = "value" if "monitor" in callback.args else "key"
        if callback.name == "ModelCheckpoint" and callback.args.get("save_best_only") is not True:
            continue  # it saves whatever comes
        plain = monitored.removeprefix("val_")
        if known is not None and plain not in known:
            help = suggestion(monitored, [*known, *(f"val_{name}" for name in known)], f"there are {listing(known)}")
            message = f"{callback.name} monitors `{monitored}`, which no epoch will have"
            yield warning("unknown-monitor", message, route, help, at)
        elif plain != monitored and not _validates(spec):
            message = f"{callback.name} monitors `{monitored}`, and nothing is validated on"
            help = "set `fit.validation_split` or `data.validation`, or monitor `loss`"
            yield warning("no-validation", message, route, help, at)


def _validates(spec: Spec) -> bool:
    """Whether an epoch ends with a validation, as far as the spec says; data that are not there may do it."""
    data = spec.data
    if (spec.fit is not None and spec.fit.validation_split) or data is None or data.train is None:
        return True
    if data.validation is not None or data.train.path is None:
        return True
    try:
        with zipfile.ZipFile(data.train.path) as archive:
            names = {name.removesuffix(".npy") for name in archive.namelist()}
    except (OSError, zipfile.BadZipFile, ValueError):
        return True
    return any(name.endswith("_test") for name in names)


def _history(spec: Spec, outputs: tuple[str, ...]) -> list[str] | None:
    """The numbers of an epoch, by Keras's keys; None where some are not known."""
    section = spec.compile
    assert section is not None
    names = ["loss", "learning_rate"]
    several = len(outputs) > 1
    if several:
        names += [f"{output}_loss" for output in outputs]
    counts: Counter[str] = Counter()
    for prefix, given in (("", section.metrics), ("weighted_", section.weighted_metrics)):
        for output, metric in _metrics(given, outputs):
            name = _key(metric)
            if name is None:
                return None
            if isinstance(metric, Object) and "name" not in metric.args:  # Keras counts them
                counts[name] += 1
                name = f"{name}_{counts[name] - 1}" if counts[name] > 1 else name
            names += [f"{output}_{each}" if several else each for each in dict.fromkeys((name, prefix + name))]
    return names


def _metrics(given: Any, outputs: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Every metric with its output, as Keras gives them out."""
    if isinstance(given, dict):
        for output, item in given.items():
            yield from ((output, metric) for metric in (item if isinstance(item, list) else [item]))
    elif isinstance(given, list):
        if len(outputs) > 1 and len(given) == len(outputs):
            for output, item in zip(outputs, given, strict=True):
                yield from ((output, metric) for metric in (item if isinstance(item, list) else [item]))
        else:
            yield from ((output, metric) for output in outputs for metric in given)
    elif given is not None:
        yield from ((output, given) for output in outputs)


def _key(metric: Any) -> str | None:
    """The name under which a metric stands in the history: its own, or the text that it was asked for by."""
    if metric is None:
        return "loss"
    if isinstance(metric, str):
        return metric
    entry = catalog.find("metrics", metric.name) if isinstance(metric, Object) else None
    if entry is None:
        return None
    parameter = entry.parameter("name")
    return str(
        metric.args.get("name") or (parameter.default if parameter is not None else "") or snake_case(entry.name)
    )
