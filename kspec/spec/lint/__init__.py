"""What works and is seldom meant: warnings about a spec that is right. One rule a file, each named here.

A rule is a function from a `Subject` to problems; it knows the text and the graph, and no Keras.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kspec.diagnostics import Problem
from kspec.spec.lint.batchnorm import frozen_batchnorm
from kspec.spec.lint.decay import decay_steps
from kspec.spec.lint.heads import loss_mismatch
from kspec.spec.lint.modes import overridden_training
from kspec.spec.lint.monitors import monitors
from kspec.spec.lint.subject import Subject
from kspec.spec.lint.untrained import untrained
from kspec.spec.lint.unused import unused
from kspec.spec.lint.width import sixteen_bits

__all__ = ["RULES", "Subject", "warnings"]

RULES: tuple[Callable[[Subject], Iterable[Problem]], ...] = (
    unused,
    untrained,
    loss_mismatch,
    monitors,
    sixteen_bits,
    frozen_batchnorm,
    overridden_training,
    decay_steps,
)


def warnings(subject: Subject) -> list[Problem]:
    """Every warning, rule by rule."""
    return [problem for rule in RULES for problem in rule(subject)]
