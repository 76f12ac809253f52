"""What each module of Ultralytics is in a spec: its arguments, and the channels that reach it -> a use of a block.

From the constructors in Ultralytics's `nn/modules` and from `parse_model`, which fills in channels and repeats.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

from kspec.convert.foreigntext import Beyond
from kspec.convert.ultralytics.scaling import Scale

Step = dict[str, Any]


class Row(NamedTuple):
    """A row of `backbone` or `head`: its arguments, how often it is repeated, and what reaches it."""

    arguments: list[Any]
    repeats: int
    channels: int
    scale: Scale
    classes: int
    older: bool
    """Whether it is of YOLOv5, whose Bottleneck begins with a 1 × 1 convolution."""
    size: tuple[int | None, int | None]
    """Height and width of what reaches it, where they are known."""
    flat: bool
    """Whether a Flatten is before it: then its channels reach it once for every place."""


class Made(NamedTuple):
    """A module's steps, its channels, and by what it divides height and width; `own` says that it repeats itself."""

    steps: list[Any]
    channels: int
    own: bool = False
    stride: Fraction = Fraction(1)


def check_name(name: Any) -> None:
    """Raise Beyond where a module has no counterpart."""
    if not isinstance(name, str) or (name not in _MODULES and name not in HEADS and name != "Concat"):
        raise Beyond(f"`{name}` has no counterpart in a spec", "write it as a block, and replace the row by it")


def make(name: str, row: Row) -> Made:
    """The steps of a module. Raises Beyond where it has no counterpart."""
    check_name(name)
    return _MODULES[name](row)


HEADS = frozenset(
    {
        *("Detect", "Segment", "Pose", "OBB", "v10Detect", "WorldDetect", "YOLOEDetect", "YOLOESegment"),
        *("RTDETRDecoder", "Segment26", "Pose26", "OBB26"),
    }
)
"""What decodes feature maps to boxes, masks and points: the model is cut before it."""


def _get(row: Row, index: int, default: Any, kind: type | tuple[type, ...] = int) -> Any:
    """An argument, which has to be of a kind; None stands for the default."""
    found = row.arguments[index] if len(row.arguments) > index else None
    if found is None or found == "None":
        if default is _NEEDED:
            raise Beyond(f"the argument {index + 1} is missing")
        return default
    if kind is bool and isinstance(found, bool):
        return found
    if isinstance(found, bool) is not (kind is bool) or not isinstance(found, kind):
        raise Beyond(f"the argument {index + 1} cannot be `{found}`")
    if isinstance(found, (int, float)) and not -(10**6) <= found <= 10**6:
        raise Beyond(f"the argument {index + 1} is beyond any model's size")
    return found


_NEEDED: Any = object()


def _positive(row: Row, index: int, default: Any) -> int:
    """A size, a stride, a factor or a number of something."""
    found: int = _get(row, index, default)
    if found < 1:
        raise Beyond(f"the argument {index + 1} is 1 or more, not {found}")
    return found


def _padding(row: Row, index: int, default: Any) -> Any:
    found = _get(row, index, default)
    if found is not None and found < 0:
        raise Beyond(f"a padding of {found}")
    return found


def _hidden(row: Row, index: int, channels: int) -> int:
    """The channels inside a module: a share of those that it gives, or takes."""
    share = _get(row, index, 0.5, (int, float))
    if channels * share < 1:
        raise Beyond(f"the argument {index + 1} leaves no channels inside: `{share}`")
    return int(channels * share)


def _channels(row: Row, index: int = 0) -> int:
    """The channels that a module gives: scaled, but for the number of classes."""
    found: int = _get(row, index, _NEEDED)
    if found <= 0:
        raise Beyond(f"there are no {found} channels")
    return found if found == row.classes else row.scale.channels(found)


def _conv(row: Row) -> Made:
    channels = _channels(row)
    kernel, strides = _get(row, 1, 1), _get(row, 2, 1)
    pad = _padding(row, 3, None)
    activation = row.arguments[6] if len(row.arguments) > 6 else True
    if not isinstance(activation, bool):
        raise Beyond(f"the activation `{activation}` of one Conv", "write `activation:` at the top for all of them")
    return _convolved(channels, kernel, strides, pad, _get(row, 4, 1), _get(row, 5, 1), activation)


def _convolved(
    channels: int,
    kernel: int,
    strides: int,
    pad: int | None = None,
    groups: int = 1,
    dilation: int = 1,
    activation: bool = True,
) -> Made:
    if min(kernel, strides, groups, dilation) < 1:
        raise Beyond("sizes, strides and groups are 1 or more")
    reach = dilation * (kernel - 1) + 1
    wanted = reach // 2 if pad is None else pad
    alike = strides == 1 and reach % 2 == 1 and wanted == reach // 2  # Keras's `same` is just that
    if not alike and wanted == 0 and kernel > 1:
        raise Beyond("a convolution without padding", "write `Conv2D`, `BatchNormalization`, `Activation` in its place")
    given = {
        "size": (kernel, 1),
        "strides": (strides, 1),
        "pad": (0 if alike or kernel == 1 else wanted, 0),
        "groups": (groups, 1),
        "dilation": (dilation, 1),
    }
    use: dict[str, Any] = {"filters": channels, **{key: each for key, (each, usual) in given.items() if each != usual}}
    if not activation:
        use["activation"] = "linear"
    return Made([_use("conv", use)], channels, stride=Fraction(strides))


def _use(block: str, arguments: dict[str, Any]) -> Step:
    """A use of a block; a lone first argument stands for itself."""
    return {block: arguments["filters"] if set(arguments) == {"filters"} else arguments}


def _depthwise(row: Row) -> Made:
    channels = _channels(row)
    kernel, strides = _get(row, 1, 1), _get(row, 2, 1)
    return _convolved(channels, kernel, strides, groups=math.gcd(row.channels, channels))


def _bottleneck(row: Row) -> Made:
    channels = _channels(row)
    hidden = _hidden(row, 4 if not row.older else 3, channels)
    shortcut = _get(row, 1, True, bool) and channels == row.channels
    use = {"filters": channels, "hidden": hidden, **({"first": 1} if row.older else {})}
    return Made([_use("bottleneck", {**use, **({} if shortcut else {"shortcut": False})})], channels)


def _csp(block: str, *, shortcut: bool = True, groups: bool = True) -> Callable[[Row], Made]:
    """Modules with repeated bottlenecks: filters, shortcut, groups, expansion."""

    def made(row: Row) -> Made:
        channels = _channels(row)
        given = _get(row, 1, shortcut, bool)
        use: dict[str, Any] = {"filters": channels, "hidden": _hidden(row, 3, channels)}
        use |= {"depth": row.repeats} if row.repeats != 1 else {}
        if (number := _positive(row, 2, 1)) != 1:
            if not groups:
                raise Beyond(f"{number} groups")
            use["groups"] = number
        return Made([_use(block, use | ({"shortcut": given} if given is not shortcut else {}))], channels, own=True)

    return made


def _c3k2(row: Row) -> Made:
    channels = _channels(row)
    deep = _get(row, 1, False, bool) or row.scale.letter in ("m", "l", "x")  # as `parse_model` has it
    use: dict[str, Any] = {"filters": channels, "hidden": _hidden(row, 2, channels)}
    use |= {"depth": row.repeats} if row.repeats != 1 else {}
    use |= {"deep": True} if deep else {}
    use |= {"groups": groups} if (groups := _positive(row, 3, 1)) != 1 else {}
    use |= {"shortcut": False} if not _get(row, 4, True, bool) else {}
    return Made([_use("c3k2", use)], channels, own=True)


def _c2psa(row: Row) -> Made:
    channels = _channels(row)
    hidden = _hidden(row, 1, row.channels)
    if channels != row.channels or hidden < 64:
        raise Beyond("C2PSA gives as many channels as it takes, 128 or more")
    if None in row.size:
        raise Beyond("C2PSA looks at every place: height and width have to be known", "say them: `--shape 640,640,3`")
    use: dict[str, Any] = {"filters": channels, "hidden": hidden, "heads": hidden // 64}
    use |= {"depth": row.repeats} if row.repeats != 1 else {}
    return Made([_use("c2psa", {**use, "height": row.size[0], "width": row.size[1]})], channels, own=True)


def _sppf(row: Row) -> Made:
    channels = _channels(row)
    size = _positive(row, 1, 5)
    if len(row.arguments) > 2:
        raise Beyond("an SPPF with more than a size")
    use = {"filters": channels, "hidden": row.channels // 2, **({"size": size} if size != 5 else {})}
    return Made([_use("sppf", use)], channels)


def _spp(row: Row) -> Made:
    channels = _channels(row)
    sizes = _get(row, 1, [5, 9, 13], list)
    if len(sizes) != 3 or not all(type(each) is int and each > 0 for each in sizes):
        raise Beyond("an SPP with other than three sizes")
    use = {"filters": channels, "hidden": row.channels // 2, **({"sizes": sizes} if sizes != [5, 9, 13] else {})}
    return Made([_use("spp", use)], channels)


def _focus(row: Row) -> Made:
    channels = _channels(row)
    size = _positive(row, 1, 1)
    if len(row.arguments) > 2 or size % 2 == 0:
        raise Beyond("a Focus with more than an odd size")
    return Made(
        [_use("focus", {"filters": channels, **({"size": size} if size != 1 else {})})], channels, stride=Fraction(2)
    )


def _classify(row: Row) -> Made:
    classes: int = _positive(row, 0, _NEEDED)
    return Made([{"conv": 1280}, "GlobalAveragePooling2D", {"Dense": classes}], classes)


# -- modules of torch.nn -----------------------------------------------------------------------------------------------


def _upsample(row: Row) -> Made:
    factor, mode = _positive(row, 1, _NEEDED), _get(row, 2, "nearest", str)
    if _get(row, 0, None) is not None or mode not in ("nearest", "bilinear"):
        raise Beyond(f"an Upsample to a size, or by `{mode}`")
    use = factor if mode == "nearest" else {"size": factor, "interpolation": mode}
    return Made([{"UpSampling2D": use}], row.channels, stride=Fraction(1, factor))


def _max_pool(row: Row) -> Made:
    size = _positive(row, 0, _NEEDED)
    strides, pad = _positive(row, 1, size), _get(row, 2, 0)
    use = {"pool_size": size, "strides": strides}
    if pad == 0:
        return Made([{"MaxPooling2D": use}], row.channels, stride=Fraction(strides))
    if strides == 1 and pad == size // 2 and size % 2:
        return Made([{"MaxPooling2D": {**use, "padding": "same"}}], row.channels)
    raise Beyond("a MaxPool2d that pads", "pad it by a step of its own")


def _conv2d(row: Row) -> Made:
    """`nn.Conv2d` as PyTorch has it: channels in and out stand in the row."""
    if _get(row, 0, _NEEDED) != row.channels:
        raise Beyond(f"it takes {row.arguments[0]} channels, and {row.channels} reach it")
    channels, kernel, strides = _positive(row, 1, _NEEDED), _positive(row, 2, 1), _positive(row, 3, 1)
    pad = _padding(row, 4, 0)
    use: dict[str, Any] = {"filters": channels, "kernel_size": kernel}
    use |= {"strides": strides} if strides != 1 else {}
    if pad and strides == 1 and kernel == 2 * pad + 1:
        return Made([{"Conv2D": {**use, "padding": "same"}}], channels)
    return Made([*([{"ZeroPadding2D": pad}] if pad else []), {"Conv2D": use}], channels, stride=Fraction(strides))


def _transposed(row: Row) -> Made:
    channels, kernel, strides = _channels(row), _positive(row, 1, _NEEDED), _positive(row, 2, 1)
    if _get(row, 3, 0) != 0:
        raise Beyond("a ConvTranspose2d that pads")
    if kernel < strides:  # PyTorch ends with the last kernel, Keras with the last stride
        raise Beyond(f"a ConvTranspose2d whose stride, {strides}, is more than its size, {kernel}")
    use = {"filters": channels, "kernel_size": kernel, "strides": strides}
    return Made([{"Conv2DTranspose": use}], channels, stride=Fraction(1, strides))


def _linear(row: Row) -> Made:
    """`nn.Linear` as PyTorch has it; how many places are before a Flatten is not always known here."""
    taken, units = _positive(row, 0, _NEEDED), _positive(row, 1, _NEEDED)
    if taken != row.channels and not (row.flat and taken % row.channels == 0):
        each = ", for every place," if row.flat else ""
        raise Beyond(f"it takes {taken} channels, and {row.channels}{each} reach it")
    return Made([{"Dense": units}], units)


def _plain(*steps: Any) -> Callable[[Row], Made]:
    return lambda row: Made(list(steps), row.channels)


def _average(row: Row) -> Made:
    if _get(row, 0, 1) != 1:
        raise Beyond("an AdaptiveAvgPool2d to other than one place")
    return Made([{"GlobalAveragePooling2D": {"keepdims": True}}], row.channels)


_MODULES: dict[str, Callable[[Row], Made]] = {
    "Conv": _conv,
    "DWConv": _depthwise,
    "Bottleneck": _bottleneck,
    "BottleneckCSP": _csp("csp", groups=False),
    "C2": _csp("c2", groups=False),
    "C2f": _csp("c2f", shortcut=False),
    "C3": _csp("c3"),
    "C3k2": _c3k2,
    "C2PSA": _c2psa,
    "SPPF": _sppf,
    "SPP": _spp,
    "Focus": _focus,
    "Classify": _classify,
    "nn.Upsample": _upsample,
    "nn.MaxPool2d": _max_pool,
    "nn.Conv2d": _conv2d,
    "nn.ConvTranspose2d": _transposed,
    "nn.Linear": _linear,
    "nn.AdaptiveAvgPool2d": _average,
    "nn.BatchNorm2d": _plain("BatchNormalization"),
    "nn.Flatten": _plain("Flatten"),
    "nn.Identity": _plain("Identity"),
    "nn.ReLU": _plain({"Activation": "relu"}),
    "nn.SiLU": _plain({"Activation": "silu"}),
    "nn.Sigmoid": _plain({"Activation": "sigmoid"}),
}
