"""What a command is given to look at: a spec, a run folder or a .keras file; known whole, and nothing allocated."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from kspec.api import Loaded, check_unset, load, run_spec
from kspec.diagnostics import FileError, Problem

if TYPE_CHECKING:
    from kspec.loaded import Pathlike
    from kspec.model.cost.value import Cost, Planned
    from kspec.model.plan import Plan
    from kspec.spec.schema import Compile

T = TypeVar("T")


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
        from kspec.model.cost.value import Batch

        found = self._placed(lambda: measure_forward(self.model, self.plan, Batch(batch_size, length)))
        return Forward(*found)

    def cost(self, batch_size: int = 32, length: int | None = None) -> Cost:
        """What computing a batch and training on it cost, as an estimate; raises as `forward`."""
        from kspec.model.cost.measure import measure
        from kspec.model.cost.value import Batch

        return self._placed(lambda: measure(self.model, self.plan, self._compile, Batch(batch_size, length)))

    def largest_batch(self, memory: int, length: int | None = None) -> int:
        """The largest batch with which training's estimate fits into `memory` bytes; raises as `forward`."""
        from kspec.model.cost.fitting import largest_batch

        return self._placed(lambda: largest_batch(self.model, self.plan, self._compile, memory, length))

    def planned(self, batch_size: int = 32, length: int | None = None) -> Planned:
        """What XLA plans for a training step that is compiled here; raises as `forward`."""
        from kspec.model.cost.planned import planned
        from kspec.model.cost.value import Batch

        return self._placed(lambda: planned(self.model, self.plan, self._compile, Batch(batch_size, length)))

    @property
    def _compile(self) -> Compile | None:
        return self.loaded.compiled.spec.compile if self.loaded is not None else None

    def _placed(self, work: Callable[[], T]) -> T:
        """`work()`, its problems with their places."""
        if self.loaded is None:
            return work()
        from kspec.spec.places import placing

        with placing(self.loaded.compiled.source):
            return work()


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
        check_unset(path, sets)
        return _saved(path, trust)
    return known((run_spec if (path / "spec.yaml").is_file() else load)(path, sets=sets, trust=trust))


def known(loaded: Loaded) -> Known:
    """The same of a spec that is loaded."""
    built, plan = loaded.abstract(expectations=False)  # of a variant that is looked at, others hold
    return Known(loaded.name, built.model, plan, loaded)


def _saved(path: Path, trust: Sequence[str]) -> Known:
    from kspec.model.archive import load_shapes
    from kspec.model.backend import deeply
    from kspec.model.objects import search_also
    from kspec.model.planning import plan_model
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

    return deeply(work)
