"""Identifiers for generated code: whatever a spec calls things, they are plain words that mean nothing else."""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections.abc import Iterable

from kspec.convert.words import Numbers
from kspec.spec.walk import snake_case

CHAIN = "x"
"""The tensor that goes from step to step."""
ALL_INPUTS = "inputs"
"""What a model is called with."""
LAYER = "layer"
"""One of a model's layers, in a loop over them."""
TAKEN = frozenset(
    {*keyword.kwlist, *keyword.softkwlist, *dir(builtins)}
    | {"keras", "layers", "ops", "np", "os", "csv", "h5py", "pq", "Any", "Path", "HERE", "self", CHAIN, "main", "call"}
    | {
        "load_data",
        "load_validation_data",
        "build_model",
        "load_model",
        "like",
        "super",
        "model",
        "outputs",
        "training",
    }
    | {ALL_INPUTS, LAYER, "train_data", "validation_data"}
)
"""What words mean in generated code already: Python's own, what the module imports, and what it defines itself."""


def identifier(text: str) -> str:
    """A text as a Python word, of ASCII letters, digits and `_` only."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    word = re.sub(r"\W+", "_", plain, flags=re.ASCII).strip("_")[:40].rstrip("_") or "value"
    return f"_{word}" if word[0].isdigit() else word


def class_name(text: str) -> str:
    """A text as a class's name: `double_conv` is `DoubleConv`."""
    word = identifier(text).strip("_")
    found = "".join(part[:1].upper() + part[1:] for part in word.split("_") if part)
    return found if found and found[0].isalpha() else f"Block{found}"


def is_counted(name: str, kind: str) -> bool:
    """Whether Keras may give a layer of this kind (`Conv2D`, `mine.Layer`) that name by itself: it tells nothing, and
    where others are counted beside it, it may be theirs."""
    return re.fullmatch(rf"{re.escape(snake_case(kind.rpartition('.')[2]))}(_[0-9]+)?", name) is not None


class Words:
    """The identifiers of one namespace; `outer` are those of the module around it."""

    def __init__(self, outer: Words | None = None) -> None:
        self.outer = outer
        self._taken: set[str] = set()
        self._numbers = Numbers()

    def __contains__(self, word: object) -> bool:
        return word in self._taken or word in TAKEN or (self.outer is not None and word in self.outer)

    def fresh(self, wanted: str) -> str:
        """The identifier `wanted`, or with a number behind it where it is taken; taken from now on."""
        found = self._numbers.free(identifier(wanted), self)
        self._taken.add(found)
        return found

    def fresh_input(self, name: str, alone: bool) -> str:
        """The identifier of a model's input; `alone`, where it is named as the chain's tensor, it is all inputs."""
        return ALL_INPUTS if alone and name == CHAIN else self.fresh(name)

    def take(self, word: str) -> None:
        """The identifier is something else's."""
        self._taken.add(word)

    def release(self, word: str) -> None:
        """The identifier may be taken again: a loop's variable, behind the loop."""
        self._taken.discard(word)
        self._numbers.release(word)

    def fresh_class(self, wanted: str) -> str:
        """The same for a class."""
        found = self._numbers.free(class_name(wanted), self, between="", first=2)
        self._taken.add(found)
        return found


def beside(paths: Iterable[str]) -> Words:
    """The identifiers of a module that imports classes of the person's own: they, and their modules, are taken."""
    words = Words()
    for path in paths:
        words.take(path.partition(".")[0])
        words.take(path.rpartition(".")[2])
    return words
