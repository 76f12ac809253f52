"""Random programs that are right: shapes are followed while they are drawn."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from hypothesis import strategies as st

from tests.model.programs import Again, Block, Call, Parallel, Program, Repeat, Residual, Use, Var

Shape = tuple[int, ...]
Draw = Callable[[Any], Any]

SMALL = st.integers(1, 5)
ACTIVATIONS = st.sampled_from(["relu", "tanh", "linear", "gelu", "softplus"])


class Drawing:
    """One program while it is drawn: names given so far, and the tensors that can be taken up again."""

    def __init__(self, draw: Draw) -> None:
        self.draw, self.count = draw, 0

    def fresh(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"

    def one(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    # -- steps that keep the shape -----------------------------------------------------------------------------

    def keeping(self, shape: Shape) -> Call:
        """A layer that gives the shape it takes."""
        choices = [
            "Dense",
            "Dropout",
            "BatchNormalization",
            "LayerNormalization",
            "Activation",
            "PReLU",
            "op",
            "LeakyReLU",
        ]
        choices += {2: ["Conv1D", "GRU", "TimeDistributed", "MHA"], 3: ["Conv2D", "DepthwiseConv2D", "GroupNorm"]}.get(
            len(shape), []
        )
        kind = self.one(*choices)
        width = shape[-1]
        frozen = {"trainable": False} if self.draw(st.integers(0, 9)) == 0 else {}
        return {
            "Dense": lambda: Call("Dense", {"units": width, "activation": self.draw(ACTIVATIONS)}, words=frozen),
            "Dropout": lambda: Call("Dropout", {"rate": self.one(0.1, 0.5)}, "rate"),
            "BatchNormalization": lambda: Call("BatchNormalization", {"momentum": 0.9}, words=frozen),
            "LayerNormalization": lambda: Call("LayerNormalization"),
            "Activation": lambda: Call("Activation", {"activation": self.draw(ACTIVATIONS)}, "activation"),
            "LeakyReLU": lambda: Call("LeakyReLU", {"negative_slope": 0.2}, "negative_slope"),
            "PReLU": lambda: Call("PReLU"),
            "op": lambda: Call(self.one("ops.tanh", "ops.abs", "ops.square", "ops.sigmoid")),
            "Conv1D": lambda: Call(
                "Conv1D", {"filters": width, "kernel_size": 2, "padding": self.one("same", "causal")}
            ),
            "GRU": lambda: Call("GRU", {"units": width, "return_sequences": True}),
            "TimeDistributed": lambda: Call("TimeDistributed", {"layer": {"Dense": {"units": width}}}),
            "MHA": lambda: Call(
                "MultiHeadAttention", {"num_heads": 2, "key_dim": 2}, wires={"query": "previous", "value": "previous"}
            ),
            "Conv2D": lambda: Call(
                "Conv2D", {"filters": width, "kernel_size": 3, "padding": "same", "use_bias": self.one(True, False)}
            ),
            "DepthwiseConv2D": lambda: Call("DepthwiseConv2D", {"kernel_size": (2, 2), "padding": "same"}),
            "GroupNorm": lambda: Call("GroupNormalization", {"groups": 1}),
        }[kind]()

    # -- steps that change it ----------------------------------------------------------------------------------

    def changing(self, shape: Shape) -> tuple[Call, Shape]:
        """A layer that may give another shape, and that shape."""
        units = self.draw(SMALL)
        if len(shape) == 1:
            return self._from_vector(shape, units)
        if len(shape) == 2:
            return self._from_sequence(shape, units)
        return self._from_image(shape, units)

    def _from_vector(self, shape: Shape, units: int) -> tuple[Call, Shape]:
        (width,) = shape
        kind = self.one("Dense", "Dense", "Reshape", "RepeatVector", "sum")
        if kind == "Reshape" and width % 2 == 0:
            return Call("Reshape", {"target_shape": (width // 2, 2)}, "target_shape"), (width // 2, 2)
        if kind == "RepeatVector":
            return Call("RepeatVector", {"n": 3}, "n"), (3, width)
        if kind == "sum":
            return Call("ops.sum", {"axis": -1, "keepdims": True}), (1,)
        return Call("Dense", {"units": units}, "units"), (units,)

    def _from_sequence(self, shape: Shape, units: int) -> tuple[Call, Shape]:
        length, width = shape
        kind = self.one(
            "Dense",
            "LSTM",
            "Bidirectional",
            "Conv1D",
            "pool",
            "Flatten",
            "Global",
            "Permute",
            "ZeroPadding1D",
            "max",
            "SimpleRNN",
        )
        sequences = self.one(True, False)
        after = (length, units) if sequences else (units,)
        if kind in ("LSTM", "SimpleRNN"):
            return Call(kind, {"units": units, "return_sequences": sequences}), after
        if kind == "Bidirectional":
            inner = {"GRU": {"units": units, "return_sequences": sequences}}
            return Call(kind, {"layer": inner}, "layer"), (*after[:-1], 2 * units)
        if kind == "Conv1D" and length >= 2:
            return Call(kind, {"filters": units, "kernel_size": 2}), (length - 1, units)
        if kind == "pool" and length >= 2:
            return Call(self.one("MaxPooling1D", "AveragePooling1D"), {"pool_size": 2}, "pool_size"), (
                length // 2,
                width,
            )
        if kind == "Flatten":
            return Call(kind), (length * width,)
        if kind == "Global":
            return Call(self.one("GlobalAveragePooling1D", "GlobalMaxPooling1D")), (width,)
        if kind == "Permute":
            return Call(kind, {"dims": (2, 1)}, "dims"), (width, length)
        if kind == "ZeroPadding1D":
            return Call(kind, {"padding": 1}, "padding"), (length + 2, width)
        if kind == "max":
            return Call("ops.max", {"axis": 1}), (width,)
        return Call("Dense", {"units": units}), (length, units)

    def _from_image(self, shape: Shape, units: int) -> tuple[Call, Shape]:
        height, width, channels = shape
        kind = self.one("Conv2D", "SeparableConv2D", "pool", "UpSampling2D", "Flatten", "Global", "Reshape", "strided")
        if kind in ("Conv2D", "SeparableConv2D"):
            return Call(kind, {"filters": units, "kernel_size": 3, "padding": "same"}), (height, width, units)
        if kind == "strided":
            after = ((height + 1) // 2, (width + 1) // 2, units)
            return Call("Conv2D", {"filters": units, "kernel_size": (3, 1), "strides": 2, "padding": "same"}), after
        if kind == "pool" and min(height, width) >= 2:
            return Call(self.one("MaxPooling2D", "AveragePooling2D"), {"pool_size": 2}, "pool_size"), (
                height // 2,
                width // 2,
                channels,
            )
        if kind == "UpSampling2D" and height * width < 40:
            return Call(kind), (2 * height, 2 * width, channels)
        if kind == "Flatten":
            return Call(kind), (prod(shape),)
        if kind == "Reshape":
            return Call(kind, {"target_shape": (height * width, channels)}, "target_shape"), (height * width, channels)
        return Call(self.one("GlobalAveragePooling2D", "GlobalMaxPooling2D")), (channels,)

    # -- forms -------------------------------------------------------------------------------------------------

    def chain(self, shape: Shape, depth: int, size: int = 4) -> tuple[tuple[Any, ...], Shape]:
        """A chain from that shape, and the shape it ends with."""
        steps: list[Any] = []
        for _ in range(self.draw(st.integers(1, size))):
            made, shape = self.some(shape, depth)
            steps += made
        return tuple(steps), shape

    def kept(self, shape: Shape, depth: int) -> tuple[Any, ...]:
        """A chain that ends with the shape it began with."""
        steps: list[Any] = []
        for _ in range(self.draw(st.integers(1, 2))):
            if depth and self.draw(st.integers(0, 4)) == 0:
                steps.append(Residual(self.kept(shape, depth - 1), self.one("Add", "Multiply", "Average")))
            else:
                steps.append(self.keeping(shape))
        return tuple(steps)

    def some(self, shape: Shape, depth: int) -> tuple[list[Any], Shape]:
        """A step, or a few that belong together."""
        kind = (
            self.one("keep", "change", "change", "residual", "parallel", "repeat", "block", "skip", "split")
            if depth
            else "change"
        )
        if kind == "residual":
            return [Residual(self.kept(shape, depth - 1), self.one("Add", "Multiply", "Maximum"))], shape
        if kind == "parallel":
            chains = tuple(self.kept(shape, depth - 1) for _ in range(self.draw(st.integers(2, 3))))
            named = tuple(self.fresh("way") for _ in chains) if self.one(True, False) else ()
            if self.one(True, False):
                return [Parallel(chains, "Concatenate", named)], (*shape[:-1], len(chains) * shape[-1])
            return [Parallel(chains, "Add", named)], shape
        if kind == "repeat":
            return self.repeat(shape, depth)
        if kind == "block":
            return self.block(shape, depth)
        if kind == "skip":
            name = self.fresh("skip")
            first = Call("Dense", {"units": shape[-1]}, name=name)
            join = Call(self.one("Concatenate", "ops.concatenate"), {"axis": -1}, wires=(name, "previous"))
            return [first, *self.kept(shape, depth - 1), join], (*shape[:-1], 2 * shape[-1])
        if kind == "split" and shape[-1] % 2 == 0:
            name = self.fresh("part")
            after = (*shape[:-1], shape[-1])
            apart = Call("Dense", {"units": 2 * shape[-1]}, name=name)
            return [apart, Call("ops.multiply", wires=(name, name)), Call("Dense", {"units": shape[-1]})], after
        if kind == "keep":
            return [self.keeping(shape)], shape
        step, shape = self.changing(shape)
        return [step], shape

    def repeat(self, shape: Shape, depth: int) -> tuple[list[Any], Shape]:
        if self.one(True, False):
            return [Repeat("", (0,) * self.draw(st.integers(0, 3)), self.kept(shape, depth - 1))], shape
        variable = self.fresh("walk")
        values = tuple(self.draw(st.lists(SMALL, min_size=1, max_size=3)))
        inner = (Call("Dense", {"units": Var(variable)}, self.one("units", "")), self.keeping((*shape[:-1], 1)))
        safe = inner if inner[1].op not in ("Dense", "GRU", "Conv1D", "Conv2D", "TimeDistributed") else inner[:1]
        return [Repeat(variable, values, safe)], (*shape[:-1], values[-1])

    def block(self, shape: Shape, depth: int) -> tuple[list[Any], Shape]:
        """A block, its use, and perhaps the same use once more or another with its own variables."""
        width = shape[-1]
        chain = (
            Call("Dense", {"units": Var("size"), "activation": self.draw(ACTIVATIONS)}),
            *self.kept_any(),
            Call("Dense", {"units": width}, "units"),
        )
        each = len(shape) > 1 and self.draw(st.integers(0, 2)) == 0
        nested = self.one(True, False)
        own = (*[None] * (len(shape) - 1), width) if nested and not each and self.one(True, False) else ()
        block = Block(self.fresh("block"), {"size": self.draw(SMALL)}, chain, nested, own)
        frozen = {"trainable": False} if self.draw(st.integers(0, 4)) == 0 else {}
        first = Use(block, {}, self.fresh("use"), frozen, each)
        steps: list[Any] = [first]
        if self.one(True, False):
            steps.append(Again(first.name))
        if self.one(True, False):
            steps.append(Use(block, {"size": self.draw(SMALL)}, self.fresh("use")))
        return steps, shape

    def kept_any(self) -> tuple[Any, ...]:
        """Steps for any width, inside a block whose width is a variable."""
        choices = (
            Call("Dropout", {"rate": 0.3}, "rate"),
            Call("BatchNormalization"),
            Call("ops.tanh"),
            Residual((Call("LayerNormalization"),), "Add"),
        )
        return tuple(self.draw(st.lists(st.sampled_from(choices), max_size=2)))


SHAPES = st.one_of(
    st.tuples(st.integers(1, 6)),
    st.tuples(st.integers(2, 5), st.integers(1, 4)),
    st.tuples(st.integers(2, 6), st.integers(2, 6), st.integers(1, 3)),
)


@st.composite
def programs(draw: Draw) -> tuple[Program, dict[str, Any]]:
    """A program, and variables for some of its whole numbers."""
    drawing = Drawing(draw)
    inputs = {name: draw(SHAPES) for name in ("left", "right")[: draw(st.integers(1, 2))]}
    heads, ends = [], []
    for shape in inputs.values():
        if len(inputs) > 1:
            shape = (prod(shape),)
        steps, shape = drawing.chain(shape, 2)
        if len(inputs) > 1 and len(shape) > 1:
            steps, shape = (*steps, Call("Flatten")), (prod(shape),)
        heads.append(steps)
        ends.append(shape)
    shape = ends[0] if len(ends) == 1 else (sum(end[0] for end in ends),)
    tail, shape = drawing.chain(shape, 1, 2)
    last = Call("Dense", {"units": 2}, name="last")
    outputs: tuple[str, ...] = ()
    if draw(st.booleans()):
        tail, outputs = (Call("LayerNormalization", name="early"), *tail), ("last", "early")
    variables = draw(st.dictionaries(st.sampled_from(["alpha", "beta"]), st.integers(2, 4), max_size=2))
    if len(set(variables.values())) < len(variables):
        variables = {}
    return Program(inputs, tuple(heads), (*tail, last), outputs, draw(st.integers(0, 99))), variables
