"""A model file of Ultralytics -> the data of a spec."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from kspec.convert.foreigntext import Beyond, Findings, Rewritten, source_of, title
from kspec.convert.ultralytics.modules import HEADS, Made, Row, check_name, make
from kspec.convert.ultralytics.scaling import Scale, scale_of
from kspec.diagnostics import Problem, Route, UsageError
from kspec.spec.places import Source

_BLOCKS = Path(__file__).parent / "blocks.yaml"
_ACTIVATION = re.compile(r"(?:torch\.)?nn\.([A-Za-z0-9]+)\(([^()]*)\)\Z")
_ACTIVATIONS = {
    "SiLU": "silu",
    "ReLU": "relu",
    "GELU": "gelu",
    "Mish": "mish",
    "ReLU6": "relu6",
    "ELU": "elu",
    "Hardswish": "hard_swish",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Identity": "linear",
}
MOST_ROWS = 2000
MOST_STRIDE = 2**20
INPUT = "images"


def is_model(data: Any) -> bool:
    """Whether data are a model of Ultralytics: its layers stand in `backbone` and `head`."""
    return isinstance(data, dict) and isinstance(data.get("backbone"), list) and isinstance(data.get("head"), list)


def spec_of(source: Source, path: Path, shapes: Mapping[str, list[int | None]], scale: str | None) -> Rewritten:
    """The data of a spec of a model of Ultralytics, of one `scale`, for pictures of the shape in `shapes`.

    What turns feature maps into boxes is left out: the feature maps are the outputs.
    Raises FileError with every row that has no counterpart; UsageError.
    """
    findings = Findings(source)
    data = source.data
    with findings.telling(("scales",) if "scales" in data else ()):
        rows = Rows(data, findings, scale_of(data, path, scale, findings), _shape(data, shapes))
        rows.walk()
    findings.check()
    blocks = _used(rows.steps)
    with findings.telling(("activation",)):
        _activate(blocks, data.get("activation"))
    findings.check()
    left = [key for key in data if key not in _TAKEN]
    if left:
        findings.note((left[0],), f"left out, as it is for training: {', '.join(map(str, left))}")
    name = title(path)
    letter = rows.scale.letter
    sections: dict[str, Any] = {
        "kspec": 1,
        "name": f"{name}_{letter}" if name and letter and not re.search(rf"\d{re.escape(letter)}", name) else name,
        "inputs": {INPUT: rows.shape},
        "blocks": blocks,
        "layers": rows.steps,
        "outputs": rows.outputs,
    }
    return Rewritten({key: value for key, value in sections.items() if value}, tuple(findings.notes))


_TAKEN = frozenset(
    {
        *("nc", "ch", "channels", "activation", "scales", "scale", "depth_multiple", "width_multiple"),
        *("backbone", "head", "anchors", "yaml_file", "kpt_shape", "end2end", "reg_max"),
    }
)
"""The sections of a file that are read, or that have no part in the feature maps."""


def _shape(data: dict[str, Any], shapes: Mapping[str, list[int | None]]) -> list[int | None]:
    """The shape of the pictures: as asked for, else 640 × 640, with the file's channels."""
    unknown = [name for name in shapes if name not in ("", INPUT)]
    found = shapes.get(INPUT, shapes.get(""))
    if unknown or len(shapes) > 1:
        message = f"`--shape`: there is no input `{unknown[0] if unknown else ''}`"
        raise UsageError(Problem("usage", message, help=f"the input is `{INPUT}`: `--shape 640,640,3`"))
    if found is None:
        channels = data.get("channels", data.get("ch", 3))
        return [640, 640, channels if type(channels) is int and 0 < channels < 10**6 else 3]
    if len(found) != 3 or found[2] is None:
        raise UsageError(Problem("usage", "`--shape`: pictures have a height, a width and channels", help="640,640,3"))
    return list(found)


class Rows:
    """The rows of a model as they become steps. Indexes count from 0 through backbone and head."""

    def __init__(self, data: dict[str, Any], findings: Findings, scale: Scale, shape: list[int | None]) -> None:
        self.data, self.findings, self.scale, self.shape = data, findings, scale, shape
        self.rows = [(("backbone", i), row) for i, row in enumerate(data["backbone"])]
        self.rows += [(("head", i), row) for i, row in enumerate(data["head"])]
        self.channels: list[int] = []
        self.strides: list[Fraction] = []
        self.lasts: list[Any] = []
        """The step that a row ends with."""
        self.modules: list[str] = []
        self.flat: list[bool] = []
        """Whether a row gives its channels once for every place, in one axis."""
        self.steps: list[Any] = []
        self.outputs: list[str] = []

    def walk(self) -> None:
        """Every row; after the first one that is wrong, channels are not known, and only names are looked at."""
        if len(self.rows) > MOST_ROWS:
            raise Beyond(f"{len(self.rows):,} rows: at most {MOST_ROWS:,} are read")
        for index, (route, row) in enumerate(self.rows):
            before = len(self.findings.problems)
            with self.findings.telling(route):
                if not isinstance(row, list) or len(row) != 4 or not isinstance(row[3], list):
                    raise Beyond("a row is [from, repeats, module, arguments]")
                if before:
                    check_name(row[2])
                elif self._row(index, route, *row):
                    return

    def _row(self, index: int, route: Route, source: Any, repeats: Any, module: Any, arguments: list[Any]) -> bool:
        """One row; true where the model ends with it."""
        if type(repeats) is not int or not 1 <= repeats <= 1000 or not isinstance(module, str):
            raise Beyond("a row is [from, repeats, module, arguments]")
        sources = [self._index(each, index) for each in (source if isinstance(source, list) else [source])]
        if not sources:
            raise Beyond("a row takes one tensor at least")
        if module in HEADS:
            self._cut(index, route, module, sources)
            return True
        given = [self._argument(each) for each in arguments]
        if module == "Concat":
            made = self._concat(given, sources)
        else:
            if len(sources) != 1:
                raise Beyond(f"`{module}` takes one tensor")
            made = make(module, self._reaching(sources[0], given, self.scale.repeats(repeats)))
        self._place(index, made, sources, module, 1 if made.own or module == "Concat" else self.scale.repeats(repeats))
        return False

    def _reaching(self, source: int, arguments: list[Any], repeats: int) -> Row:
        """What a module is told: its channels, and the size of what reaches it where that is a whole number."""
        channels = self.channels[source] if source >= 0 else self.shape[2]
        assert channels is not None
        stride = self.strides[source] if source >= 0 else Fraction(1)
        sizes = [None if each is None or each % stride else int(each / stride) for each in self.shape[:2]]
        classes = self.data.get("nc")
        older = "scales" not in self.data
        known = classes if type(classes) is int else -1
        flat = source >= 0 and self.flat[source]
        return Row(arguments, repeats, channels, self.scale, known, older, (sizes[0], sizes[1]), flat)

    def _index(self, given: Any, index: int) -> int:
        """The row that an index means, counted from 0; -1, which only the first row can mean, is the picture."""
        if type(given) is not int:
            raise Beyond(f"`{given}` is no index of a row")
        found = index + given if given < 0 else given
        if not 0 <= found < index and not found == given == -1:
            raise Beyond(f"there is no row {given} before this one")
        return found

    def _argument(self, given: Any) -> Any:
        """An argument: a name of the file's (`nc`) is its value."""
        if isinstance(given, str):
            if given in self.data and not isinstance(self.data[given], (dict, list)):
                return self.data[given]
            return {"True": True, "False": False, "None": None}.get(given, given)
        return given

    def _concat(self, arguments: list[Any], sources: list[int]) -> Made:
        axis = arguments[0] if arguments else 1
        if axis != 1:
            raise Beyond(f"a Concat along the axis {axis}: channels, 1, are what kspec joins")
        if -1 in sources:
            raise Beyond("a Concat with the picture itself")
        return Made([{"Concatenate": {}}], sum(self.channels[each] for each in sources))

    def _place(self, index: int, made: Made, sources: list[int], module: str, repeats: int) -> None:
        before = max((self.strides[each] for each in sources if each >= 0), default=Fraction(1))
        stride = _times(before, made.stride, repeats)
        steps = made.steps
        if repeats > 1:
            if made.channels != (self.channels[sources[0]] if sources[0] >= 0 else self.shape[2]):
                raise Beyond(f"`{module}` {repeats} times, which gives other channels than it takes")
            steps = [{"repeat": repeats, "layers": steps}]
        steps = [dict(each) if isinstance(each, dict) else each for each in steps]
        if sources != [index - 1]:
            names = [self._name(each, index) for each in sources]
            first = steps[0] if isinstance(steps[0], dict) else {steps[0]: {}}
            steps[0] = {**first, "from": names if len(names) > 1 else names[0]}
        self.steps += steps
        self.lasts.append(len(self.steps) - 1)
        self.modules.append(module)
        flat = any(self.flat[each] for each in sources if each >= 0)
        self.flat.append(module == "nn.Flatten" or (flat and module != "nn.Linear"))
        self.channels.append(made.channels)
        self.strides.append(stride)

    def _name(self, source: int, index: int) -> str:
        """The name of the step that a row ends with."""
        if source == -1:
            return INPUT
        if source == index - 1:
            return "previous"
        place = self.lasts[source]
        step = self.steps[place]
        if isinstance(step, str):
            step = self.steps[place] = {step: {}}
        name = f"{self.modules[source].rpartition('.')[2].lower()}_{source}"
        if "name" not in step:
            words = {key: value for key, value in step.items() if key == "from"}
            rest = {key: value for key, value in step.items() if key != "from"}
            self.steps[place] = {**rest, "name": name, **words}
        return str(self.steps[place]["name"])

    def _cut(self, index: int, route: Route, module: str, sources: list[int]) -> None:
        """The end of what a spec can say: the feature maps that the head would have taken."""
        if index < len(self.rows) - 1:
            raise Beyond(f"`{module}` is not the last row")
        self.outputs = [self._name(each, len(self.rows) + 1) for each in sources]
        maps = ", ".join(f"`{name}`" for name in self.outputs)
        text = f"`{module}` is left out, with its convolutions and what it makes of them; the outputs are {maps}"
        self.findings.note(route, text)


def _times(before: Fraction, stride: Fraction, repeats: int) -> Fraction:
    """By what height and width are divided after a module that is repeated. Raises Beyond where no picture has that."""
    found = before * stride ** min(repeats, 2 * MOST_STRIDE.bit_length())  # more would be beyond it from any `before`
    if not Fraction(1, MOST_STRIDE) <= found <= MOST_STRIDE:
        word = "divided" if found > 1 else "multiplied"
        raise Beyond(f"the picture is {word} by more than {MOST_STRIDE:,}")
    return found


def _activate(blocks: dict[str, Any], given: Any) -> None:
    """The activation of all convolutions, where it is not Ultralytics's own."""
    if given is None:
        return
    found = _ACTIVATION.match(given) if isinstance(given, str) else None
    name = _ACTIVATIONS.get(found[1]) if found is not None else None
    arguments = [each.strip() for each in found[2].split(",")] if found is not None else []
    if found is None or name is None or any(each and not each.startswith("inplace") for each in arguments):
        known = ", ".join(f"nn.{each}()" for each in _ACTIVATIONS)
        raise Beyond(f"the activation `{given}` has no counterpart", f"one of {known}")
    if "conv" in blocks:
        blocks["conv"]["vars"]["activation"] = name


def _used(steps: list[Any]) -> dict[str, Any]:
    """The blocks that steps use, and those that they are made of, in the file's order."""
    known: dict[str, Any] = source_of(_BLOCKS, _BLOCKS.name).data["blocks"]
    used: set[str] = set()
    waiting: list[Any] = [steps]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting += item
        elif isinstance(item, dict):
            for key, value in item.items():
                if key in known and key not in used:
                    used.add(key)
                    waiting.append(known[key]["layers"])
                waiting.append(value)
    return {name: block for name, block in known.items() if name in used}
