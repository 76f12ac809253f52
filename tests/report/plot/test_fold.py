"""What of a model is drawn: which boxes, which frames, which edges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from kspec.report.plot.families import FAMILIES, family
from kspec.report.plot.fold import folded, readable_depth
from kspec.report.plot.found import LARGE, parted
from kspec.report.plot.picture import Box, Item, Picture
from kspec.report.plot.tree import Group, Leaf, Tree, leaves
from kspec.report.plot.words import counted, label, operations, shape_words
from tests.report.plot.models import FLOAT, chain, stacked


def boxes(items: Iterable[Item]) -> Iterator[Box]:
    for item in items:
        if isinstance(item, Box):
            yield item
        else:
            yield from boxes(item.items)


def ways(picture: Picture) -> set[tuple[str, str]]:
    names = {box.id: box.name or box.title for box in boxes(picture.items)}
    return {(names[edge.source], names[edge.target]) for edge in picture.edges}


def test_of_equal_copies_one_is_drawn_and_nothing_leads_back() -> None:
    picture = folded(stacked(), depth=1)
    assert [box.title for box in boxes(picture.items)] == ["x", "Dense", "Add", "y"]
    assert ways(picture) == {("x", "dense"), ("dense", "add"), ("x", "add"), ("add", "y")}
    frame = picture.items[1]
    assert not isinstance(frame, Box)
    assert frame.copies == 3


def test_a_folded_block_is_one_box() -> None:
    picture = folded(stacked(), depth=0)
    assert [(box.title, box.folded) for box in boxes(picture.items)] == [("x", False), ("body", True), ("y", False)]
    assert ways(picture) == {("x", "body"), ("body", "y")}
    assert next(box for box in boxes(picture.items) if box.folded).facts == ("2 layers", "12 params")


def test_unfolded_every_copy_is_drawn() -> None:
    picture = folded(stacked(), unfold=True)
    assert len(list(boxes(picture.items))) == 2 + 2 * 3
    assert len(picture.edges) == 3 * 3 + 1
    assert len(list(boxes(folded(stacked(), depth=0, unfold=True).items))) == 2 + 3


def test_blocks_are_unfolded_as_far_as_one_can_read() -> None:
    calls = chain(*(f"a.{number}" for number in range(60)))
    wide = tuple(Group("block", f"b{at}", "b", calls[at : at + 6]) for at in range(0, 60, 6))
    assert readable_depth(Tree("t", wide, 0)) == 0
    assert readable_depth(Tree("t", wide[:5], 0)) == 1
    assert readable_depth(Tree("t", calls, 0)) == 0


def test_several_outputs_are_told_apart_and_share_an_edge() -> None:
    lstm = Leaf(0, "lstm", "LSTM", (FLOAT, ((None, 4), "float32")))
    reader = Leaf(1, "reader", "LSTM", (FLOAT,), ((0, 1), (0, 0), (0, 1)))
    assert folded(Tree("t", (lstm, reader), 0)).edges[0].labels == ("[1] 4 float32", "[0] 3 float32")


def test_shared_weights_are_an_edge_of_their_own() -> None:
    first, second = chain("a", "b")
    tree = Tree("t", (first, second._replace(params=0, twin=0)), 12)
    picture = folded(tree)
    assert [edge.kind for edge in picture.edges] == ["tensor", "weights"]
    assert [box.facts for box in boxes(picture.items)] == [("12 params",), ("shared weights",)]


@pytest.mark.parametrize(
    ("shape", "words"),
    [((None, 5, 4), "5 × 4"), ((None,), "scalar"), ((2, 3), "(2 × 3)"), ((None, None, 7), "? × 7"), ((), "()")],
)
def test_shapes_are_those_of_one_example(shape: tuple[int | None, ...], words: str) -> None:
    assert shape_words(shape) == words
    assert label((shape, "int32")) == f"{words} int32"


def test_numbers_are_short() -> None:
    assert [counted(number) for number in (0, 999_999, 25_636_712, 66_325_856_256, 10**15)] == [
        "0", "999,999", "25.6M", "66.3B", "1,000T"
    ]  # fmt: skip
    assert [operations(number) for number in (7, 7_449_416_265)] == ["7 FLOPs", "7.45 GFLOPs"]


def test_every_layer_of_keras_has_a_family() -> None:
    from kspec import catalog

    families = {name: family(name).name for name in catalog.entries("layers")}
    assert families["Conv2DTranspose"] == families["DepthwiseConv1D"] == "convolution"
    assert families["GroupQueryAttention"] == "attention"
    assert families["BatchNormalization"] == "normalization"
    assert families["ConvLSTM2D"] == "recurrent"
    assert set(families.values()) <= set(FAMILIES)


def network(blocks: int) -> Tree:
    """A convolution with what follows it, then equal parts of two branches, as a saved model has them."""
    made: list[Leaf] = [Leaf(0, "x", "Input", (FLOAT,))]

    def add(operation: str, *sources: int) -> int:
        number = len(made)
        made.append(Leaf(number, f"{operation}_{number}", operation, (FLOAT,), tuple((each, 0) for each in sources)))
        return number

    last = add("Activation", add("BatchNormalization", add("Conv2D", 0)))
    for _ in range(blocks):
        inner = add("Activation", add("BatchNormalization", add("Conv2D", last)))
        last = add("Activation", add("Add", add("Conv2D", inner), last))
    add("Output", add("Dense", last))
    return Tree("net", tuple(made), 0)


def test_parts_of_a_model_without_blocks_are_found() -> None:
    tree = parted(network(8))
    kinds = [part.kind if isinstance(part, Group) else part.operation for part in tree.parts]
    assert kinds == ["Input", "unit", "run", "Dense", "Output"]
    run = tree.parts[2]
    assert isinstance(run, Group)
    assert len(run.parts) == 8
    assert [leaf.number for leaf in sorted(leaves(tree.parts))] == list(range(len(network(8).leaves())))
    drawn = [box.title for box in boxes(folded(tree, depth=0).items)]
    assert drawn == ["x", "Conv2D", "Add_8", "Activation", "Dense", f"Output_{3 + 6 * 8 + 2}"]


def test_a_small_model_stays_as_it_is() -> None:
    assert len(network(3).parts) <= LARGE
    assert parted(network(3)) == network(3)
