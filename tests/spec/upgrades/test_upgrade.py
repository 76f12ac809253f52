"""Texts of another day: what is written in their place, and that the rest stays as it was."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kspec.spec.source import read
from kspec.spec.upgrades import upgrade as rounds
from kspec.spec.upgrades import versions
from kspec.spec.upgrades.changes import Change
from kspec.spec.upgrades.edits import Draft, Edit, Page
from kspec.spec.upgrades.upgrade import upgraded
from kspec.spec.upgrades.versions import Version
from tests.conftest import SPECS

HEAD = "kspec: 1\nvars: {n: 3}\ninputs: {x: [28, 28, 1]}\nlayers:\n"


def of(text: str) -> str:
    """The text upgraded; a second upgrade finds nothing."""
    found = upgraded(text, "old.yaml", Path.cwd())
    again = upgraded(found.text, "old.yaml", Path.cwd())
    assert again.text == found.text
    assert not again.changes
    assert len(found.lines) == len(found.text.split("\n"))
    return found.text


STEPS = [
    ("Conv2D: {nb_filter: 8, nb_row: 3, nb_col: 5}", "Conv2D: {filters: 8, kernel_size: [3, 5]}"),
    ("Conv2D: {nb_col: 5, nb_row: $n, nb_filter: 8}", "Conv2D: {kernel_size: [$n, 5], filters: 8}"),
    (
        "Conv3D: {kernel_dim1: 1, filters: 8, kernel_dim2: 2, kernel_dim3: 3}",
        "Conv3D: {kernel_size: [1, 2, 3], filters: 8}",
    ),
    (
        "Conv3D: {kernel_dim2: 2, kernel_dim3: 3, kernel_dim1: 1, filters: 8}",
        "Conv3D: {kernel_size: [1, 2, 3], filters: 8}",
    ),
    (
        "Convolution2D: {filters: 8, kernel_size: 3, dim_ordering: 'tf'}",
        "Convolution2D: {filters: 8, kernel_size: 3, data_format: 'channels_last'}",
    ),
    ("MaxPooling2D: {dim_ordering: th}", "MaxPooling2D: {data_format: channels_first}"),
    ("CuDNNLSTM: 8", "LSTM: 8"),
    ("Bidirectional: CuDNNGRU", "Bidirectional: GRU"),
    ("Bidirectional: {CuDNNLSTM: {units: 8}}", "Bidirectional: {LSTM: {units: 8}}"),
    ("ThresholdedReLU", "ReLU: {threshold: 1.0}"),
    ("'ThresholdedReLU'", "ReLU: {threshold: 1.0}"),
    ('TimeDistributed: "ThresholdedReLU"', "TimeDistributed: {ReLU: {threshold: 1.0}}"),
    ("ThresholdedReLU: 0.5", "ReLU: {threshold: 0.5}"),
    ("ThresholdedReLU: {theta: 0.5}", "ReLU: {threshold: 0.5}"),
    ("ThresholdedReLU: {name: a}", "ReLU: {name: a, threshold: 1.0}"),
    ("TimeDistributed: ThresholdedReLU", "TimeDistributed: {ReLU: {threshold: 1.0}}"),
    ("SyncBatchNormalization", "BatchNormalization: {synchronized: true}"),
    ("SyncBatchNormalization: {axis: 1}", "BatchNormalization: {axis: 1, synchronized: true}"),
    ("BatchNormalizationV1: {fused: true, axis: 1, virtual_batch_size: null}", "BatchNormalization: {axis: 1}"),
    ("BatchNormalization: {mode: 0}", "BatchNormalization: {}"),
    ("BatchNormalization: {mode: 2}", "BatchNormalization: {mode: 2}"),
    (
        "AtrousConv2D: {filters: 8, kernel_size: 3, atrous_rate: 2}",
        "Conv2D: {filters: 8, kernel_size: 3, dilation_rate: 2}",
    ),
    ("Merge: {mode: concat, concat_axis: 1}", "Concatenate: {axis: 1}"),
    ("Merge: mul", "Multiply:"),
    ("Merge: {mode: cos}", "Merge: {mode: cos}"),
    ("nb_row", "nb_row"),
    ("Merge", "Add"),
    ("'Merge'", "'Add'"),
    ("{Merge: sum, from: [x, x]}", "{Add: {}, from: [x, x]}"),
    ("{Merge: , from: [x, x]}", "{Add: {}, from: [x, x]}"),
    ("{from: [x, x], Merge: {mode: concat, concat_axis: 1}}", "{from: [x, x], Concatenate: {axis: 1}}"),
    ("{parallel: [[], []], merge: Merge}", "{parallel: [[], []], merge: Add}"),
    (
        "{parallel: [[], []], merge: SyncBatchNormalization}",
        "{parallel: [[], []], merge: {BatchNormalization: {synchronized: true}}}",
    ),
    ("{parallel: [[], []], merge: {Merge: max}}", "{parallel: [[], []], merge: {Maximum: {}}}"),
    ("TimeDistributedDense: {output_dim: 3}", "TimeDistributed: {Dense: {units: 3}}"),
    (
        "Dense: {output_dim: 3, input_dim: 4, W_regularizer: {l2: 0.1}}",
        "Dense: {units: 3, kernel_regularizer: {l2: 0.1}}",
    ),
    ("Dense: {output_dim: 3, units: 4}", "Dense: {output_dim: 3, units: 4}"),
    (
        "Embedding: {input_dim: 3, output_dim: 4, init: uniform}",
        "Embedding: {input_dim: 3, output_dim: 4, embeddings_initializer: uniform}",
    ),
    (
        "Dense: {units: 3, kernel_constraint: {maxnorm: {m: 2}}}",
        "Dense: {units: 3, kernel_constraint: {max_norm: {max_value: 2}}}",
    ),
    ("LeakyReLU: {alpha: 0.1}", "LeakyReLU: {negative_slope: 0.1}"),
    ("GRU: {units: 3, consume_less: gpu, forget_bias_init: one}", "GRU: {units: 3}"),
    ("LSTM: {units: 3, time_major: true}", "LSTM: {units: 3, time_major: true}"),
    ("Dense: {units: 3, weights: 4}", "Dense: {units: 3, weights: 4}"),
]


@pytest.mark.parametrize(("old", "new"), STEPS)
def test_steps(old: str, new: str) -> None:
    assert of(f"{HEAD}  - {old}  # why\n  - Flatten\n") == f"{HEAD}  - {new}  # why\n  - Flatten\n"


def test_entries_on_lines_of_their_own() -> None:
    old = """\
kspec: 1
inputs: {x: [28, 28, 1]}
layers:
  - BatchNormalization:
      fused: true  # quick
      axis: 3
      virtual_batch_size: null

      # the end
  - Dense:
      input_shape: [3]
      output_dim: 4
      bias: false # none
  - SyncBatchNormalization:
      axis: -1
    name: sync
compile:
  loss: mse
  optimizer:
    SGD:
      lr: 1e-2   # slow
      decay: 1e-4
      momentum: 0.9
"""
    new = """\
kspec: 1
inputs: {x: [28, 28, 1]}
layers:
  - BatchNormalization:
      # quick
      axis: 3

      # the end
  - Dense:
      units: 4
      use_bias: false # none
  - BatchNormalization:
      axis: -1
      synchronized: true
    name: sync
compile:
  loss: mse
  optimizer:
    SGD:
      learning_rate: {InverseTimeDecay: {initial_learning_rate: 1e-2, decay_steps: 1, decay_rate: 1e-4}}   # slow
      momentum: 0.9
"""
    assert of(old) == new


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{Adam: {lr: 1e-3, decay: 0.0}}", "{Adam: {learning_rate: 1e-3}}"),
        (
            "{Adam: {decay: 1e-6}}",
            "{Adam: {learning_rate: "
            "{InverseTimeDecay: {initial_learning_rate: 0.001, decay_steps: 1, decay_rate: 1e-6}}}}",
        ),
        (
            "{SGD: {decay: $d, lr: $lr}}",
            "{SGD: {learning_rate: {InverseTimeDecay: {initial_learning_rate: $lr, decay_steps: 1, decay_rate: $d}}}}",
        ),
        (
            "{SGD: {decay: 1, lr: 0.1}}",
            "{SGD: {learning_rate: {InverseTimeDecay: {initial_learning_rate: 0.1, decay_steps: 1, decay_rate: 1}}}}",
        ),
        ("{SGD: {decay: true}}", "{SGD: {decay: true}}"),
        ("{Nadam: {schedule_decay: 0.004}}", "{Nadam: {}}"),
        ("{Nadam: {schedule_decay: 0.1}}", "{Nadam: {schedule_decay: 0.1}}"),
        ("keras.optimizers.legacy.RMSprop", "RMSprop"),
    ],
)
def test_optimizers(old: str, new: str) -> None:
    text = "kspec: 1\nvars: {lr: 1e-3, d: 1e-5}\ninputs: {x: 3}\nlayers: [{Dense: 1}]\n"
    text += "compile: {loss: mse, optimizer: %s}\n"
    assert of(text % old) == text % new


def test_training() -> None:
    text = HEAD + "  - Flatten\n  - Dense: 2\ncompile: {optimizer: adam, loss: %s, metrics: [%s]%s}\nfit: {%s}\n"
    old = text % (
        "cosine_proximity",
        "accuracy, cosine_proximity",
        ", experimental_run_tf_function: false",
        "nb_epoch: 2, callbacks: [{EarlyStopping: {monitor: val_acc}}, {ReduceLROnPlateau: {epsilon: 1e-3}}], "
        "workers: 4",
    )
    new = text % (
        "cosine_similarity",
        "accuracy, cosine_similarity",
        "",
        "epochs: 2, callbacks: [{EarlyStopping: {monitor: val_accuracy}}, {ReduceLROnPlateau: {min_delta: 1e-3}}]",
    )
    assert of(old) == new


def test_the_last_line_has_no_end() -> None:
    text = HEAD + "  - Flatten\n  - Dense:\n      units: 3\n      %s: false"
    assert of(text % "bias") == text % "use_bias"
    assert of(text % "bias" + "\n      input_dim: 3") == text % "use_bias" + "\n"


def test_inside_blocks_and_models() -> None:
    text = "kspec: 1\ninputs: {x: 3}\nblocks:\n  unit:\n    vars: {n: 3}\n"
    text += "    layers: [{Dense: {%s: $n}}, {residual: [{Dropout: {%s: 0.1}}]}]\n"
    text += "layers: [unit, {unit: 4}, {repeat: 2, layers: [unit]}]\n"
    assert of(text % ("output_dim", "p")) == text % ("units", "rate")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "# mine\n\ninputs: {x: 3}\nlayers: [{Dense: 1}]\n",
            "# mine\n\nkspec: 1\ninputs: {x: 3}\nlayers: [{Dense: 1}]\n",
        ),
        ("{inputs: {x: 3}, layers: [{Dense: 1}]}", "{kspec: 1, inputs: {x: 3}, layers: [{Dense: 1}]}"),
        (
            "---\r\n  inputs: {x: 3}\r\n  layers: [Flatten]\r\n",
            "---\r\n  kspec: 1\r\n  inputs: {x: 3}\r\n  layers: [Flatten]\r\n",
        ),
        (
            "kspec: '1.0'  # yes\ninputs: {x: 3}\nlayers: [Flatten]\n",
            "kspec: 1  # yes\ninputs: {x: 3}\nlayers: [Flatten]\n",
        ),
        ("services: {web: {image: nginx}}\nlayers: [Flatten]\nvolumes: {}\n", None),
        ("kspec: 7\ninputs: {x: 3}\nlayers: [Flatten]\n", None),
        ("[1, 2]\n", None),
    ],
)
def test_the_format_s_version(old: str, new: str | None) -> None:
    assert of(old) == (new if new is not None else old)


def test_a_later_format_s_upgrades_come_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry as it will be when there is a second format: its edits are done, then the number is written."""

    def edits(page: Page) -> list[Edit]:
        found = page.word(("title",), "name") if "title" in page.source.data else None
        return [found] if found is not None else []

    later = (*versions.VERSIONS, Version(1, "`title` is `name`", edits))
    for module in (versions, rounds):
        monkeypatch.setattr(module, "VERSIONS", later)
    one = "title: a  # the title\nkspec: 1\nlayers: [Flatten]\n"
    found = upgraded(one, "old.yaml", Path.cwd())
    assert found.text == "name: a  # the title\nkspec: 2\nlayers: [Flatten]\n"
    assert [str(each) for each in found.changes] == ["1: format 2: `title` is `name`"]
    none = upgraded(one.replace("kspec: 1\n", ""), "old.yaml", Path.cwd())
    assert none.text.startswith("kspec: 2\nname: a")


@pytest.mark.parametrize("path", sorted(SPECS.rglob("*.yaml")), ids=lambda path: path.stem)
def test_the_gallery_is_of_today(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = upgraded(text, str(path), path.parent)
    assert found.text == text
    assert not found.changes


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("compile:\n  optimizer:\n    SGD:\n      decay: 1, 2}\n", None),
        ("compile:\n  optimizer:\n    SGD:\n      learning_rate: a]\n      decay: 1\n", None),
        ("  - ThresholdedReLU: 1, 2}\n", None),
        ("  - ThresholdedReLU: ${n * 2}\n", None),
        ("  - TimeDistributedDense: a# b\n", None),
        ("  - TimeDistributedDense: |\n", None),
        ("  - TimeDistributedDense: 'a, }'\n", "  - TimeDistributed: {Dense: 'a, }'}\n"),
        (
            "  - Conv2D:\n      nb_filter: 3\n      nb_row: 3, [\n      nb_col: 4\n",
            "  - Conv2D:\n      filters: 3\n      nb_row: 3, [\n      nb_col: 4\n",
        ),
        ("  - Merge:\n      mode: concat\n      concat_axis: 1, {\n", None),
        ("  - BatchNormalization: {fused: &f true}\n  - Dense: {units: 3, use_bias: *f}\n", None),
    ],
)
def test_what_would_read_otherwise_in_braces_stays(old: str, new: str | None) -> None:
    """A word in a block may hold what ends it in braces; an anchor may be asked for elsewhere."""
    head = HEAD if old.startswith(" ") else HEAD + "  - Flatten\n"
    assert of(head + old) == head + (old if new is None else new)


def test_what_breaks_the_text_keeps_nothing_else_from_being_upgraded() -> None:
    old = f"{HEAD}  - Dense: {{output_dim: 3}}\n  - BatchNormalization: {{fused: &f true}}\n"
    old += "  - Dense: {output_dim: 3, use_bias: *f}\n  - Merge: {mode: mul}\n"
    new = old.replace("output_dim", "units").replace("Merge: {mode: mul}", "Multiply:")
    assert of(old) == new


def test_the_version_is_not_written_where_the_text_would_break() -> None:
    for old in ("&top\ninputs: {x: 3}\nlayers: [Flatten]\n", "&top {inputs: {x: 3}, layers: [Flatten]}\n"):
        assert of(old) == old


def test_what_stands_elsewhere_is_not_touched(in_tmp: Path) -> None:
    """A base's names are its own file's; an alias is what it stands for."""
    (in_tmp / "pyproject.toml").touch()
    (in_tmp / "base.yaml").write_text("kspec: 1\ninputs: {x: 3}\nlayers: [{Dense: {output_dim: 3}}]\n")
    text = "kspec: 1\nextends: base.yaml\ncompile: {optimizer: {SGD: {lr: 0.1}}, loss: mse}\n"
    found = upgraded(text, "old.yaml", in_tmp)
    assert found.text == text.replace("lr", "learning_rate")
    assert [each.code for each in found.problems] == ["unknown-argument"]
    shared = "kspec: 1\ninputs: {x: 3}\nlayers:\n  - Dense: &d {output_dim: 3}\n  - Dense: *d\n  - Dense: {<<: *d}\n"
    assert of(shared) == shared.replace("output_dim", "units")


@given(st.text("ab\n", min_size=4, max_size=20), st.data())
def test_lines_of_a_draft(text: str, data: st.DataObject) -> None:
    """Lines before the first edit and behind the last one keep the numbers that they had."""
    places = data.draw(st.lists(st.integers(0, len(text)), min_size=2, max_size=6).map(sorted))
    news = data.draw(st.lists(st.text("x\n", max_size=3), min_size=3, max_size=3))
    edits = [Edit(start, end, new) for start, end, new in zip(places[::2], places[1::2], news, strict=False)]
    done = Draft.of(text).edited(edits)
    assert len(done.lines) == done.text.count("\n") + 1
    assert list(done.lines) == sorted(done.lines)
    before, behind = text[: edits[0].start].count("\n"), text[edits[-1].end :].count("\n")
    whole = text.count("\n") + 1
    assert done.lines[:before] == tuple(range(1, before + 1))
    assert done.lines[len(done.lines) - behind :] == tuple(range(whole - behind + 1, whole + 1))


@given(st.lists(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 4)), min_size=1, max_size=3), max_size=9))
def test_changes_that_are_apart(places: list[list[tuple[int, int]]]) -> None:
    """The first of two that touch, however the words of one lie around those of another."""
    changes = [Change(1, str(index), _edits(each)) for index, each in enumerate(places)]
    taken: list[Change] = []
    for each in changes:
        others = [other for before in taken for other in before.edits]
        if not any(one.start <= other.end and other.start <= one.end for one in each.edits for other in others):
            taken.append(each)
    assert rounds._apart(changes) == taken


def _edits(places: list[tuple[int, int]]) -> tuple[Edit, ...]:
    found: list[Edit] = []
    for start, size in sorted(places):
        if not found or start >= found[-1].end:
            found.append(Edit(start, start + size, "x"))
    return tuple(found)


def test_many_changes_take_no_longer_each() -> None:
    count = 20_000
    edits = [Edit(10 * index, 10 * index + 3, "new") for index in range(count)]
    begun = time.perf_counter()
    assert len(rounds._apart(Change(1, "", (each,)) for each in edits)) == count
    done = Draft.of("old word\n\n" * count).edited(edits)
    page = Page(done.text, read("kspec: 1", "old.yaml"))
    assert [page.line_start(each.start) for each in edits[:1000]]
    assert time.perf_counter() - begun < 5  # it was minutes
    assert done.text == "new word\n\n" * count
