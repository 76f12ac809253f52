"""The structure of a spec -> Program: loops, conditions and blocks stay what they are.

Where that cannot be said (a name from within a block, a block's copies with different policies) `Unsaid` is raised, and
the model's graph is written out instead (`unroll`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from kspec.convert.code.calls import Calls, Here
from kspec.convert.code.expr import Expr, Items, call
from kspec.convert.code.formulas import formula
from kspec.convert.code.frames import Bound, Frame, Tensor, mentions, split
from kspec.convert.code.program import Copy, For, If, Kept, Unsaid
from kspec.convert.code.values import has_variables
from kspec.diagnostics import Route
from kspec.spec.stepform import BESIDE, WORDS

_OF_FORMS = frozenset({"layers", "merge", "output"})


class Reader(Calls):
    """Walks lists of steps as `kspec.spec.expand` does, and writes them once however often they are there."""

    def chain(self, items: Any, route: Route, previous: Tensor, frame: Frame, chain: str) -> Tensor:
        """Write a list of steps that begins with `previous`; `chain` is the variable that goes along with it."""
        start = previous
        if previous == chain and any(map(_takes_input, items)):
            start = frame.words.fresh("skip")
            frame.body.append(Copy(start, chain))
        for index, item in enumerate(items):
            previous = self.step(item, (*route, index), previous, start, frame, chain)
        return previous

    def branch(self, value: Any, route: Route, previous: Tensor, frame: Frame, chain: str) -> Tensor:
        """A chain that may be a single step, written without a list."""
        if isinstance(value, list):
            return self.chain(value, route, previous, frame, chain)
        place = (*route, value) if isinstance(value, str) else route
        return self.step(value, place, previous, previous, frame, chain)

    def step(self, item: Any, route: Route, previous: Tensor, start: Tensor, frame: Frame, chain: str) -> Tensor:
        """Write one step; the tensor that it gives."""
        if isinstance(item, str):
            item = {item: None}
        when = item.get("when", True)
        if not has_variables(when):
            return self._there(item, route, previous, start, frame, chain) if when is True else previous
        if not isinstance(previous, str):
            raise Unsaid("a step with `when` begins with several tensors")
        if previous != chain:
            frame.body.append(Copy(chain, previous))
            start = chain if start == previous else start
        outside, frame.body = frame.body, []
        if start == chain and _takes_input(item):
            raise Unsaid("`input` in a step with `when`")
        found = self._there(item, route, chain, start, frame, chain)
        if not isinstance(found, str):
            raise Unsaid("a step with `when` gives several tensors")
        if found != chain:
            frame.body.append(Copy(chain, found))
        inside, frame.body = frame.body, outside
        frame.body.append(If(formula(when, frame.rename), inside))
        return chain

    def _there(self, item: Any, route: Route, previous: Tensor, start: Tensor, frame: Frame, chain: str) -> Tensor:
        keys = [key for key in item if key not in WORDS and key not in _OF_FORMS]
        key = keys[0]
        if len(keys) != 1 or has_variables(key):
            raise Unsaid(f"`{key}` is an operation by a variable")
        here = Here(item, (*route, key), previous, start, frame, chain)
        if key in BESIDE:
            return _FORMS[key](self, item[key], here)
        if key in self.blocks:
            return self.use(key, item[key], here)
        return self.layer(key, item[key], here)

    def use(self, block: str, value: Any, here: Here) -> Tensor:
        """A use of a block; `uses` writes it."""
        raise NotImplementedError

    # -- forms -------------------------------------------------------------------------------------------------

    def repeat(self, value: Any, here: Here) -> Tensor:
        """A chain several times over: a loop."""
        frame, chain = here.frame, here.chain
        variable, count = next(iter(value.items())) if isinstance(value, dict) else (None, value)
        sample = frame.filled(count)
        walked = sample if isinstance(sample, list) else range(sample)
        previous = self.wires(here)
        if len(walked) == 0 and not has_variables(count):
            return previous
        if not isinstance(previous, str):
            raise Unsaid("a loop begins with several tensors")
        if previous != chain:
            frame.body.append(Copy(chain, previous))
        outer_variables, outer_sample, outside = dict(frame.variables), dict(frame.sample), frame.body
        name = ""
        if variable is not None:
            name = frame.words.fresh(variable)
            frame.variables[variable] = name
            frame.sample[variable] = walked[0] if len(walked) else (1 if not isinstance(sample, list) else None)
        over = self._over(count, sample, frame, outer_variables)
        frame.body = []
        frame.rounds.append(Counter(mentions(here.item["layers"])))
        known = dict(frame.names)
        last = self.chain(here.item["layers"], here.beside("layers"), chain, frame, chain)
        frame.rounds.pop()
        if not isinstance(last, str):
            raise Unsaid("a loop ends with several tensors")
        if last != chain:
            frame.body.append(Copy(chain, last))
        inside, frame.body = frame.body, outside
        frame.names = {key: bound for key, bound in frame.names.items() if key in known or not has_variables(key)}
        frame.variables, frame.sample = outer_variables, outer_sample
        frame.words.release(name)
        frame.body.append(For(name, over, inside))
        self.alias(here, chain)
        return chain

    def _over(self, count: Any, sample: Any, frame: Frame, variables: Mapping[str, str]) -> Expr:
        """What a loop goes over."""
        inner, frame.variables = frame.variables, dict(variables)
        try:
            if not isinstance(sample, list):
                return call("range", self.writer.value(sample, count, frame.rename))
            found = self.writer.value(sample, count, frame.rename)
            return Items(found.items, True) if isinstance(found, Items) else found
        finally:
            frame.variables = inner

    def residual(self, value: Any, here: Here) -> Tensor:
        """A chain and its input, joined."""
        frame = here.frame
        begin = self.wires(here)
        if not isinstance(begin, str):
            raise Unsaid("a residual of several tensors")
        previous = begin
        if begin == here.chain:
            begin = self._residual(frame)
            frame.body.append(Copy(begin, here.chain))
            previous = here.chain
        frame.residuals += 1
        end = self._inner(value, here.route, previous, begin, here)
        frame.residuals -= 1
        return self._merged([end, begin], "Add", here)

    def _residual(self, frame: Frame) -> str:
        """The variable that keeps a residual's input: one for each that is inside of another."""
        while len(frame.residual_names) <= frame.residuals:
            frame.residual_names.append(frame.words.fresh("residual"))
        return frame.residual_names[frame.residuals]

    def _inner(self, value: Any, route: Route, previous: str, start: str, here: Here) -> Tensor:
        """A residual's chain: its `input` is kept already."""
        frame, chain = here.frame, here.chain
        if not isinstance(value, list):
            return self.branch(value, route, previous, frame, chain)
        for index, item in enumerate(value):
            previous = self.step(item, (*route, index), previous, start, frame, chain)
        return previous

    def parallel(self, value: Any, here: Here) -> Tensor:
        """Chains side by side on the same tensor."""
        frame = here.frame
        begin = self.wires(here)
        ends: list[Any] = []
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            if has_variables(key):
                raise Unsaid("a chain named by a variable")
            wanted = key if isinstance(key, str) else f"branch_{key + 1}"
            variable = frame.words.fresh(wanted)
            end = self.branch(part, (*here.route, key), begin, frame, variable)
            if isinstance(key, str):
                frame.bind(key, Bound(end))
            ends += end if isinstance(end, list) else [end]
        if "merge" in here.item:
            return self._merged(ends, None, here)
        self.alias(here, ends)
        return ends

    def _merged(self, ends: list[Any], default: Any, here: Here) -> Tensor:
        """The layer that joins chains."""
        merge = here.item.get("merge", default)
        key, args = next(iter(merge.items())) if isinstance(merge, dict) else (merge, None)
        place = (*here.beside("merge"), key) if "merge" in here.item else here.route
        if has_variables(key):
            raise Unsaid("chains are joined by a layer that a variable names")
        own = {word: here.item[word] for word in ("name",) if word in here.item}
        return self.layer(key, args, here._replace(item=own, route=place, previous=ends, start=None))

    def model(self, value: Any, here: Here) -> Tensor:
        """A saved model, or another spec."""
        frame = here.frame
        step = self.only(here)
        if step is None:
            raise Unsaid("a model that is not there")
        variable, made = self.saved(step, frame)
        self.load_step(step, made)
        return self.called(step, Kept(variable), variable, here)

    def reuse(self, value: Any, here: Here) -> Tensor:
        """A layer, or a block's use, once more."""
        maker = here.frame.makers.get(value)
        if maker is None:
            raise Unsaid(f"`{value}` is made elsewhere")
        return maker(here)

    def alias(self, here: Here, tensor: Tensor) -> None:
        """The name of a form is another name for its tensor."""
        name = here.item.get("name")
        for index, each in enumerate(name if isinstance(name, list) else [name] if name is not None else []):
            found = tensor[index] if isinstance(name, list) and isinstance(tensor, list) else tensor
            if has_variables(each) or (found == here.chain and each in here.frame.mentioned):
                found = self.kept(each, found, here)
            here.frame.bind(each, Bound(found))

    def kept(self, name: str, tensor: Tensor, here: Here) -> Tensor:
        """A tensor under a name of its own, because the chain's variable goes on."""
        frame = here.frame
        if not isinstance(tensor, str):
            raise Unsaid(f"`{name}` is several tensors")
        if has_variables(name):
            variable = frame.table(name) if frame.is_far(name) else frame.words.fresh(split(name)[0] or "step")
        else:
            variable = frame.words.fresh(name)
        frame.body.append(Copy(variable, tensor))
        return variable


def _takes_input(item: Any) -> bool:
    """Whether a step takes its chain's input by that word."""
    return isinstance(item, dict) and _has(item.get("from"), "input")


def _has(value: Any, word: str) -> bool:
    if isinstance(value, (list, dict)):
        return any(_has(item, word) for item in (value.values() if isinstance(value, dict) else value))
    return bool(value == word)


_FORMS: dict[str, Callable[[Reader, Any, Here], Tensor]] = {
    "reuse": Reader.reuse,
    "repeat": Reader.repeat,
    "residual": Reader.residual,
    "parallel": Reader.parallel,
    "model": Reader.model,
}
