"""The FLOPs a second that a device can do: of a table, or measured."""

from __future__ import annotations

import time
from typing import Any

from kspec.model.cost.devices import devices

_SIZE = 2048


def peak(device: str, policy: Any) -> tuple[float | None, str]:
    """FLOPs a second by JAX's name of the device, in the dtype of a policy, and where the number is from."""
    dtype = "bfloat16" if "bfloat16" in str(policy) else "float16" if "float16" in str(policy) else "float32"
    words = device.lower().replace("-", " ").split()
    for name, known in devices().items():
        if name.lower() in words and dtype in known.flops:
            return known.flops[dtype], f"{name}, {dtype}"
    return measured(), f"what a product of {_SIZE:,} × {_SIZE:,} numbers reaches here"


def measured() -> float:
    """FLOPs a second of a large product of matrices in float32."""
    import jax
    from jax import numpy as jnp

    a = jnp.ones((_SIZE, _SIZE), "float32")
    product = jax.jit(lambda a, b: a @ b).lower(a, a).compile()
    best = float("inf")
    for _ in range(5):
        begun = time.monotonic()
        jax.block_until_ready(product(a, a))
        best = min(best, time.monotonic() - begun)
    return 2 * _SIZE**3 / best
