"""Outcomes kept in the person's cache folder, each with the files that it came from.

One SQLite file: many small results, read by key in microseconds, safe for several processes at once. It is a cache:
where it cannot be read it is made anew, and where it cannot be written checking goes on without it.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from kspec.checking.one import Outcome, Request
from kspec.checking.packing import packed, unpacked
from kspec.reads import Reads, state

FORMAT = 1
KEPT = 20_000
"""So many outcomes are kept, the last used ones."""
_NONSENSE = (sqlite3.Error, ValueError, TypeError, AttributeError)
"""What reading a broken database, or what someone else has put there, raises."""
_STALE = 86_400
"""Seconds after which it is noted again that an outcome was used."""


class Store:
    """The outcomes of one engine (see `engine.engine`), in `folder`. `say` is told of what went wrong."""

    def __init__(self, folder: Path, engine: str, say: Callable[[str], None]) -> None:
        self._engine, self._say = engine, say
        self._file = folder / f"check-{FORMAT}.sqlite3"
        self._states: dict[str, str] = {}
        self._database = self._open()

    def find(self, request: Request) -> Outcome | None:
        """The outcome of a request, if nothing that it came from has changed."""
        if self._database is None or request.fix or request.text is not None:
            return None
        key = self._key(request)
        try:
            row = self._database.execute("SELECT files, outcome, used FROM outcomes WHERE key = ?", (key,)).fetchone()
            if row is None or not self._is_unchanged(json.loads(row[0])):
                return None
            if time.time() - row[2] > _STALE:
                self._database.execute("UPDATE outcomes SET used = ? WHERE key = ?", (time.time(), key))
            return unpacked(row[1])
        except _NONSENSE as error:
            self._renew(error)
            return None

    def keep(self, found: Iterable[tuple[Request, Outcome, Reads]]) -> None:
        """Keep outcomes; not those of defects, of files that cannot be read, of code and of corrections."""
        if self._database is None:
            return
        rows = [
            (self._key(request), json.dumps(reads.files), packed(outcome), time.time())
            for request, outcome, reads in found
            if reads.whole and outcome.status in (0, 1) and not request.fix and request.text is None
        ]
        try:
            with self._database:
                self._database.executemany("INSERT OR REPLACE INTO outcomes VALUES (?, ?, ?, ?)", rows)
                (count,) = self._database.execute("SELECT count(*) FROM outcomes").fetchone()
                if count > KEPT:
                    oldest = "SELECT key FROM outcomes ORDER BY used LIMIT ?"
                    self._database.execute(f"DELETE FROM outcomes WHERE key IN ({oldest})", (count - KEPT,))
        except sqlite3.Error as error:
            self._renew(error)

    def close(self) -> None:
        """Let go of the file."""
        if self._database is not None:
            with contextlib.suppress(sqlite3.Error):
                self._database.commit()
            self._database.close()
            self._database = None

    def _key(self, request: Request) -> str:
        return json.dumps([self._engine, os.getcwd(), request.path, request.sets, request.trust, request.fast])

    def _is_unchanged(self, files: Mapping[str, str]) -> bool:
        for path, before in files.items():
            if path not in self._states:
                self._states[path] = state(path)
            if self._states[path] != before:
                return False
        return True

    def _open(self) -> sqlite3.Connection | None:
        for attempt in (1, 2):
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                database = sqlite3.connect(self._file, timeout=2)
                database.execute(
                    "CREATE TABLE IF NOT EXISTS outcomes (key TEXT PRIMARY KEY, files TEXT, outcome TEXT, used REAL)"
                )
                return database
            except sqlite3.OperationalError as error:  # read-only, locked, no room
                self._say(f"results are not cached: {error}")
                return None
            except sqlite3.Error as error:
                if attempt == 1:
                    self._remove(error)
            except OSError as error:
                self._say(f"results are not cached: {error}")
                return None
        return None

    def _renew(self, error: Exception) -> None:
        """Begin again after a broken file; only once, and without caching where it is of no use."""
        if isinstance(error, sqlite3.OperationalError):
            self._say(f"results are not cached: {error}")
            self.close()
            return
        if self._database is not None:
            self._database.close()
        self._remove(error)
        self._database = self._open()

    def _remove(self, error: Exception) -> None:
        self._say(f"the cache is broken ({error}), and made anew")
        for ending in ("", "-journal", "-wal", "-shm"):
            with contextlib.suppress(OSError):
                os.remove(f"{self._file}{ending}")
