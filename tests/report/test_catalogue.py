"""What Keras offers, for people: `kspec layers`."""

from __future__ import annotations

from pathlib import Path

import pytest

import kspec
from kspec import catalog
from kspec.catalog.samples import sample
from kspec.spec.writing import dump
from tests.conftest import check_golden, run_kspec

GOLDEN = Path(__file__).parent / "golden" / "layers"
USABLE = [entry for kind in ("layers", "ops") for entry in catalog.entries(kind).values() if not entry.jax]


@pytest.mark.parametrize(
    "arguments",
    [
        ["MultiHeadAttention"],
        ["matmul", "Convolution2D"],
        ["adam", "StringLookup"],
        ["--search", "POOL"],
        ["Dens"],
        ["--search", "nothing like it"],
    ],
    ids=" ".join,
)
def test_what_is_printed(arguments: list[str]) -> None:
    outcome = run_kspec("layers", *arguments)
    check_golden(GOLDEN / f"{'_'.join(arguments).replace(' ', '_').strip('-')}.txt", outcome.text)


def test_every_layer_is_listed() -> None:
    lines = run_kspec("layers").out.splitlines()
    assert [line.split()[0] for line in lines] == list(catalog.names("layers"))
    assert all(len(line) <= 100 for line in lines)


def test_every_sample_checks() -> None:
    """Whole builds of all of them are in tests/catalog/test_faithful.py."""
    for entry in USABLE:
        kspec.loads(dump(sample(entry)))
