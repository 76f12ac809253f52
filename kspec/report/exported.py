"""What was exported, for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kspec.report.cells import escaped

if TYPE_CHECKING:
    from kspec.model.exported import Exported


def exported_lines(found: Exported) -> list[str]:
    """What was written, what it takes and gives, and how well it agrees with Keras; names in it may be a stranger's."""
    size = sum(file.stat().st_size for file in found.files)
    where = " and ".join(str(file) for file in found.files)
    lines = [f"{found.name}: {found.parameters:,} parameters → {where} ({found.label}, {size:,} bytes)"]
    if found.inputs:
        lines.append(f"  takes {', '.join(map(str, found.inputs))}; gives {', '.join(map(str, found.outputs))}")
    if found.difference is not None:
        sizes = " and ".join(map(str, found.batches))
        distance = f"differs from Keras by {found.difference:.1e} at most"
        agrees = distance if found.difference else "gives Keras's numbers"
        lines.append(f"  {found.engine} {agrees} (batches of {sizes}; up to {found.tolerance:.0e} is taken)")
    lines += [f"  {tensor.name} {tensor.dtype} {tensor.shape}" for tensor in found.tensors]
    return [escaped(line) for line in lines]
