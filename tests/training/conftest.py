"""What the tests of training share."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from kspec.training.loop.feed import order


@pytest.fixture
def in_our_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras passes over the data in the order of kspec; what it asks for first is for a look at shapes alone."""
    asked = itertools.count(-1)
    monkeypatch.setattr(np.random, "permutation", lambda rows: order(0, max(next(asked), 0), rows))
