"""Names for blocks, after what is in them."""

from __future__ import annotations

from kspec.convert.chains import Step
from kspec.convert.shapes import operation_of


def block_name(steps: list[Step], taken: set[str]) -> str:
    """A name that tells what a block does, and that nothing else has."""
    inside = list(_operations(steps))
    if any(step == "repeat" for step in inside):
        base = "stage"
    elif any("Attention" in each for each in inside):
        base = "attention_unit"
    elif any("Conv" in each for each in inside):
        base = "conv_unit"
    elif any(each in ("LSTM", "GRU", "SimpleRNN", "Bidirectional") for each in inside):
        base = "recurrent_unit"
    elif "Dense" in inside:
        base = "dense_unit"
    else:
        base = "unit"
    if base != "stage" and any(step == "parallel" for step in inside) and all(each != "Dense" for each in inside):
        base = "module"
    name, count = base, 1
    while name in taken:
        count += 1
        name = f"{base}_{count}"
    return name


def _operations(steps: list[Step]) -> list[str]:
    found: list[str] = []
    for step in steps:
        key = operation_of(step)
        found.append(key)
        for chain in step["parallel"] if key == "parallel" else ():
            found += _operations(chain)
        if key == "parallel":
            found.append(operation_of(step["merge"]))
        if key == "repeat":
            found += _operations(step["layers"])
    return found
