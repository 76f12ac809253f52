"""The edge of the house: problems with routes go out with places."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kspec.diagnostics import SpecError
from kspec.spec.source import Source
from kspec.spec.source import located as place


@contextmanager
def located(source: Source) -> Iterator[None]:
    """Problems raised inside get their lines and columns in `source`."""
    try:
        yield
    except SpecError as error:
        raise SpecError(dict.fromkeys(place(source, error.problems))) from error.__cause__
