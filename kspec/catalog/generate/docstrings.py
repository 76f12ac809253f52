"""First sentences of Keras's docstrings, of the whole and of each argument."""

from __future__ import annotations

import functools
import inspect
import re

COMMON = {
    "activity_regularizer": "Regularizer function applied to the output of the layer.",
    "autocast": "Boolean, whether floating-point inputs are cast to the layer's compute dtype.",
    "bounding_box_format": "Format of bounding boxes, where the data has any.",
    "data_format": 'String, either `"channels_last"` or `"channels_first"`.',
    "dtype": "The dtype policy of computations and weights.",
    "clipnorm": "Float. If set, the gradient of each weight is clipped so that its norm is no higher than this.",
    "clipvalue": "Float. If set, the gradient of each weight is clipped to be no higher than this.",
    "ema_momentum": "Float. Only used with `use_ema`: the momentum of the moving average of the weights.",
    "ema_overwrite_frequency": "Int or None. Only used with `use_ema`: every so many steps the average overwrites.",
    "global_clipnorm": "Float. If set, all gradients are clipped so that their global norm is no higher than this.",
    "gradient_accumulation_steps": "Int or None. If an int, weights are updated every so many steps.",
    "implementation": "Integer, 1 or 2: how the cell computes its gates, as several products or as one.",
    "loss_scale_factor": "Float or None. If a float, the loss is multiplied by it before gradients are computed.",
    "name": "String, the name of the object.",
    "rms_scaling": "Boolean, deprecated by Keras: use `RMSNormalization`.",
    "seed": "Integer, the random seed.",
    "quantization_config": "How the layer is quantized: a quantization config.",
    "trainable": "Boolean, whether the layer's variables should be trainable.",
    "use_ema": "Boolean, whether a moving average of the weights is kept.",
    "weight_decay": "Float. If set, weight decay is applied.",
}
"""Sentences for common parameters where Keras's docstring has none."""

_ARGUMENT = re.compile(r"^\*{0,2}(?P<name>\w+)(?:\s*\([^)]*\))?\s*:\s*(?P<text>.*)$")
_SECTION = re.compile(r"^(Args|Arguments|Parameters)\s*:\s*$")
_TEMPLATE = re.compile(r"\{\{\w+\}\}")
_END = re.compile(
    r"(?<!\be\.g)(?<!\bi\.e)(?<!\bie)(?<!\beg)(?<!\betc)(?<!\bvs)(?<!\bcf)(?<!\bet al)(?<!a\.k\.a)(?<!\.)\.(?=\s|\.*$)"
)
_SHORTEST = 24
_LONGEST = 200


def summary(symbol: object) -> str:
    """First sentence of a docstring."""
    return sentence(inspect.cleandoc(symbol.__doc__ or ""))


def argument(symbol: object, name: str) -> str:
    """What the section `Args` of a docstring says of an argument, in full; empty where it says nothing."""
    return _arguments(symbol).get(name, "")


@functools.cache
def _arguments(symbol: object) -> dict[str, str]:
    lines = (inspect.getdoc(symbol) or "").splitlines()
    start = next((number for number, line in enumerate(lines) if _SECTION.match(line.strip())), None)
    if start is None:
        return {}
    body = []
    for line in lines[start + 1 :]:
        if line.strip() and _indent(line) <= _indent(lines[start]):
            break
        body.append(line)
    inner = min((_indent(line) for line in body if line.strip()), default=0)
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in body:
        match = _ARGUMENT.match(line.strip()) if _indent(line) == inner else None
        if match:
            current = found.setdefault(match["name"], [])
            current.append(match["text"])
        else:
            current.append(line.strip())
    return {name: "\n".join(text).strip() for name, text in found.items()}


def sentence(text: str) -> str:
    """First sentence of a text on one line, or the first two where it says only a type (`Float.`).

    A very long one is cut at a word.
    """
    paragraph = " ".join(_TEMPLATE.sub("", text).strip().split("\n\n")[0].split())
    ends = [match.end() for match in _END.finditer(paragraph)]
    end = next((each for each in ends if each >= _SHORTEST), len(paragraph))
    first = paragraph[:end]
    if len(first) <= _LONGEST:
        return first
    return first[:_LONGEST].rsplit(" ", 1)[0].rstrip(",;:") + " …"


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
