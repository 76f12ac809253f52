"""How much memory arrays may take, before any of them is allocated."""

from __future__ import annotations

import os
from pathlib import Path

from kspec.diagnostics import Problem, UsageError
from kspec.spec.sizes import size

DATA_MEMORY = "KSPEC_DATA_MEMORY"
"""The environment variable that says how many bytes of data are held in memory, such as ``8GiB``."""
_SHARE = 0.4
"""The share of free memory for data: training has a copy of its own where the device's memory is the machine's."""
_CGROUP = Path("/sys/fs/cgroup")


def memory_bound() -> int:
    """Bytes that this process can hope to have: the machine's memory, or less by a container's or the shell's limit."""
    return min([_physical(), *_container(), *_process()])


def data_budget() -> int:
    """Bytes of data that are held in memory; more is streamed. A share of what is free now, within every limit.

    Raises `UsageError` for an environment variable that is no size.
    """
    given = os.environ.get(DATA_MEMORY)
    if given:
        found = size(given)
        if found is None:
            message = f"`{DATA_MEMORY}` is `{given}`, which is no size"
            raise UsageError(Problem("environment", message, help=f"write `{DATA_MEMORY}=8GiB`"))
        return found
    return int(max(free_memory(), 0) * _SHARE)


def free_memory() -> int:
    """Bytes that this process can still take: of the machine, of its container, and of its own limits."""
    used = _numbers(Path("/proc/self/status"))
    free = [_numbers(Path("/proc/meminfo")).get("MemAvailable", _physical())]
    free += [limit - _used(path) for path, limit in _limits()]
    for name, counted in (("RLIMIT_AS", "VmSize"), ("RLIMIT_DATA", "VmData")):
        limit = _limit(name)
        free += [limit - used.get(counted, 0)] if limit is not None else []
    return min(free)


def is_limited() -> bool:
    """Whether this process has a limit of its own, which counts memory that is reserved and not used, too."""
    return bool(_process())


def _numbers(path: Path) -> dict[str, int]:
    """The lines ``Name: 123 kB`` of a file under ``/proc``, in bytes; nothing elsewhere than on Linux."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    words = [line.split() for line in lines]
    return {each[0].rstrip(":"): int(each[1]) * 1024 for each in words if len(each) == 3 and each[2] == "kB"}


def _used(limit: Path) -> int:
    """What a container has taken of its limit, without the files that it has read, which make room when asked."""
    current = limit.with_name("memory.current" if limit.name == "memory.max" else "memory.usage_in_bytes")
    try:
        total = int(current.read_text())
        lines = [line.split() for line in limit.with_name("memory.stat").read_text().splitlines()]
    except (OSError, ValueError):
        return 0
    held = {each[0]: int(each[1]) for each in lines if len(each) == 2 and each[1].isdigit()}
    return max(total - held.get("inactive_file", 0) - held.get("active_file", 0), 0)


def _physical() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf, other systems may not know these names
        return 2**37


def _container() -> list[int]:
    return [limit for _, limit in _limits()]


def _limits() -> list[tuple[Path, int]]:
    """The files that tell a container's limits, and the limits."""
    limits = []
    for path in _limit_files():
        try:
            text = path.read_text().strip()
        except OSError:
            continue
        limits += [(path, int(text))] if text.isdigit() else []
    return limits


def _limit_files() -> list[Path]:
    """The files with the limits of this process's own container and of those around it, of both kinds of Linux's
    control groups (https://docs.kernel.org/admin-guide/cgroup-v2.html)."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        lines = []
    found = {_CGROUP / "memory.max": None, _CGROUP / "memory" / "memory.limit_in_bytes": None}
    for line in lines:
        kinds, _, place = line.partition(":")[2].partition(":")
        inside = place.strip("/")
        for folder in (Path(inside), *Path(inside).parents):
            if not kinds:
                found[_CGROUP / folder / "memory.max"] = None
            elif "memory" in kinds.split(","):
                found[_CGROUP / "memory" / folder / "memory.limit_in_bytes"] = None
    return list(found)


def _process() -> list[int]:
    return [limit for name in ("RLIMIT_AS", "RLIMIT_DATA") if (limit := _limit(name)) is not None]


def _limit(name: str) -> int | None:
    """A limit of this process in bytes; None without one."""
    try:
        import resource  # Unix only
    except ImportError:
        return None
    number = getattr(resource, name, None)
    if number is None:
        return None
    soft, _ = resource.getrlimit(number)
    return soft if soft != resource.RLIM_INFINITY else None


def size_text(count: int) -> str:
    """Bytes for a person: ``7.3 GiB``."""
    size = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} bytes" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} TiB"
