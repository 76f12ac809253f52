"""Steps that repeat -> `repeat`, and blocks with variables: whatever saves the most lines, again and again."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from kspec.convert.blocknames import block_name
from kspec.convert.chains import FIXED, Step
from kspec.convert.shapes import chains_in, height, lines, operation_of, shape
from kspec.convert.unify import Unified, unify
from kspec.convert.usual import without_usual

WINDOW = 24
"""The most steps that are looked at as one piece; longer ones are found in several rounds."""
LARGE = 6_000
"""From so many steps on, pieces are shorter: looking takes time."""
_ROUNDS = 40
_LOOKED_AT = 60
_LEAST = 2.0
"""A piece that saves fewer lines is written out."""


class Block(NamedTuple):
    """A block's variables with their defaults (None for none), and its steps."""

    variables: Mapping[str, Any]
    steps: list[Step]


class Piece(NamedTuple):
    """A piece that stands in several places, and what writing it once saves."""

    saved: float
    length: int
    places: list[tuple[int, int]]
    """Chain and first step of each copy."""
    unified: Unified


Taste = Callable[["Piece"], float]
"""How much a piece is wanted."""


class Way(NamedTuple):
    """A way to fold; which ends well is not known beforehand, so several are tried."""

    taste: Taste
    promoting: bool = False
    """Whether steps may be copies of what is repeated elsewhere."""
    varying: tuple[str, ...] = ()
    """Arguments that may differ between copies though they are no numbers."""


TASTES: tuple[Taste, ...] = (
    lambda piece: piece.saved,
    lambda piece: piece.saved * (1.0 if _begins(piece) else 0.3),
    lambda piece: piece.saved * (1 + piece.length / 8) * (1.0 if _begins(piece) else 0.3),
    lambda piece: piece.saved / len(piece.places) ** 0.5,
    lambda piece: piece.saved * (1.0 if _begins(piece) else 0.3) / (1 + len(piece.unified.variables)),
)


def _begins(piece: Piece) -> bool:
    """Whether a piece begins where people begin one."""
    first = piece.unified.steps[0]
    return _is_first(first) or (operation_of(first).startswith("ops.") and piece.length == 1)


def _is_first(step: Step) -> bool:
    """Whether people begin a piece with such a step: with weights, branches, or a block."""
    return operation_of(step) not in _ENDS and not operation_of(step).startswith("ops.")


_ENDS = ("BatchNormalization", "Activation", "ReLU", "LeakyReLU", "Dropout", "Add", "Multiply")


def fold(chains: list[list[Step]], taken: set[str], way: Way) -> dict[str, Block]:
    """Fold the steps of all chains in place; the blocks that they then use, named otherwise than `taken`."""
    blocks: dict[str, Block] = {}
    for _ in range(_ROUNDS):
        every = _every(chains, blocks)
        for chain in every:
            _repeat(chain)
        every = _every(chains, blocks)
        if way.promoting:
            _promote(every, way)
            every = _every(chains, blocks)
        piece = _best(every, way)
        if piece is None:
            break
        name = block_name(piece.unified.steps, taken)
        taken.add(name)
        _replace(every, piece, name)
        blocks[name] = Block(dict.fromkeys(piece.unified.variables), piece.unified.steps)
    for chain in _every(chains, blocks):
        _demote(chain)
        _walk(chain, way)
    every = _every(chains, blocks)
    return {
        name: Block(without_usual(name, tuple(block.variables), every), block.steps) for name, block in blocks.items()
    }


def _every(chains: list[list[Step]], blocks: dict[str, Block]) -> list[list[Step]]:
    """Every list of steps: those given, of blocks, and those inside of steps."""
    found: list[list[Step]] = []
    waiting = [*chains, *(block.steps for block in blocks.values())]
    while waiting:
        chain = waiting.pop(0)
        found.append(chain)
        for step in chain:
            waiting += chains_in(step)
    return found


# -- equal copies, one behind the other ----------------------------------------------------------------------------


def _repeat(chain: list[Step]) -> None:
    """Equal copies in a row as `repeat`, the shortest pieces first."""
    length = 1
    while 2 * length <= len(chain) and length <= WINDOW:
        place = 0
        while place + 2 * length <= len(chain):
            piece = chain[place : place + length]
            count = _copies(chain, place, length)
            if count > 1 and not _is_first(piece[0]):  # as often from a better step on?
                begin = range(place + 1, place + length)
                better = (at for at in begin if _is_first(chain[at]) and _copies(chain, at, length) == count)
                place = next(better, place)
                piece = chain[place : place + length]
            own = height(piece)
            if count > 1 and not _is_fixed(piece) and count * own > own + 2:
                chain[place : place + count * length] = [{"repeat": count, "layers": piece}]
            place += 1
        length += 1


def _copies(chain: list[Step], place: int, length: int) -> int:
    """How often a piece stands in a row from its place on."""
    piece, count = chain[place : place + length], 1
    while chain[place + count * length : place + (count + 1) * length] == piece:
        count += 1
    return count


def _promote(chains: list[list[Step]], way: Way) -> None:
    """Steps like those that are repeated elsewhere as a `repeat` of one, so that both can be copies of one block."""
    bodies = {
        tuple(shape(each, way.varying) for each in step["layers"])
        for chain in chains
        for step in chain
        if "repeat" in step and not _is_fixed(step["layers"]) and isinstance(step["repeat"], int)
    }
    repeated = {id(step["layers"]) for chain in chains for step in chain if "repeat" in step}
    for body in sorted(bodies, key=len, reverse=True):
        for chain in chains:
            if id(chain) in repeated:
                continue
            shapes = [shape(step, way.varying) for step in chain]
            for place in range(len(chain) - len(body), -1, -1):
                if tuple(shapes[place : place + len(body)]) == body:
                    end = place + len(body)
                    chain[place:end] = [{"repeat": 1, "layers": chain[place:end]}]
                    shapes[place:end] = [("promoted",)]


def _demote(chain: list[Step]) -> None:
    """Steps that are repeated once as they are."""
    for place in range(len(chain) - 1, -1, -1):
        if chain[place].get("repeat") == 1:
            chain[place : place + 1] = chain[place]["layers"]


def _is_fixed(piece: list[Step]) -> bool:
    return any(FIXED in step for step in piece)


def _walk(chain: list[Step], way: Way) -> None:
    """Copies in a row that differ in one value, as `repeat` with a variable."""
    shapes = [shape(step, way.varying) for step in chain]
    length = 1
    while 2 * length <= len(chain) and length <= WINDOW:
        place = 0
        while place + 2 * length <= len(chain):
            count = 1
            first = shapes[place : place + length]
            while shapes[place + count * length : place + (count + 1) * length] == first:
                count += 1
            made = _walked(chain, place, length, count, way) if count > 1 else None
            if made is not None:
                chain[place : place + count * length] = [made]
                shapes[place : place + count * length] = [shape(made, way.varying)]
            place += 1
        length += 1


def _walked(chain: list[Step], place: int, length: int, count: int, way: Way) -> Step | None:
    """One `repeat` for copies, where it is shorter, and one variable is enough."""
    copies = [chain[place + n * length : place + (n + 1) * length] for n in range(count)]
    own = height(copies[0])
    if count * own <= own + 3 or any("$" in str(copy) for copy in copies):
        return None
    unified = unify(copies, way.varying)
    if unified is None or len(unified.variables) != 1:
        return None
    (name,) = unified.variables
    return {"repeat": {name: [values[name] for values in unified.values]}, "layers": unified.steps}


# -- blocks ----------------------------------------------------------------------------------------------------


def _best(chains: list[list[Step]], way: Way) -> Piece | None:
    """The piece that is wanted most."""
    shapes = _numbered(chains, way)
    window = WINDOW if sum(map(len, chains)) < LARGE else 6
    places: dict[tuple[int, ...], list[tuple[int, int]]] = defaultdict(list)
    for number, chain in enumerate(shapes):
        for start in range(len(chain)):
            for end in range(start + 1, min(start + window, len(chain)) + 1):
                if chain[end - 1] < 0:
                    break
                places[tuple(chain[start:end])].append((number, start))
    heights = [list(itertools.accumulate(map(lines, chain), initial=0.0)) for chain in chains]
    likely: list[tuple[float, int, list[tuple[int, int]]]] = []
    for key, found in places.items():
        apart = _apart(found, len(key)) if len(found) > 1 else found
        number, start = apart[0]
        own = heights[number][start + len(key)] - heights[number][start]
        most = (len(apart) - 1) * own - len(apart)
        if len(apart) > 1 and most >= _LEAST:
            likely.append((most, len(key), apart))
    longest: dict[tuple[int, tuple[int, int]], int] = {}
    for _, length, apart in likely:  # of those that begin at the same place and stand as often, the longest is enough
        key_of = (len(apart), apart[0])
        longest[key_of] = max(length, longest.get(key_of, 0))
    likely = [each for each in likely if longest[len(each[2]), each[2][0]] == each[1]]
    best: Piece | None = None
    for _, length, apart in sorted(likely, key=lambda each: -each[0])[:_LOOKED_AT]:
        before = sum(heights[number][start + length] - heights[number][start] for number, start in apart)
        piece = _piece(chains, length, apart, before, way)
        if piece is not None and piece.saved >= _LEAST and (best is None or way.taste(piece) > way.taste(best)):
            best = piece
    if best is None:
        return None
    named = unify([_copy(chains, place, best.length) for place in best.places], way.varying)
    return best._replace(unified=named) if named is not None else None


def _numbered(chains: list[list[Step]], way: Way) -> list[list[int]]:
    """Shapes as small numbers, the same for the same; below zero for fixed steps."""
    known: dict[Any, int] = {}

    def number(step: Step) -> int:
        return -1 if FIXED in step else known.setdefault(shape(step, way.varying), len(known))

    return [[number(step) for step in chain] for chain in chains]


def _apart(places: list[tuple[int, int]], length: int) -> list[tuple[int, int]]:
    """Places that do not overlap."""
    kept: list[tuple[int, int]] = []
    for number, start in places:
        if not kept or kept[-1][0] != number or kept[-1][1] + length <= start:
            kept.append((number, start))
    return kept


def _copy(chains: list[list[Step]], place: tuple[int, int], length: int) -> list[Step]:
    number, start = place
    return chains[number][start : start + length]


def _piece(
    chains: list[list[Step]], length: int, places: list[tuple[int, int]], before: float, way: Way
) -> Piece | None:
    """A block for copies that take so many lines as they are."""
    copies = [_copy(chains, place, length) for place in places]
    if length == 1 and operation_of(copies[0][0]) not in ("parallel", "repeat"):
        return None
    unified = unify(copies, way.varying, well_named=False)
    if unified is None:
        return None
    variables = len(unified.variables)
    after = height(unified.steps) + 2 + (variables > 0) + len(copies) * (1 + 0.1 * variables)
    return Piece(before - after, length, places, unified)


def _replace(chains: list[list[Step]], piece: Piece, name: str) -> None:
    """Uses of a block in the place of its copies, from the end on."""
    for (number, start), values in sorted(zip(piece.places, piece.unified.values, strict=True), key=lambda p: p[0])[
        ::-1
    ]:
        chains[number][start : start + piece.length] = [{name: dict(values)}]
