"""Programs that XLA has compiled, kept in the person's cache folder for the next time."""

from __future__ import annotations

import os
import warnings
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from kspec import cache
from kspec.diagnostics import FileError
from kspec.model.backend import load_keras

LARGEST = 2**31
"""Bytes that all kept programs may take; those that were not used for longest go first."""


def keep_compilations() -> None:
    """Have JAX keep what it compiles from now on, and look there before it compiles.

    A person's own setting (``JAX_COMPILATION_CACHE_DIR``) stays as it is, and where there is no folder that can be
    written nothing is kept.
    """
    import jax

    if jax.config.jax_compilation_cache_dir or not jax.config.jax_enable_compilation_cache:
        return
    try:
        folder = cache.folder() / "xla"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, FileError):
        return
    if not os.access(folder, os.W_OK):
        return
    _mend(folder)
    # that one is not kept, or cannot be read, costs compiling it again and is nobody's concern
    warnings.filterwarnings("ignore", r"Error (reading|writing) persistent compilation cache entry")
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_compilation_cache_max_size", LARGEST)
    # small programs are many: reading one takes a tenth of the time that compiling it does
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _mend(folder: Path) -> None:
    """Remove programs that a full disk, or the end of a process, cut short.

    JAX writes a program in place, and after it the time of its use: without that one it could keep no other any more,
    and would read the half program again and again.
    """
    halves = [path for path in folder.glob("*-cache") if not _used(path).exists()]
    if not halves:
        return
    with suppress(OSError, Timeout), FileLock(folder / ".lockfile", timeout=1):  # JAX's own, which it writes under
        for path in halves:
            if not _used(path).exists():
                path.unlink()


def _used(program: Path) -> Path:
    return program.with_name(program.name.removesuffix("-cache") + "-atime")


def prepare_compiling(keep: bool) -> None:
    """Before anything is compiled: whether compiled programs are kept. Raises UsageError as `load_keras`."""
    load_keras()
    if keep:
        keep_compilations()
