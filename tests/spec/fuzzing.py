"""How hard the property tests try: the same examples each time, or `KSPEC_FUZZ=20` for twenty times as many."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, settings

FACTOR = int(os.environ.get("KSPEC_FUZZ", "0"))


def examples(count: int, *, shrink: bool = True) -> Callable[[Any], Any]:
    """Settings for `count` examples, or a multiple of it, never timed and without a database; without shrinking where
    an example takes seconds."""
    return settings(
        max_examples=count * max(FACTOR, 1),
        derandomize=not FACTOR,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate, *([Phase.shrink, Phase.explain] if shrink else [])],
        suppress_health_check=list(HealthCheck),
    )
