"""Where the calls of a picture stand in a spec's files."""

from __future__ import annotations

from collections.abc import Iterable

from kspec.diagnostics import Route
from kspec.spec.places import Source

__all__ = ["Lines"]


class Lines:
    """Where things stand in a spec's files; nothing of a model that has none."""

    def __init__(self, source: Source | None) -> None:
        self.source = source
        self.known: dict[Route, str] = {}

    def of(self, route: Route, uses: Iterable[Route] = ()) -> tuple[str, ...]:
        """A line for the place, and one for every use that asked for it, the nearest first."""
        if self.source is None or not route:
            return ()
        return (self._place(route), *(self._use(use) for use in reversed(tuple(uses)) if use != route))

    def _use(self, use: Route) -> str:
        if len(use) > 1 and use[-2] == "repeat" and isinstance(use[-1], int):
            return f"copy {use[-1] + 1} of {self._place(use[:-1])}"
        return f"used in {self._place(use)}"

    def _place(self, route: Route) -> str:
        if route not in self.known:
            assert self.source is not None
            span = self.source.span(route, "key")
            self.known[route] = f"{span.file}:{span.line}: {span.text.strip()}"
        return self.known[route]
