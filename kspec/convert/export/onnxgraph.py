"""What jax2onnx's graphs need before they are written: pooling that runtimes know, and names that people know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kspec.convert.export.problems import Unexportable

_MOST = 2**31 - 2**20
"""Bytes that a file of ONNX may have: protobuf counts them in 31 bits."""


def finish(model: Any, inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    """The bytes of an ONNX model whose inputs and outputs have these names. Raises Unexportable for too many bytes."""
    for graph in _graphs(model.graph):
        _pool_plainly(graph)
    _name(model.graph, inputs, outputs)
    size = model.ByteSize()
    if size > _MOST:
        help = "`--format stablehlo` or `--format weights` have no such bound"
        raise Unexportable(f"its {size:,} bytes are more than the 2 GiB that a file of ONNX holds", help=help)
    data: bytes = model.SerializeToString()
    return data


def _graphs(graph: Any) -> Iterator[Any]:
    """A graph, and those inside of its loops and branches."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _graphs(attribute.g)


# -- pooling -----------------------------------------------------------------------------------------------------------


def _pool_plainly(graph: Any) -> None:
    """MaxPool over the axes that are pooled only.

    jax2onnx writes JAX's window over all axes, batch and channels too, behind two axes of its own: a kernel of four
    numbers, which ONNX Runtime has none of. `Unsqueeze → Unsqueeze → MaxPool → Squeeze` becomes
    `Transpose → MaxPool → Transpose`.
    """
    for node in [each for each in graph.node if each.op_type == "MaxPool"]:
        made = {output: each for each in graph.node for output in each.output}
        readers = [each for each in graph.node if node.output[0] in each.input]
        outer = made.get(node.input[0])
        inner = made.get(outer.input[0]) if outer is not None and outer.op_type == "Unsqueeze" else None
        if (
            outer is None
            or inner is None
            or inner.op_type != "Unsqueeze"
            or [each.op_type for each in readers] != ["Squeeze"]
        ):
            continue
        new = _pooled(node, inner.input[0], readers[0].output[0])
        if new:
            place = list(graph.node).index(node)
            graph.node.remove(readers[0])
            graph.node.remove(node)
            for offset, each in enumerate(new):
                graph.node.insert(place + offset, each)
            for each in (outer, inner):
                if not any(each.output[0] in other.input for other in graph.node):
                    graph.node.remove(each)


def _pooled(node: Any, source: str, target: str) -> list[Any]:
    """The nodes that pool `source` into `target` plainly; none where more than three axes are pooled."""
    from onnx import helper

    attributes = {each.name: list(each.ints) for each in node.attribute if each.ints}
    kernel = attributes.pop("kernel_shape")
    rank = len(kernel)
    pads = attributes.pop("pads", [0] * 2 * rank)
    strides = attributes.get("strides", [1] * rank)
    still = [axis for axis in range(rank) if kernel[axis] == strides[axis] == 1 and not pads[axis] + pads[axis + rank]]
    pair = [0, rank - 1] if {0, rank - 1} <= set(still) else still[:2]
    over = [axis for axis in range(rank) if axis not in pair]
    if len(pair) < 2 or not 1 <= len(over) <= 3:
        return []
    order = [*pair, *over]
    settings = {name: [values[axis] for axis in over] for name, values in attributes.items()}
    settings["kernel_shape"] = [kernel[axis] for axis in over]
    settings["pads"] = [pads[axis] for axis in over] + [pads[axis + rank] for axis in over]
    before, after = f"{target}_moved", f"{target}_pooled"
    back = [order.index(axis) for axis in range(rank)]
    return [
        helper.make_node("Transpose", [source], [before], name=before, perm=order),
        helper.make_node("MaxPool", [before], [after], name=node.name, **settings),
        helper.make_node("Transpose", [after], [target], name=after, perm=back),
    ]


# -- names -------------------------------------------------------------------------------------------------------------


def _name(graph: Any, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """The graph's inputs and outputs get these names, and whatever else has one of them gets another."""
    from onnx import helper

    given = {each.name for each in graph.input} | {each.name for each in graph.initializer}
    counts = Counter(each.name for each in graph.output)
    for index, output in enumerate(graph.output):
        if output.name in given or counts[output.name] > 1:  # what comes out as it goes in, or twice
            name = f"{output.name}_out_{index}"
            graph.node.append(helper.make_node("Identity", [output.name], [name], name=name))
            output.name = name
    wanted = dict(zip((each.name for each in graph.input), inputs, strict=True))
    wanted |= dict(zip((each.name for each in graph.output), outputs, strict=True))
    taken = set(wanted.values())
    others = {name: f"{name}_inner" for name in _names(graph) - set(wanted) if name in taken}
    _rename(graph, others | wanted)


def _names(graph: Any) -> set[str]:
    found = {each.name for each in graph.initializer}
    for node in graph.node:
        found.update(node.input, node.output)
    return found.union(*(_names(each.g) for node in graph.node for each in node.attribute if each.HasField("g")))


def _rename(graph: Any, names: Mapping[str, str]) -> None:
    """Values by their new names everywhere, in loops and branches too, which see what is around them."""
    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        value.name = names.get(value.name, value.name)
    for node in graph.node:
        for each in (node.input, node.output):
            for index, name in enumerate(each):
                each[index] = names.get(name, name)
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _rename(attribute.g, names)
