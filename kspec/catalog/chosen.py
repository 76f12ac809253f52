"""Which catalogue is used: the shipped one, or for another installed Keras one in the user's cache."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from kspec.catalog import installed
from kspec.catalog.store import Store

__all__ = ["DATA", "Choice"]

DATA = Path(__file__).parent / "data"
"""The shipped files."""


def _say(message: str) -> None:
    if sys.stderr is not None:
        print(f"kspec: {message}", file=sys.stderr)


class Choice:
    """The catalogue in use, chosen when something is first asked of it."""

    def __init__(self, say: Callable[[str], None] = _say) -> None:
        self._shipped = Store(DATA)
        self._say = say
        self._quiet = False
        self._may_read = True
        self._store: Store | None = None
        self._for_now = False

    def may_read_keras(self, allowed: bool, *, quiet: bool = False) -> None:
        """Whether a catalogue that is missing may be made, which starts Keras in another process.

        `quiet` says nothing of which catalogue is taken.
        """
        self._may_read, self._quiet = allowed, quiet
        if self._for_now:
            self._store, self._for_now = None, False

    def store(self) -> Store:
        """The catalogue of the installed Keras, or the shipped one where that cannot be had."""
        if self._store is None:
            version = installed.version()
            ours = version in ("", self._shipped.keras_version())
            self._store = self._shipped if ours else self._other(version)
        return self._store

    def _other(self, version: str) -> Store:
        """The catalogue of a version that is not the shipped one's."""
        from kspec.catalog import cached

        shipped = self._shipped.keras_version()
        if refused := installed.refusal(version):
            self._for_now = True
            if not self._may_read:  # whoever goes on to Keras hears it as a problem, once
                self._tell(f"{refused}; the catalogue of {shipped} is used")
            return self._shipped
        if (known := cached.opened(version)) is not None:
            return known
        differs = f"Keras {version} is installed, and the catalogue is of {shipped}"
        if not self._may_read:
            self._for_now = True
            self._tell(f"{differs}, which is used: without --fast Keras is read anew, once")
            return self._shipped
        try:
            workshop = cached.Workshop(version)
            self._tell(f"{differs}: reading Keras anew, once")
            return workshop.make()
        except cached.Unmade as error:
            self._tell(f"the catalogue of Keras {shipped} is used, and {version} is installed: {error}")
            return self._shipped

    def _tell(self, message: str) -> None:
        if not self._quiet:
            self._say(message)
