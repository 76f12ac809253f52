"""Every layer and function that a spec can name comes back from Keras as it was."""

from __future__ import annotations

import pytest
import yaml

from kspec import api, catalog
from kspec.catalog.samples import sample
from kspec.importing import import_model

EVERY = [entry for kind in ("layers", "ops") for entry in catalog.entries(kind).values() if not entry.jax]
SOME = [*EVERY[::15], *(entry for entry in EVERY if entry.name in ("ops.select", "ops.layer_normalization"))]


def check(entry: catalog.Entry) -> None:
    """An import is held against its model before it is given out."""
    import_model(api.loads(yaml.safe_dump(sample(entry))).abstract()[0].model)


@pytest.mark.parametrize("entry", SOME, ids=lambda entry: entry.name)
def test_some(entry: catalog.Entry) -> None:
    check(entry)


@pytest.mark.exhaustive
@pytest.mark.parametrize("entry", EVERY, ids=lambda entry: entry.name)
def test_every_one(entry: catalog.Entry) -> None:
    check(entry)
