"""What steps take: which wires are others, which of them follow from steps that came or went, and which steps moved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kspec.comparison.matching import Pairs
from kspec.comparison.sketch import Key, Output, Step, Wire

_MOST_MOVES = 200
"""So many moved steps are found; beyond that all is said wire by wire."""

_Pair = tuple[Key, tuple[Wire, ...], tuple[Wire, ...]]
_OUT: Key = ("", -1)
"""The model's own outputs, as a step that takes them."""


class Wiring:
    """The wires of two models of which it is known which step is which.

    A step that was put between two others, or taken from there, changes what the next one takes: nothing is said of
    that, as the step itself is told of. So steps that were added, removed or moved are looked through.
    """

    def __init__(
        self,
        before: Sequence[Step],
        after: Sequence[Step],
        pairs: Pairs,
        outputs: tuple[Sequence[Output], Sequence[Output]] = ((), ()),
    ) -> None:
        self.before, self.after = before, after
        self.image = {before[i].key: after[j].key for i, j in pairs.items()}
        self.places = {before[i].key: (i, j) for i, j in pairs.items()}
        self.moved: set[Key] = set()
        """Keys in the first model of steps that stand at another place."""
        self._pairs: list[_Pair] = [(before[i].key, before[i].wires, after[j].wires) for i, j in pairs.items()]
        ends = [[Wire(each.name, each.source, each.output) for each in side] for side in outputs]
        common = {wire.argument for wire in ends[0]} & {wire.argument for wire in ends[1]}
        kept = [tuple(wire for wire in side if wire.argument in common) for side in ends]
        if not common and len(ends[0]) == len(ends[1]) == 1:  # one output, renamed with its step
            kept = [tuple(wire._replace(argument="") for wire in side) for side in ends]
        self._pairs.append((_OUT, tuple(sorted(kept[0])), tuple(sorted(kept[1]))))
        self.rewired = self._unexplained()
        self._find_moves()

    def _find_moves(self) -> None:
        """Steps are moved one by one, the lightest first, until no step is left that lost all its neighbours."""
        for _ in range(_MOST_MOVES):
            candidates = self._displaced()
            if not candidates or len(candidates) > _MOST_MOVES:
                return
            lightest = min(candidates, key=lambda key: (self.before[self.places[key][0]].params, self.places[key][0]))
            self.moved.add(lightest)
            self.rewired = self._unexplained()

    def _displaced(self) -> list[Key]:
        """The steps of which others than before take what they give, as they take something else too."""
        touched = [pair for pair in self._pairs if pair[0] in self.rewired]
        lost = {wire.source for _, before, _ in touched for wire in before}
        won = {wire.source for _, _, after in touched for wire in after}
        return [key for key in self.rewired if key in lost and self.image[key] in won]

    def _unexplained(self) -> set[Key]:
        """Steps of the first model that take something else in the second, which no other step's change explains."""
        through = [self._through(self.before, first=True), self._through(self.after, first=False)]
        found = set()
        for key, before, after in self._pairs:
            if key not in self.moved and not self._alike(before, after, through):
                found.add(key)
        return found

    def _through(self, steps: Sequence[Step], *, first: bool) -> dict[Key, frozenset[Key]]:
        """For each step the steps of the second model that stay, and are seen through those that do not."""
        stays = {image: key for key, image in self.image.items()}
        seen: dict[Key, frozenset[Key]] = {}
        for step in steps:
            mine = step.key if first else stays.get(step.key)
            if mine in self.image and mine not in self.moved:
                seen[step.key] = frozenset({self.image[mine]})
            else:
                seen[step.key] = frozenset().union(*(seen.get(wire.source, frozenset()) for wire in step.wires))
        return seen

    def _alike(self, before: Sequence[Wire], after: Sequence[Wire], through: list[dict[Key, frozenset[Key]]]) -> bool:
        if [wire.argument for wire in before] != [wire.argument for wire in after]:
            return False
        return all(self._same(one, other, through) for one, other in zip(before, after, strict=True))

    def _same(self, one: Wire, other: Wire, through: list[dict[Key, frozenset[Key]]]) -> bool:
        image = self.image.get(one.source)
        if image == other.source:
            return one.output == other.output
        stays = image is not None and one.source not in self.moved
        is_kept = through[1].get(other.source) == frozenset({other.source})
        if stays and is_kept:
            return False
        return bool(through[0].get(one.source, frozenset()) & through[1].get(other.source, frozenset()))


def shown(wires: Sequence[Wire], names: dict[Key, str]) -> str:
    """What a step takes, as `from` writes it: `a`, `[a, b]`, `{query: a, value: b.1}`."""
    arguments: dict[str, list[str]] = {}
    for wire in wires:
        name = names.get(wire.source, wire.source[0])
        arguments.setdefault(wire.argument.partition(".")[0], []).append(
            f"{name}.{wire.output}" if wire.output else name
        )
    texts = {key: items[0] if len(items) == 1 else f"[{', '.join(items)}]" for key, items in arguments.items()}
    if len(texts) == 1:
        return next(iter(texts.values()))
    return "{" + ", ".join(f"{key}: {text}" for key, text in texts.items()) + "}" if texts else ""


def takers(steps: Sequence[Step]) -> dict[Key, tuple[str, ...]]:
    """For each step the names of those that take what it gives."""
    found: dict[Key, list[str]] = {}
    for source, name in _taken(steps):
        names = found.setdefault(source, [])
        if name not in names:
            names.append(name)
    return {key: tuple(names) for key, names in found.items()}


def _taken(steps: Sequence[Step]) -> Iterator[tuple[Key, str]]:
    for step in steps:
        for wire in step.wires:
            yield wire.source, step.name
