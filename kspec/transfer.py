"""`kspec weights`: what is in a file of weights, how far two are apart, and copying from one model to another."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from kspec.diagnostics import Problem, UsageError, listing, suggestion

if TYPE_CHECKING:
    from kspec.comparison.pairing import Pairing, Rule
    from kspec.comparison.sketch import Weight
    from kspec.loaded import Pathlike
    from kspec.model.stored import Kept, Stored
    from kspec.model.transferred import Copied, Entry, Listing, Numbers, WeightsDifference

By = Literal["path", "shape", "diff"]


def list_weights(
    target: Pathlike, *, stats: bool = False, model: Pathlike | None = None, trust: Sequence[str] = ()
) -> Listing:
    """The arrays of a ``.keras``, ``.weights.h5``, ``.safetensors`` or ``.npz`` file, or of a run's model: path, shape,
    dtype, bytes; with `stats` each one's numbers, which then are read, one array at a time.

    `model` is a spec, a run or a ``.keras`` file whose names a ``.weights.h5`` file's variables are given.
    Raises FileError, UsageError, SpecError.
    """
    from kspec.model.numbers import numbers_of
    from kspec.model.transferred import Listing

    names = _names(model, trust)
    with _opened(target, trust, names) as found:
        numbers: tuple[Numbers | None, ...] = ()
        if stats:
            numbers = tuple(numbers_of(found.read(each)) if _is_plain(each) else None for each in found.entries)
        return Listing(found.label, found.entries, numbers)


def diff_weights(
    a: Pathlike, b: Pathlike, *, model: Pathlike | None = None, trust: Sequence[str] = ()
) -> WeightsDifference:
    """Two files of weights, or runs, variable by variable: which only one has, which have another shape or dtype, which
    are equal bit for bit, and how far apart the others are. Optimizers and random states are left out.

    `model` is as for `list_weights`. Raises FileError, UsageError, SpecError.
    """
    from kspec.model.numbers import apart
    from kspec.model.transferred import Compared, WeightsDifference

    names = _names(model, trust)
    with _opened(a, trust, names) as one, _opened(b, trust, names) as other:
        before, after = ({each.path: each for each in side.weights} for side in (one, other))
        if not set(before) & set(after):  # both may number what the other names, or have other names for layers
            before, after = ({each.place: each for each in side.weights} for side in (one, other))
        found = []
        for path in dict.fromkeys((*before, *after)):
            mine, its = before.get(path), after.get(path)
            measured = None
            if mine is not None and its is not None and mine.shape == its.shape and _is_plain(mine) and _is_plain(its):
                measured = apart(one.read(mine), other.read(its))
            shown = next(each.path for each in (mine, its) if each is not None)
            found.append(Compared(shown, mine, its, measured))
        return WeightsDifference(one.label, other.label, tuple(found))


def copy_weights(
    source: Pathlike,
    target: Pathlike,
    output: Pathlike,
    *,
    by: By = "path",
    mapping: Sequence[str] | Mapping[str, str] = (),
    strict: bool = False,
    sets: Sequence[str] = (),
    trust: Sequence[str] = (),
    max_memory: int | None = None,
) -> Copied:
    """Copy the weights of `source` (a file of weights or a run) into the model `target` (a spec, a run or a .keras
    file) and save that as `output`: ``.keras``, ``.weights.h5`` or ``.safetensors``.

    `by` says what goes where: ``path``; ``shape``, in order where both have as many of a shape; or ``diff``, as `kspec
    diff` matches the two models, through renames, which wants a model as `source`. `mapping` comes first: texts
    ``from=to`` in which ``*`` is any text, names of YAML files of such pairs, or a mapping. What is not copied keeps
    the target's own weights: a spec's initial ones, or those of its file. Where a spec says `quantize` or `lora`,
    weights are copied before that is done; afterwards those that fit only then: the source's own int8, say.
    `max_memory` bounds what a spec is built of, as `Loaded.build` says.

    Raises UsageError where nothing fits, or with `strict` anything is left, and then nothing is written; FileError,
    SpecError.
    """
    from kspec.files import check_target
    from kspec.model.backend import deeply
    from kspec.model.save import check_ending

    ways = get_args(By)
    if by not in ways:
        help = suggestion(by, ways, f"one of {listing(ways)}")
        raise UsageError(Problem("usage", f"weights are not copied by `{by}`", help=help))
    check_ending(Path(output))
    check_target(output)
    rules = _rules(mapping)
    partners = _matched(source, target, sets, trust) if by == "diff" else None
    with _opened(source, trust, ()) as found:
        filling = _Filling(found, by, rules, partners)
        model = deeply(lambda: _model(target, sets, trust, max_memory, filling.fill))
        return deeply(lambda: _copy(filling, model, str(target), Path(output), strict))


def _copy(filling: _Filling, model: Any, target: str, output: Path, strict: bool) -> Copied:
    from kspec.model.save import save
    from kspec.model.transferred import Copied
    from kspec.model.weights import settle, without_optimizer

    filling.fill(model)
    filling.check_rules()
    paired, label = filling.paired, filling.found.label
    assert paired is not None
    _check(paired, label, target, strict)
    settle(model)
    if output.suffix == ".keras":
        save(model, output)
    else:
        with without_optimizer(model):
            save(model, output)
    return Copied(label, target, str(output), paired)


@dataclasses.dataclass
class _Filling:
    """A file's weights on their way into a model, and what has been copied of them.

    A model that is quantized, or given LoRA, is filled twice, before and after: in whole numbers it takes only what was
    quantized likewise.
    """

    found: Stored
    by: By
    rules: Sequence[Rule]
    partners: Mapping[str, str] | None
    """What goes where where `by` does not say it."""
    paired: Pairing | None = None
    targets: dict[str, str] = dataclasses.field(default_factory=dict)
    """Every way to say a path of the model, before and after."""

    def fill(self, model: Any) -> None:
        """Copy what fits the model, and has not been copied before."""
        from kspec.comparison.pairing import alike, because, completed, pairing
        from kspec.model.stored import kept

        done = self.paired.copied if self.paired is not None else ()
        gone, filled = {each.before for each in done}, {each.after for each in done}
        variables = kept(model)
        same = _same(self.found, variables)
        self.targets |= same.targets
        entries = {entry.path: entry for entry in self.found.weights if entry.path not in gone}
        values = {each.path: each.variable for each in variables if each.path not in filled}
        before = [_weight(entry.path, entry.shape, entry.dtype) for entry in entries.values()]
        after = [_weight(path, tuple(each.shape), str(each.dtype)) for path, each in values.items()]
        ruled = _ruled(self.rules, self.found, same.targets)
        partners, why = self.partners, dict[str, str]()
        if self.by == "shape":
            taken = set(ruled.values())
            partners, why = alike(
                [each for each in before if each.name not in ruled], [each for each in after if each.name not in taken]
            )
        again = because(pairing(before, after, {**(partners if partners is not None else same.paths), **ruled}), why)
        for each in again.copied:
            values[each.after].assign(self.found.read(entries[each.before]))
        self.paired = again if self.paired is None else completed(self.paired, again)

    def check_rules(self) -> None:
        """Raise UsageError for a rule that leads to no path of the model."""
        for rule in self.rules:
            ways = [way for each in self.found.weights if (way := rule.applied(each.path)) is not None]
            if not any(way in self.targets for way in ways):
                known = f"its paths: {listing(dict.fromkeys(self.targets.values()), 6)}"
                help = suggestion(ways[0], self.targets, known)
                message = f"`{rule.before}={rule.after}` leads to no path: `{ways[0]}`"
                raise UsageError(Problem("usage", message, help=help))


class _Same(NamedTuple):
    """Which path of a file is which of a model, and every way to say a path of the model."""

    paths: dict[str, str]
    targets: dict[str, str]


def _same(found: Stored, variables: Sequence[Kept]) -> _Same:
    """A file that numbers variables means those that Keras would write under these numbers; where it has other names
    for all layers, those at the same places."""
    targets = {each.label: each.path for each in variables} | {each.path: each.path for each in variables}
    paths = {entry.path: targets[entry.path] for entry in found.weights if entry.path in targets}
    if not paths:
        places = {each.place: each.path for each in variables if each.place}
        paths = {entry.path: places[entry.place] for entry in found.weights if entry.place in places}
    return _Same(paths, targets)


def _ruled(rules: Sequence[Rule], found: Stored, targets: Mapping[str, str]) -> dict[str, str]:
    """Where the mapping sends paths. Raises UsageError for a rule that is for no path."""
    partners: dict[str, str] = {}
    for rule in rules:
        ways = {each.path: way for each in found.weights if (way := rule.applied(each.path)) is not None}
        if not ways:
            known = [each.path for each in found.weights]
            help = suggestion(rule.before, known, f"its paths: {listing(known, 6)}")
            raise UsageError(Problem("usage", f"`{found.label}` has no path `{rule.before}`", help=help))
        partners |= {path: targets.get(way, way) for path, way in ways.items() if path not in partners}
    return partners


def _rules(mapping: Sequence[str] | Mapping[str, str]) -> list[Rule]:
    from kspec.comparison.mapping import parsed, read_mapping, ruled

    if isinstance(mapping, Mapping):
        return [ruled(before, after) for before, after in mapping.items()]
    found: list[Rule] = []
    for text in mapping:
        is_file = text.endswith((".yaml", ".yml")) and "=" not in text
        found += read_mapping(Path(text)) if is_file else [parsed(text)]
    return found


def _check(paired: Pairing, source: str, target: str, strict: bool) -> None:
    if not paired.copied:
        one, other = (
            listing([f"{each.path} {each.shape}" for each in side], 3) for side in (paired.left, paired.unset)
        )
        message = (
            f"nothing in `{source}` fits `{target}`: {one or 'nothing'} on one side, {other or 'nothing'} on the other"
        )
        help = "say what goes where with `--map 'from/*=to/*'`, or copy `--by shape`"
        raise UsageError(Problem("weights", message, help=help))
    if strict and (paired.left or paired.unset):
        told = [f"{each.path}: {each.why}" for each in (*paired.left, *paired.unset)]
        count = f"{len(paired.left):,} left in `{source}`, {len(paired.unset):,} in `{target}`"
        message = f"not everything can be copied, {count}: {'; '.join(told[:5])}{'; …' if len(told) > 5 else ''}"
        raise UsageError(Problem("weights", message, help="without `--strict` the rest is copied"))


def _matched(source: Pathlike, target: Pathlike, sets: Sequence[str], trust: Sequence[str]) -> dict[str, str]:
    """As `kspec diff` matches the steps of two models."""
    from kspec.diffing import diff

    path = Path(source)
    if not (path.suffix == ".keras" or path.is_dir()):
        help = "name a run or a `.keras` file, or say what goes where with `--map`"
        raise UsageError(Problem("usage", f"`{source}` holds weights alone, and no model to match", help=help))
    weights = diff(source, target, sets_b=sets, trust=trust).weights
    found = {each.before: each.after for each in weights.carried}
    return found | {each.before: each.after for each in weights.reshaped}


def _model(
    target: Pathlike, sets: Sequence[str], trust: Sequence[str], max_memory: int | None, fill: Callable[[Any], None]
) -> Any:
    from kspec.api import load, open_model

    path = Path(target)
    if path.is_dir() or path.suffix == ".keras":
        return open_model(path, sets=sets, trust=trust).model
    if path.suffix not in (".yaml", ".yml") and path.exists():
        help = "name a spec, a run's folder or a `.keras` file"
        raise UsageError(Problem("usage", f"`{path}` is no model", help=help))
    return load(path, sets=sets, trust=trust).build(max_memory=max_memory, fill=fill)


def _names(model: Pathlike | None, trust: Sequence[str]) -> Sequence[Kept]:
    """The weights of a model that gives names; it is given no numbers."""
    if model is None:
        return ()
    from kspec.model.backend import deeply
    from kspec.model.stored import kept
    from kspec.targets import know

    known = know(model, trust=trust)
    return deeply(lambda: kept(known.model), len(known.plan.calls))


@contextmanager
def _opened(target: Pathlike, trust: Sequence[str], names: Sequence[Kept]) -> Iterator[Stored]:
    """A file of weights, or the model of a run; what it numbers has the names that a model gives."""
    from kspec.model.stored import stored

    path, modules = Path(target), tuple[str, ...]()
    if path.is_dir():
        path, trust, modules = _of_run(path, trust)
    with stored(path, trust, modules, os.fspath(target)) as found:
        if names:
            same = _same(found, names).paths
            if not same:
                help = f"its paths: {listing([each.path for each in names], 6)}"
                raise UsageError(Problem("usage", f"`{target}` has no variable of that model", help=help))
            found = found._replace(
                entries=tuple(each._replace(path=same.get(each.path, each.path)) for each in found.entries)
            )
        yield found


def _of_run(folder: Path, trust: Sequence[str]) -> tuple[Path, Sequence[str], tuple[str, ...]]:
    from kspec.api import run_spec
    from kspec.model.objects import search_also
    from kspec.training.run import model_file

    file = model_file(folder)
    loaded = run_spec(folder, trust=trust)
    search_also(loaded.compiled.folders)
    return file, tuple(loaded.compiled.project.trust()), tuple(loaded.compiled.spec.custom)


def _weight(path: str, shape: tuple[int, ...], dtype: str) -> Weight:
    from kspec.comparison.sketch import Weight

    return Weight(path, shape, dtype)


def _is_plain(entry: Entry) -> bool:
    """Whether NumPy can compute with it; HDF5 does not know all of Keras's dtypes."""
    return not entry.dtype.startswith("|")
