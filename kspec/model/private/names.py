"""The numbers behind names that Keras gives by itself."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

_COUNTS = "object_name_uids"


@contextmanager
def names_counted_anew(taken: Iterable[str] = ()) -> Iterator[None]:
    """Objects made inside have the names that they have in a new process (`auc`, not `auc_1`), but none that is
    `taken`; those made behind it have none of these names.

    `keras.utils.clear_session` counts anew too, and forgets whatever else the process has of Keras's.
    """
    from keras.src.backend.common import global_state

    counts: defaultdict[str, int] = defaultdict(int)
    for name in taken:
        base, number = re.fullmatch(r"(.*?)(?:_([0-9]{1,9}))?", name, re.DOTALL).groups()  # type: ignore[union-attr]
        counts[base] = max(counts[base], int(number or 0) + 1)
    before = global_state.get_global_attribute(_COUNTS) or defaultdict(int)
    global_state.set_global_attribute(_COUNTS, counts)
    try:
        yield
    finally:
        for name, count in counts.items():
            before[name] = max(before[name], count)
        global_state.set_global_attribute(_COUNTS, before)
