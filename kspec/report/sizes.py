"""Numbers for a person: bytes as Keras writes them, counts of operations, times and money."""

from __future__ import annotations

__all__ = ["flops", "keras_size", "money", "rate", "seconds"]


def keras_size(count: int) -> str:
    """Bytes as Keras writes them: ``851.79 KB``, in steps of 1,024."""
    size = float(count)
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 1024 or unit == "TB":
            break
        size /= 1024
    return f"{size:.2f} {unit}"


def flops(number: float) -> str:
    """A count in three figures: ``7.45 G``; small ones whole."""
    if number < 1000:
        return f"{number:.0f}"
    for unit in ("K", "M", "G", "T", "P", "E"):
        number /= 1000
        if number < 999.5 or unit == "E":
            break
    return f"{number:.3g} {unit}" if number < 999.5 else f"{number:,.0f} {unit}"


def seconds(number: float) -> str:
    """A time in a unit that fits: ``1.83 ms``, ``12.4 s``, ``3.1 h``, ``16.2 days``."""
    for limit, factor, unit in ((0.9995e-3, 1e6, "µs"), (0.9995, 1e3, "ms"), (120, 1, "s"), (7200, 1 / 60, "min")):
        if number < limit:
            return f"{number * factor:.3g} {unit}"
    return f"{number / 3600:.3g} h" if number < 172_800 else f"{number / 86_400:,.3g} days"


def rate(number: float) -> str:
    """So many a second: three figures, whole where there are more."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def money(number: float) -> str:
    """An amount: two decimals, fewer figures where it is large."""
    if 0 < number < 0.005:
        return "< 0.01"
    return f"{number:,.2f}" if number < 1000 else f"{number:,.0f}"
