"""A table of devices -> how long a training step takes on one, at best and at a given utilisation: an estimate."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from kspec.diagnostics import Problem, SpecError, UsageError, listing, suggestion
from kspec.model.cost.value import Cost
from kspec.spec.places import Source
from kspec.spec.sizes import size
from kspec.spec.source import read
from kspec.spec.textfile import contents, decode
from kspec.spec.values import shown


def _bytes(value: Any) -> Any:
    return found if isinstance(value, str) and (found := size(value)) is not None else value


_Positive = Annotated[float, Field(gt=0, lt=1e30)]


class Device(BaseModel):
    """What a device can do."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    flops: dict[str, _Positive]
    """Operations a second, by dtype."""
    memory: Annotated[int, BeforeValidator(_bytes), Field(gt=0)]
    bandwidth: _Positive
    """Bytes a second."""
    price: Annotated[float, Field(ge=0, lt=1e12)] | None = None
    """Of an hour."""


class Time(NamedTuple):
    """An estimate of a training step."""

    seconds: float
    bound: float
    """The part of it, from 0 to 1, that waits for memory."""
    dtype: str
    """The dtype whose speed was taken."""


def devices(path: Path | None = None) -> dict[str, Device]:
    """The table that comes with kspec, and over it a file of one's own.

    Raises SpecError where the file is wrong; UsageError where it cannot be read.
    """
    shipped = resources.files("kspec.model.cost").joinpath("devices.yaml").read_text("utf-8")
    found = _table(read(shipped, "devices.yaml"))
    if path is not None:
        try:
            text = decode(contents(path), str(path))
        except OSError as error:
            reason = (error.strerror or "it is no file").lower()
            raise UsageError(Problem("file-missing", f"cannot read the devices: {reason}", file=str(path))) from None
        found |= _table(read(text, str(path), path))
    return found


def device(name: str, known: Mapping[str, Device]) -> Device:
    """A device by its name. Raises UsageError."""
    if name in known:
        return known[name]
    help = suggestion(name, known, f"known: {listing(known, 20)}; your own stand in a file, `--devices FILE`")
    raise UsageError(Problem("usage", f"there is no device `{name}`", help=help))


def time(cost: Cost, device: Device, utilisation: float) -> Time:
    """How long a training step takes: for each call its operations at `utilisation` of the device's speed, or what it
    moves at the device's bandwidth, whichever is longer.

    That what one call reads and writes passes through memory once in each pass is XLA's best case.
    """
    taken = cost.dtype if cost.dtype in device.flops else max(device.flops, key=lambda name: device.flops[name])
    speed = device.flops[taken] * utilisation
    calls = [share for place, share in cost.shares.items() if len(place) == 1]
    waits = [(share.training / speed, share.moved / device.bandwidth) for share in calls]
    waits += [(flops / speed, 0.0) for _, flops in cost.rest]
    waits.append((0.0, (cost.memory.optimizer + cost.memory.gradients + cost.memory.weights) * 2 / device.bandwidth))
    whole = sum(map(max, waits))
    return Time(whole, sum(moved for computed, moved in waits if moved > computed) / whole if whole else 0.0, taken)


def _table(source: Source) -> dict[str, Device]:
    if source.problems:
        raise SpecError(source.problems)
    if not isinstance(source.data, dict):
        message = f"a table of devices is a mapping from names, not {shown(source.data)}"
        raise SpecError(source.locate(Problem("wrong-type", message, ())))
    found, problems = {}, []
    for name, value in source.data.items():
        try:
            found[str(name)] = Device.model_validate(value)
        except ValidationError as error:
            for each in error.errors():
                route = (name, *(part for part in each["loc"] if isinstance(part, str)))
                message = f"`{'.'.join(map(str, route))}`: {each['msg'].lower()}"
                problems.append(source.locate(Problem("wrong-value", message, route, _HELP)))
    if problems:
        raise SpecError(problems)
    return found


_HELP = "such as `mine: {flops: {float32: 2e12}, memory: 16GiB, bandwidth: 100e9, price: 0.5}`"
