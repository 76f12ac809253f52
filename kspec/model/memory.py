"""How much memory arrays may take, before any of them is allocated."""

from __future__ import annotations

import os
from pathlib import Path

_CGROUP = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def memory_bound() -> int:
    """Bytes that this process can hope to have: the machine's memory, or less by a container's or the shell's limit."""
    return min([_physical(), *_container(), *_process()])


def _physical() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf, other systems may not know these names
        return 2**37


def _container() -> list[int]:
    limits = []
    for path in _CGROUP:
        try:
            text = path.read_text().strip()
        except OSError:
            continue
        limits += [int(text)] if text.isdigit() else []
    return limits


def _process() -> list[int]:
    try:
        import resource  # Unix only
    except ImportError:
        return []
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return [soft] if soft != resource.RLIM_INFINITY else []


def size_text(count: int) -> str:
    """Bytes for a person: ``7.3 GiB``."""
    size = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} bytes" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} TiB"
