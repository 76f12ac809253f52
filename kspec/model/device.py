"""The device that trains: what it is, and its memory."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from kspec.model.memory import memory_bound


class DeviceMemory(NamedTuple):
    """Bytes of a device's own memory that programs may use, and those that are used."""

    limit: int
    used: int


def device_memory() -> DeviceMemory | None:
    """The memory of the first device; None where that is the machine's, as a CPU's is, and where it is not told."""
    import jax

    device = jax.devices()[0]
    known = device.memory_stats() or {}
    if device.platform == "cpu" or "bytes_limit" not in known:
        return None
    return DeviceMemory(int(known["bytes_limit"]), int(known.get("bytes_in_use", 0)))


def training_bound() -> int:
    """Bytes that a program which trains can hope to have."""
    own = device_memory()
    return own.limit if own is not None else memory_bound()


def machine() -> dict[str, Any]:
    """What a computation's last bits hang on, beside versions."""
    import jax

    device = jax.devices()[0]
    return {"platform": device.platform, "device": device.device_kind, "cores": cores()}


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
