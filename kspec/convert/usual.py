"""Variables of blocks that mostly have one value -> variables with that default, which uses leave out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from kspec.convert.chains import Step
from kspec.convert.notation import frozen_text
from kspec.convert.shapes import has_variable, operation_of
from kspec.convert.unify import SIZES


def without_usual(name: str, variables: Sequence[str], chains: list[list[Step]]) -> dict[str, Any]:
    """The variables of the block `name` with their defaults: first those without one (None), which every use gives.

    Takes out of the uses in `chains` what a default says.
    """
    uses = [step for chain in chains for step in chain if operation_of(step) == name]
    found = {variable: _usual(variable, [use[name] for use in uses]) for variable in variables}
    for use in uses:
        given = ((variable, use[name][variable]) for variable in variables)
        use[name] = _required_first({key: value for key, value in given if not _same(value, found[key])}, found)
    return _required_first(found, found)


def _required_first(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    return dict(sorted(values.items(), key=lambda item: defaults[item[0]] is not None))


def _usual(variable: str, uses: list[Mapping[str, Any]]) -> Any:
    """The value that most uses give; None where there is none, and for what tells a layer's size."""
    if re.sub("_[0-9]+$", "", variable) in SIZES:
        return None
    values = [use[variable] for use in uses]
    text, count = Counter(map(frozen_text, values)).most_common(1)[0]
    value = next(each for each in values if frozen_text(each) == text)
    return value if 2 * count > len(uses) and count > 1 and not has_variable(value) else None


def _same(one: Any, other: Any) -> bool:
    return other is not None and frozen_text(one) == frozen_text(other)
