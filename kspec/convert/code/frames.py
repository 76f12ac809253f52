"""One function that is being written: its identifiers, its variables, and what names of the spec stand for in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from kspec.convert.code.formulas import formula, part_text
from kspec.convert.code.names import Words
from kspec.convert.code.program import Statement, Table, Unsaid
from kspec.convert.code.values import has_variables
from kspec.spec.expressions import ExpressionError, parse, substitute

Tensor = Any
"""An expression, a list of such, or None where there is no single tensor."""

FORMS = ("repeat", "residual", "parallel")


class Bound(NamedTuple):
    """What a name stands for: a tensor, or several. `several` says that one expression is a list of them."""

    tensor: Tensor
    several: bool = False
    outputs: Mapping[str, str] = {}
    """Tensors by the names that a block's outputs have."""


class Tabled(NamedTuple):
    """A dict of tensors that loops make: names with one variable in them, between the same two texts."""

    variable: str
    before: str
    after: str


class Frame:
    """One function's names."""

    def __init__(
        self,
        words: Words,
        own: Mapping[str, str],
        sample: Mapping[str, Any],
        items: list[Any],
        outputs: set[str],
        *,
        is_top: bool = False,
    ) -> None:
        self.words, self.is_top = words, is_top
        self.residuals = 0
        """How many residuals are around."""
        self.residual_names: list[str] = []
        self.variables: dict[str, str] = dict(own)
        """The identifier of each variable of the spec that is known here."""
        self.outer: dict[str, str] = {}
        """Variables of the whole spec that are asked for."""
        self.sample = dict(sample)
        """Values that variables have at one place where this is used: enough to tell what kind each is."""
        self.names: dict[str, Bound] = {}
        self.makers: dict[str, Any] = {}
        """What makes layers or block uses that `reuse` may call again."""
        self.body: list[Statement] = []
        self.top = self.body
        self.counts = Counter(mentions(items))
        self.rounds: list[Counter[str]] = []
        """For each loop around the names that its steps ask for."""
        self.mentioned = {*self.counts, *outputs}
        self.again = set(reuses(items))
        self.tables: list[Tabled] = []

    def rename(self, name: str) -> str:
        """The identifier of a variable; one of the whole spec is noted as asked for."""
        if name in self.variables:
            return self.variables[name]
        if name not in self.outer:
            self.outer[name] = self.words.fresh(name)
        return self.outer[name]

    def filled(self, text: Any) -> Any:
        """A raw value with the sample's variables put in."""
        if isinstance(text, str):
            try:
                return substitute(text, self.sample)
            except ExpressionError as error:
                raise Unsaid(error.message) from None
        if isinstance(text, list):
            return [self.filled(item) for item in text]
        if isinstance(text, dict):
            return {self.filled(key) if isinstance(key, str) else key: self.filled(v) for key, v in text.items()}
        return text

    # -- names -------------------------------------------------------------------------------------------------

    def bind(self, name: str, bound: Bound) -> None:
        """From now on the name stands for that."""
        self.names[name] = bound

    def find(self, name: str) -> Tensor:
        """The tensor (or tensors) of a name. Raises Unsaid where nothing here has that name."""
        if has_variables(name):
            return self._template(name)
        if name in self.names:
            return self.names[name].tensor
        head, _, tail = name.rpartition(".")
        bound = self.names.get(head)
        if bound is not None and tail in bound.outputs:
            return bound.outputs[tail]
        if bound is not None and tail.isdigit():
            if isinstance(bound.tensor, list):
                return bound.tensor[int(tail)]
            return f"{bound.tensor}[{int(tail)}]" if bound.several else bound.tensor
        for table in self.tables:
            inner = name.removeprefix(table.before).removesuffix(table.after)
            if name == f"{table.before}{inner}{table.after}" and re.fullmatch("0|[1-9][0-9]*", inner):
                return f"{table.variable}[{inner}]"
        raise Unsaid(f"`{name}` is made elsewhere")

    def _template(self, name: str) -> Tensor:
        if name in self.names:  # made in the same round of the same loop
            return self.names[name].tensor
        before, part, after = split(name)
        for table in self.tables:
            if (table.before, table.after) == (before, after):
                return f"{table.variable}[{part_text(part, self.rename)}]"
        if not self.rounds:
            return self.find(str(self.filled(name)))
        raise Unsaid(f"`{name}` is made elsewhere")

    def table(self, name: str) -> str:
        """Where a tensor is kept whose name has a variable in it; the dict is made before the first loop."""
        before, part, after = split(name)
        if isinstance(self.filled(name), bool) or not isinstance(self._sample_of(part), (int, str)):
            raise Unsaid(f"`{name}` is printed otherwise in Python")
        found = next((each for each in self.tables if (each.before, each.after) == (before, after)), None)
        if found is None:
            found = Tabled(self.words.fresh(re.sub("_+$", "", before) + "s" if before else "tensors"), before, after)
            self.tables.append(found)
            self.top.append(Table(found.variable))  # the loop stands behind it once it is written
        return f"{found.variable}[{part_text(part, self.rename)}]"

    def _sample_of(self, part: Any) -> Any:
        value = self.filled(f"$({part.text})" if hasattr(part, "text") else f"${part.name}")
        return None if isinstance(value, bool) else value

    def is_far(self, name: str) -> bool:
        """Whether a name with a variable in it is asked for elsewhere than in the round of the loop that makes it."""
        before, _, after = split(name)
        for other in self.mentioned:
            if other == name:
                if self.counts[name] > (self.rounds[-1][name] if self.rounds else 0):
                    return True
            elif has_variables(other):
                if split(other)[::2] == (before, after):
                    return True
            elif other.startswith(before) and other.endswith(after):
                return True
        return False

    def name_of(self, text: str) -> str:
        """A step's name as an expression."""
        return formula(text, self.rename)


def split(name: str) -> tuple[str, Any, str]:
    """A name with one variable in it: what is before it, the variable or expression, what is behind it."""
    try:
        parts = parse(name)
    except ExpressionError as error:
        raise Unsaid(error.message) from None
    variable = [part for part in parts if not isinstance(part, str)]
    if len(variable) != 1:
        raise Unsaid(f"`{name}` has several variables in it")
    place = parts.index(variable[0])
    before, after = parts[:place], parts[place + 1 :]
    return "".join(map(str, before)), variable[0], "".join(map(str, after))


def mentions(items: Any) -> Iterator[str]:
    """The names that steps take tensors by, those of chains inside too."""
    for item in _mappings(items):
        yield from _in_wires(item.get("from"))


def reuses(items: Any) -> Iterator[str]:
    """The names of what `reuse` calls again."""
    for item in _mappings(items):
        if isinstance(item.get("reuse"), str):
            yield item["reuse"]


def _mappings(items: Any) -> Iterator[dict[str, Any]]:
    """Steps with words in them, those of chains inside too."""
    for item in items if isinstance(items, list) else [items]:
        if isinstance(item, list):
            yield from _mappings(item)
        elif isinstance(item, dict):
            yield item
            for form in FORMS:
                if form in item:
                    inner = item.get("layers") if form == "repeat" else item[form]
                    if form == "parallel" and isinstance(inner, dict):
                        inner = list(inner.values())
                    yield from _mappings(inner)


def _in_wires(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        if value.rpartition(".")[0]:
            yield value.rpartition(".")[0]
    elif isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _in_wires(item)
