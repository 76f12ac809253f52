"""Every row of the tables, held against what Keras offers today: the old name is unknown, the new one is right."""

from __future__ import annotations

import pytest

from kspec import catalog
from kspec.spec import renamed
from kspec.spec.parse import _fields

NAMES = [(kind, old, found) for (kind, old), found in renamed._names().items()]
ARGUMENTS = [(kind, owner, old, found) for (kind, owner, old), found in renamed._arguments().items()]
DROPPED = [(place, owner, old) for (place, owner), table in renamed._DROPPED.items() for old in table]


@pytest.mark.parametrize(("kind", "old", "found"), NAMES)
def test_names(kind: str, old: str, found: renamed.Renamed) -> None:
    assert catalog.find(kind, old) is None
    entry = catalog.find(kind, found.new)
    assert entry is not None
    more = renamed.moved(old)
    for parameter in (*more.adds, *more.renames.values(), *filter(None, (more.value,))):
        assert entry.parameter(parameter) is not None
    assert not any(entry.parameter(parameter) for parameter in more.renames)


@pytest.mark.parametrize(("kind", "owner", "old", "found"), ARGUMENTS)
def test_arguments(kind: str, owner: str, old: str, found: renamed.Renamed) -> None:
    """The new name is an argument of the class, or of some of them, and none of those has the old one too."""
    entries = [each for each in catalog.entries(kind).values() if owner in ("", each.name)]
    having = [each for each in entries if each.parameter(found.new) is not None]
    assert having
    for entry in having:
        if entry.parameter(old) is not None:
            assert owner == "", (entry.name, old)  # Embedding's own `output_dim` stays what it is
            assert renamed.argument(kind, entry.name, "no such word", ()) is None


@pytest.mark.parametrize(("place", "owner", "old"), DROPPED)
def test_dropped(place: str, owner: str, old: str) -> None:
    if place in ("compile", "fit"):
        assert old not in _fields((place,))
        return
    entries = [each for each in catalog.entries(place).values() if owner in ("", each.name)]
    assert entries
    assert any(each.parameter(old) is None for each in entries)
    if owner:
        assert all(each.parameter(old) is None for each in entries)


def test_values_and_keys() -> None:
    for (parameter, old), new in renamed._VALUES.items():
        choices = [
            found.choices
            for kind in catalog.KINDS
            for entry in catalog.entries(kind).values()
            if (found := entry.parameter(parameter)) is not None and found.choices is not None
        ]
        assert any(new in each for each in choices), parameter
        assert not any(old in each for each in choices), parameter
    for (section, old), found in renamed._KEYS.items():
        assert found.new in _fields((section,))
        assert old not in _fields((section,))
    assert not any(catalog.find("layers", name) for name in renamed.REMOVED)


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("layers", "tf.keras.layers.experimental.preprocessing.Rescaling", "Rescaling"),
        ("layers", "keras.layers.CuDNNLSTM", "LSTM"),
        ("optimizers", "keras.optimizers.legacy.Adam", "Adam"),
        ("optimizers", "experimental.SGD", "SGD"),
        ("schedules", "keras.optimizers.schedules.CosineDecay", "CosineDecay"),
        ("layers", "torch.nn.Dense", None),
        ("layers", "mine.layers.Dense", None),
        ("layers", "Dense", None),
    ],
)
def test_names_with_modules(kind: str, old: str, new: str | None) -> None:
    found = renamed.name(kind, old)
    assert (found.new if found is not None else None) == new


@pytest.mark.parametrize(
    ("old", "new"), [("val_acc", "val_accuracy"), ("acc", "accuracy"), ("digit_acc", "digit_accuracy")]
)
def test_quantities(old: str, new: str) -> None:
    found = renamed.quantity(old)
    assert found is not None
    assert found.new == new
    assert renamed.quantity(new) is None
