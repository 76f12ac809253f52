"""The sections around a Kurfile's model -> `compile`, `fit` and `seed`; what of them has no counterpart is told."""

from __future__ import annotations

from typing import Any

from kspec import catalog
from kspec.convert.foreigntext import Beyond, Findings
from kspec.convert.kur.jinja import Variables
from kspec.diagnostics import Route

_LOSSES = {"mse": "mean_squared_error", "mean_squared_error": "mean_squared_error"}
_OPTIMIZERS = {"adam": "Adam", "sgd": "SGD", "rmsprop": "RMSprop", "adadelta": "Adadelta"}
_RATES = {"Adam": 0.001, "SGD": 0.01, "RMSprop": 0.001, "Adadelta": 1.0}
"""Kur's own learning rates, where none is given."""
TRAIN, OTHERS = ("train", "training"), ("validate", "validation", "test", "testing", "evaluate", "evaluation")


def compile_section(
    data: dict[str, Any], outputs: list[str], variables: Variables, findings: Findings
) -> dict[str, Any] | None:
    """`compile` from the losses and the optimizer; None where no loss has a counterpart."""
    given = data.get("loss")
    if not isinstance(given, list):
        if given is not None:
            findings.note(("loss",), "`loss` is left out: it is no list of losses")
        return None
    losses: dict[str, Any] = {}
    for index, each in enumerate(given):
        try:
            target, name = _loss(each, variables)
            losses[target] = name
        except Beyond as error:
            findings.note(("loss", index), f"a loss is left out: {error}")
    if not losses:
        return None
    alone = len(outputs) == 1 and list(losses) == outputs
    loss: Any = next(iter(losses.values())) if alone else losses
    section = _section(data, TRAIN)
    optimizer: Any = "adam"
    try:
        optimizer = _optimizer(section.get("optimizer"), variables)
    except Beyond as error:
        findings.note((_key(data, TRAIN), "optimizer"), f"the optimizer is left to be Kur's usual Adam: {error}")
    return {"optimizer": optimizer, "loss": loss}


def _loss(given: Any, variables: Variables) -> tuple[str, str]:
    if not isinstance(given, dict) or "target" not in given or "name" not in given:
        raise Beyond("it needs `target` and `name`")
    target, name = variables.value(given["target"]), str(variables.value(given["name"])).lower()
    if name == "ctc":
        raise Beyond("Kur's CTC takes the lengths as inputs of the model; Keras's `ctc` finds them in the labels")
    found = _LOSSES.get(name, name)
    if catalog.find("losses", found) is None:
        raise Beyond(f"Keras has no loss `{name}`")
    return str(target), found


def _optimizer(given: Any, variables: Variables) -> Any:
    given = variables.value(given) if given is not None else {}
    given = {"name": given} if isinstance(given, str) else given
    if not isinstance(given, dict):
        raise Beyond("it is a name, or a mapping with a name")
    name = _OPTIMIZERS.get(str(given.get("name", "adam")).lower())
    if name is None:
        raise Beyond(f"Kur has no optimizer `{given['name']}`")
    arguments: dict[str, Any] = {}
    for key, value in given.items():
        if key == "clip" and isinstance(value, dict) and len(value) == 1 and set(value) <= {"norm", "abs"}:
            arguments["clipnorm" if "norm" in value else "clipvalue"] = _float(next(iter(value.values())))
        elif key == "learning_rate":
            arguments[key] = _float(value)
        elif key == "decay" and value in (0, 0.0, None):
            continue
        elif key == "nesterov":
            arguments[key] = value in (True, "yes", "true", "on")
        elif key in ("momentum", "rho", "beta_1", "beta_2", "epsilon"):
            arguments[key] = value
        elif key != "name":
            raise Beyond(f"`{key}` has no counterpart")
    arguments.setdefault("learning_rate", _RATES[name])
    entry = catalog.find("optimizers", name)
    assert entry is not None
    made = {
        key: value
        for key, value in arguments.items()
        if (found := entry.parameter(key)) is not None and found.default != value
    }
    return {name: made} if made else name


def _float(value: Any) -> Any:
    """A number; YAML 1.1, which Kur reads, takes `2e-4` as a text."""
    try:
        return float(value) if isinstance(value, str) and not value.startswith("$") else value
    except ValueError:
        raise Beyond(f"`{value}` is no number") from None


def fit_section(
    data: dict[str, Any], variables: Variables, findings: Findings, *, with_optimizer: bool
) -> dict[str, Any] | None:
    """`fit` from the epochs and the batch; what else stands under `train` and its like is told."""
    section, key = _section(data, TRAIN), _key(data, TRAIN)
    fit: dict[str, Any] = {}
    epochs = section.get("epochs")
    with _noting(findings, (key, "epochs")):
        epochs = variables.value(epochs.get("number") if isinstance(epochs, dict) else epochs)
        if isinstance(epochs, int) or (isinstance(epochs, str) and epochs.startswith("$")):
            fit["epochs"] = epochs
        elif epochs is not None:
            raise Beyond("the number of epochs is left out: training goes on until it is stopped")
    provider = section.get("provider")
    if isinstance(provider, dict) and provider.get("batch_size") is not None:
        with _noting(findings, (key, "provider", "batch_size")):
            fit["batch_size"] = variables.value(provider["batch_size"])
    taken = {"epochs"} | ({"optimizer"} if with_optimizer else set())
    taken |= {"provider"} if isinstance(provider, dict) and set(provider) <= {"batch_size"} else set()
    _left(section, key, taken, findings)
    for other in OTHERS:
        if isinstance(data.get(other), dict):
            _left(data[other], other, set(), findings)
    return fit or None


def _left(section: dict[str, Any], key: str, taken: set[str], findings: Findings) -> None:
    rest = ", ".join(f"`{each}`" for each in section if each not in taken)
    if rest:
        findings.note((key,), f"of `{key}` is left out: {rest}; a spec's data come by `data`, or by `--data`")


class _noting:
    """What is beyond a spec in a section around the model is told, and left out."""

    def __init__(self, findings: Findings, route: Route) -> None:
        self.findings, self.route = findings, route

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        if isinstance(error, Beyond):
            self.findings.note(self.route, str(error))
            return True
        return False


def seed(data: dict[str, Any]) -> int | None:
    """The seed of the settings, as Kur takes it."""
    settings = data.get("settings")
    found = settings.get("seed") if isinstance(settings, dict) else None
    return found % 2**32 if type(found) is int else None


def _section(data: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    found = data.get(_key(data, names))
    return found if isinstance(found, dict) else {}


def _key(data: dict[str, Any], names: tuple[str, ...]) -> str:
    return next((name for name in names if name in data), names[0])
