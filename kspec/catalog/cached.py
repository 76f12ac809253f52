"""Catalogues of other versions of Keras, each a folder in the user's cache beside a hash of every file."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from kspec import cache
from kspec.catalog.store import KINDS, Store
from kspec.diagnostics import FileError

__all__ = ["Unmade", "Workshop", "opened"]

_FILES = tuple(f"{name}.json" for name in (*KINDS, "meta"))
_HASHES = "sha256.json"
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); "
    "from kspec.catalog.generate.__main__ import main; sys.exit(main())"
)


class Unmade(Exception):
    """A catalogue could not be made; the message says why."""


class _Held(Store):
    """A store whose files were read already: nobody can take them away, or change them, any more."""

    def __init__(self, folder: Path, held: Mapping[str, bytes]) -> None:
        super().__init__(folder)
        self._held = held

    def _read(self, name: str) -> bytes:
        return self._held[f"{name}.json"]


def opened(version: str) -> Store | None:
    """The cached catalogue of a version of Keras; None where there is none, or where it is broken."""
    try:
        return _read(_place(version), version)
    except FileError:
        return None


def _read(place: Path, version: str) -> Store | None:
    """What lies in a folder, where all of it is whole."""
    try:
        hashes = json.loads((place / _HASHES).read_bytes())
        held = {name: (place / name).read_bytes() for name in _FILES}
        whole = all(hashes[name] == _hash(text) for name, text in held.items())
        store = _Held(place, held)
        return store if whole and store.keras_version() == version else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


class Workshop:
    """A fresh folder in the user's cache, in which a catalogue is made before it gets its name.

    Raises `Unmade` where the cache cannot be written: at once, and not after the seconds that the making takes.
    """

    def __init__(self, version: str) -> None:
        self._version = version
        try:
            self._place = _place(version)
            self._place.parent.mkdir(parents=True, exist_ok=True)
            self._made = Path(tempfile.mkdtemp(prefix=".made-", dir=self._place.parent))
        except FileError as error:
            raise Unmade(str(error)) from None
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            raise _unwritten(error) from None

    def make(self) -> Store:
        """The catalogue of the installed Keras, made and put in its place.

        Raises `Unmade`.
        """
        try:
            generate(self._made)
            hashes = {name: _hash((self._made / name).read_bytes()) for name in _FILES}
            (self._made / _HASHES).write_text(json.dumps(hashes), encoding="utf-8")
            store = _read(self._made, self._version)
            if store is None:
                raise Unmade("what was made is not of that version")
            self._settle()
            return store
        except OSError as error:
            raise _unwritten(error) from None
        finally:
            shutil.rmtree(self._made, ignore_errors=True)

    def _settle(self) -> None:
        """Give what was made its name, in the place of what is broken; another process may be first, with the same.

        Where that fails the next process tries again: this one has what it needs.
        """
        for _ in range(3):
            try:
                self._made.rename(self._place)
                return
            except OSError:
                if opened(self._version) is not None:
                    return
            with contextlib.suppress(OSError):  # a folder cannot be renamed over one with files in it
                away = Path(tempfile.mkdtemp(prefix=".broken-", dir=self._place.parent))
                try:
                    self._place.rename(away / "old")
                finally:
                    shutil.rmtree(away, ignore_errors=True)


def generate(folder: Path) -> None:
    """Run the generator on the installed Keras in a process of its own, which looks where this one looks.

    In this process Keras would be imported with whatever a person's ``keras.json`` says, by commands that never
    import it. Raises `Unmade`.
    """
    env = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "2"}
    with tempfile.TemporaryDirectory(prefix="kspec-") as home:
        env["KERAS_HOME"] = home  # the defaults of Keras itself
        command = [sys.executable, "-P", "-c", _PROGRAM, json.dumps(sys.path), "--output", str(folder)]
        try:
            done = subprocess.run(
                command, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=600
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise Unmade(f"Python could not be started: {error}") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise Unmade(lines[-1][:200] if lines else f"the generator ended with status {done.returncode}")


def _place(version: str) -> Path:
    return cache.folder() / "catalog" / f"{version}-{_maker()}"


@functools.cache
def _maker() -> str:
    """What the catalogue depends on beside Keras: the generator's own text, and Python, which reads signatures."""
    here = Path(__file__).parent
    digest = hashlib.sha256(repr(sys.version_info[:2]).encode())
    for source in (here / "entry.py", *sorted((here / "generate").glob("*.py"))):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


def _hash(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def _unwritten(error: Exception) -> Unmade:
    reason = str(getattr(error, "strerror", None) or error).lower()
    name = getattr(error, "filename", None)
    return Unmade(f"`{name}` cannot be written: {reason}" if name else f"the cache cannot be written: {reason}")
