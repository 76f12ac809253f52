"""What each of Kur's layers is in Keras: its arguments -> operations of a spec, in Kur's own defaults.

From Kur's documentation (`containers.rst`) and the code behind it, which made layers of Keras 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from kspec.convert.foreigntext import Beyond
from kspec.spec.expressions import ExpressionError, substitute, variables_of

Step = dict[str, Any]
"""An operation with its arguments, `{Dense: {units: 3}}`; its name comes later."""


class Made(NamedTuple):
    """The operations of a layer in their order, and remarks about them."""

    steps: list[Step]
    remarks: tuple[str, ...] = ()


YES, NO = ("yes", "true", "on"), ("no", "false", "off")
"""Kur's files are YAML 1.1: there, these words are booleans."""


def boolean(value: Any, what: str) -> bool | str:
    """A value that is a boolean, or an expression."""
    if isinstance(value, bool) or (isinstance(value, str) and value.startswith("$") and not value.startswith("$$")):
        return value
    word = str(value).lower()
    if word in YES or word in NO:
        return word in YES
    raise Beyond(f"`{what}` is yes or no, not `{value}`")


_OPEN: Any = object()
"""In place of the value of what has none before the spec is expanded."""


def constant(value: Any, values: Mapping[str, Any]) -> Any:
    """What a value in a spec's words is, where it is made of settings alone; else as it is written. `values` are those
    of settings, in a spec's words as well."""
    found = _constant(value, values, {})
    return value if found is _OPEN else found


def _constant(value: Any, values: Mapping[str, Any], known: dict[str, Any]) -> Any:
    if not isinstance(value, str):
        return value
    names = variables_of(value)
    for name in names:
        if name not in known:
            known[name] = _OPEN  # as one stays that means itself
            known[name] = _constant(values[name], values, known) if name in values else _OPEN
    if any(known[name] is _OPEN for name in names):
        return _OPEN
    try:
        return substitute(value, known)
    except ExpressionError:
        return _OPEN


def plain(value: Any, values: Mapping[str, Any]) -> Any:
    """A value without a variable where that has a word of Kur's own, which means nothing in a spec; else as it is."""
    found = constant(value, values)
    return found if found is None or (isinstance(found, str) and found.lower() in _OWN_WORDS) else value


def make(kind: str, arguments: Any, values: Mapping[str, Any]) -> Made:
    """The operations of a layer whose arguments are in a spec's words by now; `values` are those of variables.

    Raises Beyond.
    """
    arguments = _decided(kind, arguments, values)
    return _RANKED[kind](arguments, values) if kind in _RANKED else _LAYERS[kind](arguments)


def _decided(kind: str, arguments: Any, values: Mapping[str, Any]) -> Any:
    """Arguments of which none that decides what is written hangs on a variable. Raises Beyond for a loop's, say."""
    deciding = _DECIDING.get(kind, ())
    if not isinstance(arguments, dict):
        return _word(kind, "", arguments, values) if kind in _LONE else plain(arguments, values)
    return {
        key: _word(kind, key, value, values) if key in deciding else plain(value, values)
        for key, value in arguments.items()
    }


def _word(kind: str, key: str, value: Any, values: Mapping[str, Any]) -> Any:
    found = constant(value, values)
    if isinstance(found, str) and variables_of(found):
        what = f"`{key}` of `{kind}`" if key else f"`{kind}`"
        raise Beyond(f"{what} depends on a variable that is no setting", "write the value itself there")
    return found


def is_layer(kind: str) -> bool:
    return kind in _LAYERS or kind in _RANKED


def _checked(arguments: Any, kind: str, known: tuple[str, ...], *, lone: str = "") -> dict[str, Any]:
    """Arguments as a mapping of known ones; a lone value is that of `lone`."""
    if arguments is None and not lone:
        return {}
    if not isinstance(arguments, dict):
        if not lone:
            raise Beyond(f"`{kind}` has a mapping of arguments, not `{arguments}`")
        return {lone: arguments} if arguments is not None else {}
    unknown = [str(key) for key in arguments if key not in known]
    if unknown:
        names = ", ".join(f"`{name}`" for name in known) or "none"
        raise Beyond(f"`{kind}` has no argument `{unknown[0]}`", f"its arguments: {names}")
    return arguments


def _needed(arguments: Mapping[str, Any], kind: str, name: str) -> Any:
    if arguments.get(name) is None:
        raise Beyond(f"`{kind}` needs `{name}`")
    return arguments[name]


def _dense(arguments: Any) -> Made:
    given = _checked(arguments, "dense", ("size", "flatten", "auto_flatten"), lone="size")
    sizes = _needed(given, "dense", "size")
    if sizes == []:
        raise Beyond("`dense` needs `size`, of one layer at least")
    flatten = boolean(given.get("flatten", given.get("auto_flatten", False)), "flatten")
    steps: list[Step] = [{"Flatten": None}] if flatten is True else []
    return Made([*steps, *({"Dense": _whole(size)} for size in (sizes if isinstance(sizes, list) else [sizes]))])


def _convolution(arguments: Any, values: Mapping[str, Any]) -> Made:
    given = _checked(arguments, "convolution", ("kernels", "size", "strides", "border", "activation"))
    kernels = _whole(_needed(given, "convolution", "kernels"))
    size, rank = _sizes(_needed(given, "convolution", "size"), values)
    made: dict[str, Any] = {"filters": kernels, "kernel_size": size}
    strides, _ = _sizes(given.get("strides", 1), values, rank)
    if strides not in (1, [1] * rank):
        made["strides"] = strides
    if (border := given.get("border", "same")) != "valid":
        made["padding"] = border
    if given.get("activation") not in (None, "none"):
        made["activation"] = given["activation"]
    return Made([{f"Conv{rank}D": made}])


def _pool(arguments: Any, values: Mapping[str, Any]) -> Made:
    given = _checked(arguments, "pool", ("size", "strides", "type", "pool"), lone="size")
    size, rank = _sizes(_needed(given, "pool", "size"), values)
    kind = str(given.get("type", given.get("pool", "max"))).lower()
    names = {"max": "MaxPooling", "average": "AveragePooling"}
    if kind not in names:
        raise Beyond(f"`pool` is of the type max or average, not `{kind}`")
    strides, _ = _sizes(given.get("strides", 1), values, rank)  # Kur's default, where Keras's is the size
    return Made([{f"{names[kind]}{rank}D": {"pool_size": size, "strides": strides}}])


def _recurrent(arguments: Any) -> Made:
    known = ("size", "type", "sequence", "bidirectional", "merge", "outer_activation")
    given = _checked(arguments, "recurrent", known)
    kind = str(given.get("type", "gru")).lower()
    if kind not in ("lstm", "gru"):
        raise Beyond(f"`recurrent` is of the type lstm or gru, not `{kind}`")
    both = boolean(given.get("bidirectional", False), "bidirectional")
    size = _whole(_needed(given, "recurrent", "size"))
    merge = str(given.get("merge", "average")).lower()
    modes = {"multiply": "mul", "add": "sum", "concat": "concat", "average": "ave"}
    if both and merge not in modes:
        raise Beyond(f"`merge` is one of {', '.join(modes)}, not `{merge}`")
    made: dict[str, Any] = {"units": _half(size) if both and merge == "concat" else size}
    activation = given.get("outer_activation", "relu")
    if activation != "tanh":
        made["activation"] = "linear" if activation == "none" else activation
    sequence = boolean(given.get("sequence", True), "sequence")
    if sequence is not False:
        made["return_sequences"] = sequence
    layer = {kind.upper(): made}
    if not both:
        return Made([layer])
    remark = "`merge` is left out: Kur's code averages both directions, its documentation says concat"
    wrapped = layer if modes[merge] == "concat" else {"layer": layer, "merge_mode": modes[merge]}
    return Made([{"Bidirectional": wrapped}], () if "merge" in given else (remark,))


def _half(size: Any) -> Any:
    """Kur shares a concatenated size among both directions."""
    return size // 2 if isinstance(size, int) else f"$({_bare(size)} // 2)"


def _bare(text: str) -> str:
    """An expression without its dollar, to stand in another one."""
    return text[1:]


def _activation(arguments: Any) -> Made:
    lone = not isinstance(arguments, dict)
    given = {"name": arguments} if lone else _checked(arguments, "activation", ("name", "type", "alpha"))
    name = given.get("name", given.get("type"))
    if str(name).lower() in ("leakyrelu", "leaky_relu"):
        return Made([{"LeakyReLU": given.get("alpha", 0.3)}])  # Keras 1's default
    if "alpha" in given:
        raise Beyond(f"the activation `{name}` has no `alpha`")
    return Made([{"Activation": "linear" if name in (None, "none") else name}])


def _normalization(arguments: Any) -> Made:
    given = _checked(arguments, "batch_normalization", ("axis",))
    axis = given.get("axis", -1)
    return Made([{"BatchNormalization": {"axis": axis} if axis != -1 else None}])


def _dropout(arguments: Any) -> Made:
    given = _checked(arguments, "dropout", ("fraction", "independent"), lone="fraction")
    remarks: tuple[str, ...] = ()
    if boolean(given.get("independent", True), "independent") is not True:
        remarks = ("dropout is of single values, as Kur's Keras backend has it",)
    return Made([{"Dropout": _number(_needed(given, "dropout", "fraction"))}], remarks)


def _embedding(arguments: Any) -> Made:
    given = _checked(arguments, "embedding", ("vocab_size", "size"))
    sizes = {"input_dim": given.get("vocab_size"), "output_dim": given.get("size")}
    if None in sizes.values():
        raise Beyond("`embedding` needs `vocab_size` and `size`")
    return Made([{"Embedding": {name: _whole(size) for name, size in sizes.items()}}])


def _axis(kind: str, function: str) -> Callable[[Any], Made]:
    def made(arguments: Any) -> Made:
        given = _checked(arguments, kind, ("dimension",), lone="dimension")
        axis = _whole(_needed(given, kind, "dimension"))
        return Made([{function: {"axis": axis + 1 if axis >= 0 else axis}}])

    return made


def _transpose(arguments: Any) -> Made:
    given = _checked(arguments, "transpose", ("axes", "include_batch"), lone="axes")
    axes = _needed(given, "transpose", "axes")
    known = isinstance(axes, list) and len(axes) > 0 and all(type(axis) is int for axis in axes)
    if not known or sorted(axes) != list(range(len(axes))):
        raise Beyond("`transpose` takes every axis once, counted from 0")
    if boolean(given.get("include_batch", False), "include_batch") is not True:
        return Made(_permuted(axes, 1))
    return Made(_permuted(axes[1:], 0)) if axes[0] == 0 else Made([{"ops.transpose": {"axes": axes}}])


def _permuted(axes: list[int], first: int) -> list[Step]:
    return [{"Permute": {"dims": [axis + first for axis in axes]}}]


def _merge(arguments: Any) -> Made:
    given = _checked(arguments, "merge", ("mode", "axis"), lone="mode")
    mode = str(given.get("mode", "concat")).lower()
    names = {"add": "Add", "multiply": "Multiply", "average": "Average", "concat": "Concatenate"}
    if mode not in names:
        raise Beyond(f"`merge` is one of {', '.join(names)}, not `{mode}`")
    axis = given.get("axis", -1)
    return Made([{names[mode]: {"axis": axis} if mode == "concat" and axis != -1 else None}])


def _repeat(arguments: Any) -> Made:
    given = _checked(arguments, "repeat", ("count",), lone="count")
    return Made([{"RepeatVector": _whole(_needed(given, "repeat", "count"))}])


def _flatten(arguments: Any) -> Made:
    _checked(arguments, "flatten", ())
    return Made([{"Flatten": None}])


def _number(value: Any) -> Any:
    """A number; Kur takes its text too."""
    if isinstance(value, str) and (not value.startswith("$") or value.startswith("$$")):
        try:
            return int(value)
        except ValueError:
            raise Beyond(f"`{value}` is no number") from None
    if not isinstance(value, (int, float, str)) or isinstance(value, bool):
        raise Beyond(f"`{value}` is no number")
    return value


def _whole(value: Any) -> Any:
    """A number of something."""
    found = _number(value)
    if isinstance(found, float):
        raise Beyond(f"`{value}` is no whole number")
    return found


def _sizes(value: Any, values: Mapping[str, Any], rank: int = 0) -> tuple[Any, int]:
    """Sizes as Keras has them, and along how many axes: a lone number is along one, or along `rank` of them."""
    if isinstance(value, str) and value.startswith("$"):
        known = values.get(_bare(value))
        if known is None and not rank:
            raise Beyond(f"it depends on `{_bare(value)}` along how many axes the size is", "write a list of sizes")
        return value, len(known) if isinstance(known, list) else 1
    if not isinstance(value, list):
        return _whole(value), 1
    if not 1 <= len(value) <= 3:
        raise Beyond(f"`{value}` are the sizes of {len(value)} axes; there may be 1, 2 or 3")
    sizes = [_whole(each) for each in value]
    return sizes[0] if len(sizes) == 1 else sizes, len(sizes)


_OWN_WORDS = frozenset({"none", "leakyrelu", "leaky_relu", *YES, *NO})
_DECIDING = {
    "dense": ("flatten", "auto_flatten"),
    "pool": ("type", "pool"),
    "recurrent": ("type", "bidirectional", "merge"),
    "dropout": ("independent",),
    "expand": ("dimension",),
    "squeeze": ("dimension",),
    "transpose": ("include_batch",),
    "merge": ("mode",),
}
"""Arguments that decide which steps there are, or which arguments these have: a spec's variable cannot."""
_LONE = ("expand", "squeeze", "merge")
"""Layers whose lone value is such an argument."""
_RANKED: dict[str, Callable[[Any, Mapping[str, Any]], Made]] = {"convolution": _convolution, "pool": _pool}
_LAYERS: dict[str, Callable[[Any], Made]] = {
    "dense": _dense,
    "recurrent": _recurrent,
    "activation": _activation,
    "batch_normalization": _normalization,
    "dropout": _dropout,
    "embedding": _embedding,
    "expand": _axis("expand", "ops.expand_dims"),
    "squeeze": _axis("squeeze", "ops.squeeze"),
    "transpose": _transpose,
    "merge": _merge,
    "repeat": _repeat,
    "flatten": _flatten,
}
