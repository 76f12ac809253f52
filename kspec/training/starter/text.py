"""The starter's text: sections in the order of language.md, each remark beside what it is about."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

from kspec.training.data.check import split_at
from kspec.training.data.source import Source
from kspec.training.starter.branches import branch, positions
from kspec.training.starter.heads import Head, head, number_of
from kspec.training.starter.inputs import Input
from kspec.training.starter.place import Place, data_lines, fit_options, held_out
from kspec.training.starter.roles import Roles, unused
from kspec.training.starter.steps import Line, Step, chained, name_list, scalar, shape_text, written
from kspec.training.starter.targets import Target

_WIDEST = 110
_SPLIT = 0.1


def text(
    name: str, source: Source, place: Place, found: Roles, inputs: Sequence[Input], goals: Sequence[Target]
) -> str:
    """A whole spec."""
    steps, heads = _model(inputs, goals)
    data = data_lines(source, found, place)
    sections = [
        [*_heading(name, source, place, found, bool(data)), Line("kspec: 1"), Line(f"name: {scalar(name)}")],
        [Line("inputs:"), *(_input(given) for given in inputs)],
        [Line("layers:"), *_said_once(line for step in steps for line in step.lines())],
        [Line(f"outputs: {name_list(goal.name for goal in goals)}")] if len(goals) > 1 else [],
        _compile(found, inputs, heads),
        _fit(found, inputs, goals),
        data,
    ]
    sections[0].append(Line("seed: 1", "the same numbers in every run; another seed, another run"))
    return "\n".join(written(section) for section in sections if section)


def _heading(name: str, source: Source, place: Place, found: Roles, has_data: bool) -> list[Line]:
    """What this is, how it is used, and what was guessed or left out."""
    file = Path(source.path).name
    ins, outs = (", ".join(f"`{port.name}`" for port in ports) for ports in (found.inputs, found.targets))
    paragraphs = [
        f"A starter for {file}, {found.rows:,} rows: from {ins} to {outs}. Everything in it is yours to change: "
        "layers, losses, optimizers, callbacks and all their arguments are Keras's own."
    ]
    spec = shlex.quote(str(place.spec))
    after = []
    if not place.inside:
        why = f"{file} lies outside this spec's project, so the command names it"
        after.append(f"{why}; `data` says which array is which." if has_data else f"{why}.")
    if found.guessed:
        target = found.targets[0].train
        after.append(f"A guess: the target is `{target}`, the last array. `--target NAME` names another.")
    if found.aside:
        after.append(f"Not used: {', '.join(found.aside)}.")
    lines = [line for each in paragraphs for line in _wrapped(each)]
    lines += ["#", f"#     kspec fit {spec}{fit_options(source, found, place)}"]
    for each in after:
        lines += ["#", *_wrapped(each)]
    return [Line(line) for line in lines]


def _wrapped(paragraph: str) -> list[str]:
    options = {"initial_indent": "# ", "subsequent_indent": "# ", "width": _WIDEST}
    return textwrap.wrap(paragraph, break_long_words=False, break_on_hyphens=False, **options)  # type: ignore[arg-type]


def _input(given: Input) -> Line:
    shape = shape_text(given.shape)
    if given.kind in ("tokens", "category"):
        return Line(f"  {scalar(given.name)}: {{shape: {list(given.shape)}, dtype: int32}}", given.comment)
    return Line(f"  {scalar(given.name)}: {shape}", given.comment)


def _said_once(lines: Iterable[Line]) -> list[Line]:
    """The lines without remarks that were made before."""
    said = {""}
    kept = []
    for line in lines:
        kept.append(Line(line.text) if line.comment in said else line)
        said.add(line.comment)
    return kept


def _model(inputs: Sequence[Input], goals: Sequence[Target]) -> tuple[list[Step], list[Head]]:
    """All the steps, and the heads among them."""
    taken = [*(given.name for given in inputs), *(goal.name for goal in goals)]
    drop = any(goal.kind != "real" for goal in goals)
    placed = any(goal.placed for goal in goals)
    if len(inputs) > 1:
        steps = _joined(inputs, taken, drop)
    else:
        steps = positions(inputs[0]) if placed else branch(inputs[0], alone=True, drop=drop)
    source = ""
    if len(goals) > 1:
        source = unused("features", taken)
        steps = chained(steps, name=source)
    spatial = inputs[0].spatial if placed else ()
    pooling = f"GlobalAveragePooling{len(spatial)}D" if placed else ""
    # the first head follows its features: it needs no `from`
    heads = [head(goal, spatial, source=source if at else "", pooling=pooling) for at, goal in enumerate(goals)]
    return [*steps, *(step for each in heads for step in each.steps)], heads


def _joined(inputs: Sequence[Input], taken: list[str], drop: bool) -> list[Step]:
    """A branch for each input, single numbers sharing one, and what joins them."""
    singles = [given for given in inputs if given.kind == "vector" and given.shape == (1,)]
    singles = singles if len(singles) > 1 else []
    steps, ends = [], []
    if singles:
        ends.append(unused("numbers", taken))
        joined = [Step("Concatenate", source=name_list(given.name for given in singles))]
        if any(given.scale != "none" for given in singles):
            joined.append(Step("Normalization", "mean 0, variance 1: `fit` adapts it to the training data first"))
        steps += chained(joined, name=ends[0])
    for given in inputs:
        if given not in singles:
            own = branch(given, alone=False, drop=False)
            ends.append(unused(f"{given.name}_features", [*taken, *ends]) if own else given.name)
            steps += chained(own, scalar(given.name), ends[-1]) if own else []
    if len(ends) > 1:
        steps.append(Step("Concatenate", source=name_list(ends)))
    steps.append(Step("Dense: {units: 64, activation: relu}"))
    return [*steps, Step("Dropout: 0.2")] if drop else steps


def _compile(found: Roles, inputs: Sequence[Input], heads: Sequence[Head]) -> list[Line]:
    deep = any(given.kind == "image" for given in inputs)
    rate = "3e-3" if found.rows < 1000 and not deep else "1e-3"
    lines = [Line("compile:"), Line(f"  optimizer: {{Adam: {{learning_rate: {rate}}}}}")]
    if len(heads) == 1:
        lines.append(Line(f"  loss: {heads[0].loss}"))
        return [*lines, Line(f"  metrics: [{', '.join(heads[0].metrics)}]")] if heads[0].metrics else lines
    lines += _by_output("loss", {each.target.name: each.loss for each in heads})
    if any(each.weight != 1 for each in heads):
        weights = {each.target.name: number_of(each.weight) for each in heads}
        lines += _by_output("loss_weights", weights, "of real numbers one over the variance: all count alike")
    return lines + _by_output(
        "metrics", {each.target.name: f"[{', '.join(each.metrics)}]" for each in heads if each.metrics}
    )


def _by_output(key: str, values: dict[str, str], comment: str = "") -> list[Line]:
    line = f"  {key}: {{{', '.join(f'{scalar(name)}: {value}' for name, value in values.items())}}}"
    if len(line) <= _WIDEST - len(comment):
        return [Line(line, comment)] if values else []
    return [Line(f"  {key}:", comment), *(Line(f"    {scalar(name)}: {value}") for name, value in values.items())]


def _fit(found: Roles, inputs: Sequence[Input], goals: Sequence[Target]) -> list[Line]:
    slow = any(given.kind in ("image", "series", "block") for given in inputs)
    many = 20 if slow or found.rows >= 10_000 else 40
    epochs, patience = (many, 5) if found.rows >= 1000 else (40 if slow else 100, 10)
    unfair = _unfair(found, goals)
    held = bool(held_out(found))
    kept = split_at(found.rows, _SPLIT)
    training = found.rows if held or unfair else kept
    lines = [Line("fit:"), Line(f"  epochs: {epochs}", "at most: EarlyStopping ends it when no more is gained")]
    if training >= 32:  # Keras's own size serves fewer rows
        lines.append(Line(f"  batch_size: {128 if training >= 50_000 else 32 if training >= 300 else 16}"))
    if unfair and not held:
        lines.append(Line(f"  # no validation_split: {unfair}"))
    elif not held:
        lines.append(Line(f"  validation_split: {_SPLIT}", f"validates on the last {found.rows - kept:,} rows"))
    monitor = "loss" if unfair and not held else "val_loss"
    stopping = f"    - EarlyStopping: {{monitor: {monitor}, patience: {patience}, restore_best_weights: true}}"
    return [*lines, Line("  callbacks:"), Line(stopping)]


def _unfair(found: Roles, goals: Sequence[Target]) -> str:
    """Why the last rows would be no fair sample of all, or nothing."""
    if found.rows < 10:
        return "there are too few rows to hold some back"
    ordered = [goal.name for goal in goals if goal.ordered]
    return f"the rows are sorted by {ordered[0]}; shuffle them, and the last ones are a fair sample" if ordered else ""
