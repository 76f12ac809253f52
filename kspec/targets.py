"""What a command is given to look at: a spec, a run folder or a .keras file; known whole, and nothing allocated."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kspec.api import Loaded, load
from kspec.diagnostics import FileError, Problem

if TYPE_CHECKING:
    from kspec.api import Pathlike
    from kspec.model.plan import Plan


@dataclasses.dataclass(frozen=True)
class Known:
    """A model without weights, its plan, and the spec that it is of; of a .keras file there is none."""

    name: str
    model: Any
    plan: Plan
    loaded: Loaded | None = None

    def forward(self, batch_size: int = 1, length: int | None = None) -> Forward:
        """FLOPs of computing a batch; `length` is the size of axes that are open beside the batch.

        Raises UsageError where axes are open and no length is given; SpecError where the model cannot be traced.
        """
        from kspec.model.cost.measure import measure_forward
        from kspec.model.cost.programs import Batch

        return Forward(*measure_forward(self.model, self.plan, Batch(batch_size, length)))


@dataclasses.dataclass(frozen=True)
class Forward:
    """What computing a batch costs: FLOPs of all and of each call, by its name, in a model that is a step by both."""

    flops: float
    shares: Mapping[tuple[str, ...], float]
    endless: bool
    """Whether a loop was counted once of which nobody knows how often it runs."""


def know(target: Pathlike, *, sets: Sequence[str] = (), trust: Sequence[str] = ()) -> Known:
    """The model of a spec, a run folder or a .keras file, with shapes and without weights.

    Raises SpecError, FileError, UsageError.
    """
    path = Path(target)
    if path.suffix == ".keras":
        return _saved(path, trust)
    return known(_run(path, trust) if (path / _SPEC).is_file() else load(path, sets=sets, trust=trust))


_SPEC = "spec.yaml"


def known(loaded: Loaded) -> Known:
    """The same of a spec that is loaded."""
    model, plan = loaded.abstract()
    return Known(loaded.name, model, plan, loaded)


def _run(path: Path, trust: Sequence[str]) -> Loaded:
    """The spec that a run trained."""
    from kspec.spec.compiled import compile_file
    from kspec.spec.project import find_project

    # the run may lie far from the data that it was trained on
    project = dataclasses.replace(find_project(path, tuple(trust)), root=Path(path.resolve().anchor))
    return Loaded(compile_file(path / _SPEC, project=project))


def _saved(path: Path, trust: Sequence[str]) -> Known:
    from kspec.model.archive import load_shapes
    from kspec.model.backend import deeply
    from kspec.model.objects import search_also
    from kspec.model.plan import plan_model
    from kspec.model.private import abstract_variables
    from kspec.model.signatures import remembered

    if not path.is_file():
        raise FileError(Problem("file-missing", "there is no such file", file=str(path)))
    if trust:
        search_also((Path.cwd(), path.resolve().parent))

    def work() -> Known:
        with abstract_variables(), remembered():
            model = load_shapes(path, trust)
            return Known(model.name, model, plan_model(model))

    return deeply(work, _LARGE)


_LARGE = 20_000
"""How many calls a saved model may have: it is not known before it is read."""
