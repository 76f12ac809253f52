"""Going on with a run that was begun: which one, whether it is still the same training, and from where."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from kspec.diagnostics import FileError, Note, Problem, UsageError
from kspec.files import write_atomically
from kspec.spec import source
from kspec.training.checkpoints.snapshot import Snapshot
from kspec.training.checkpoints.store import Store
from kspec.training.listing import UNREADABLE, listed
from kspec.training.run import FACTS, SPEC, Run, damaged_files, now, open_run

AUTO = "auto"

_FREE = frozenset({"fit.epochs", "fit.checkpoint_every"})
"""What may change from one part of a run to the next without any computed bit being another."""


class Resumed(NamedTuple):
    """A run to train in, and the checkpoint to go on from: None for a new one, and where it had not come to one."""

    run: Run
    snapshot: Snapshot | None

    def is_complete(self, epochs: int) -> bool:
        """Whether the training was over, so many epochs are all that is wanted, and the model is there."""
        if self.snapshot is None or self.run.facts.get("state") != "finished" or any(damaged_files(self.run)):
            return False
        facts, place = self.snapshot.facts, self.snapshot.place
        return place.epoch >= epochs or (facts["stopped"] and facts["epochs"] == epochs)


def begun(resume: str | os.PathLike[str], output: str | os.PathLike[str] | None, name: str) -> Run | None:
    """The run that `resume` names: its folder; ``auto``, the one in `output`, None where none was begun there; empty,
    the last one in ``runs`` of a spec of that name.

    Raises `FileError` (``file-missing``), `UsageError`.
    """
    if os.fspath(resume) == AUTO:
        if output is None:
            raise UsageError(Problem("usage", "`--resume auto` needs the run's folder", help="name it with `-o`"))
        return Run(Path(output)) if (Path(output) / FACTS).is_file() else None
    if output is not None and (not os.fspath(resume) or Path(output) != Path(resume)):
        message = "a run is gone on with in its own folder"
        raise UsageError(Problem("usage", message, help=f"write `--resume {output}` and leave `-o` out"))
    return open_run(resume) if os.fspath(resume) else _last(name)


def _last(name: str) -> Run:
    found = (
        [run for run in listed("runs") if run.name == name and run.state != UNREADABLE] if Path("runs").is_dir() else []
    )
    if not found:
        message = f"there is no run of `{name}` in `runs`"
        raise FileError(Problem("file-missing", message, help="name its folder: `--resume RUN`", file="runs"))
    return Run(Path(found[-1].folder))


def go_on(
    run: Run,
    facts: Mapping[str, Any],
    spec: Callable[[Path], str],
    *,
    accept: bool = False,
    tell: Callable[[str], None] = lambda text: None,
) -> Resumed:
    """A run that was begun, from its last checkpoint, by a training with these facts and this spec.

    Raises `UsageError` (``resume-differs``) where it would not be the same training, unless that is accepted;
    `FileError` where its files are damaged.
    """
    text = spec(run.folder)
    if not accept:
        _refuse([*_spec(run, text), *_differing(_comparable(run.facts), _comparable(facts))], run)
    resumed = Resumed(run, Store(run.folder).latest(tell))
    if not resumed.is_complete(facts["epochs"]):
        _restart(resumed, facts, text)
    return resumed


def _restart(resumed: Resumed, facts: Mapping[str, Any], text: str) -> None:
    """The run is under way again: what was done after the checkpoint is forgotten."""
    run, snapshot = resumed
    before = run.facts
    place = {"epoch": snapshot.place.epoch, "step": snapshot.place.step} if snapshot is not None else None
    again = {"at": now(), "state": before.get("state"), "from": place, "command": facts["command"]}
    run.clean()
    run.cut(snapshot.facts["rows"] if snapshot is not None else 0)
    write_atomically(run.folder / SPEC, text)
    known = {key: facts[key] for key in ("seed", "data", "labels", "versions", "machine", "epochs") if key in facts}
    run.note(**known, state="running", ended=None, error=None, resumed=[*before.get("resumed", []), again])


def _refuse(differing: list[tuple[str, Any, Any]], run: Run) -> None:
    if differing:
        keys = ", ".join(f"`{key}`" for key, _, _ in differing[:5]) + (" and more" if len(differing) > 5 else "")
        message = f"`{run.folder}` was trained with other settings: {keys}"
        help = "put them back, begin a new run, or accept that it is another training by `--accept-changes`"
        notes = tuple(Note(f"`{key}` was {_short(before)} and is {_short(now)}") for key, before, now in differing[:20])
        raise UsageError(Problem("resume-differs", message, help=help, notes=notes, file=str(run.folder)))


def _spec(run: Run, text: str) -> Iterator[tuple[str, Any, Any]]:
    path = run.folder / SPEC
    try:
        before = source.read(path.read_text(encoding="utf-8"), str(path)).data
    except OSError as error:
        message = f"`{path}` cannot be read: {(error.strerror or str(error)).lower()}"
        raise FileError(Problem("run-format", message, file=str(path))) from error
    for key, old, new in _differing(_flat(before), _flat(source.read(text, SPEC).data)):
        if key not in _FREE:
            yield key, old, new


def _comparable(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What must be the same beside the spec, by key: data by their content, versions, and the machine's kind."""
    found: dict[str, Any] = {}
    for part, known in (facts.get("data") or {}).items():
        files = known.get("files")
        found[f"data.{part}"] = known.get("sha256") or (
            [file.get("sha256") or [file.get("bytes"), file.get("changed")] for file in files]
            if isinstance(files, list)
            else files
        )
        found[f"data.{part}.rows"] = known.get("rows")
    for section in ("versions", "machine"):
        found |= {f"{section}.{key}": value for key, value in (facts.get(section) or {}).items()}
    return found


def _differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for key in dict.fromkeys([*before, *now]):
        if before.get(key) != now.get(key):
            yield key, before.get(key), now.get(key)


def _flat(data: Any, route: str = "") -> dict[str, Any]:
    """Every value that is no mapping and no list, by the keys that lead to it."""
    if isinstance(data, Mapping) and data:
        items = [(str(key), value) for key, value in data.items()]
    elif isinstance(data, list) and data:
        items = [(str(place), value) for place, value in enumerate(data)]
    else:
        return {route: data}
    found: dict[str, Any] = {}
    for key, value in items:
        found |= _flat(value, f"{route}.{key}" if route else key)
    return found


def _short(value: Any) -> str:
    text = "not there" if value is None else str(value)
    return text if len(text) <= 60 else text[:57] + "…"
