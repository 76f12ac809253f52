"""Where models come from: files, configurations, Python; and what of them is refused, in one message."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kspec as library
from kspec import api
from kspec.convert.calls import same_mask
from kspec.diagnostics import UsageError
from kspec.importing import import_model
from kspec.model.quiet import without_keras_warnings
from tests.conftest import SPECS, run_kspec
from tests.convert.same import assert_survives, form, keras
from tests.model import twins

layers, ops = keras.layers, keras.ops


def small() -> Any:
    inputs = keras.Input((8,), name="x")
    middle = layers.Dense(4, activation="relu", name="mine")(inputs)
    return keras.Model(inputs, layers.Dense(2, name="kind")(middle), name="small")


@pytest.fixture
def saved(in_tmp: Path) -> Path:
    model = small()
    model.compile(
        keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(1e-3, 100)),
        loss={"kind": keras.losses.SparseCategoricalCrossentropy(from_logits=True)},
        metrics=["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(k=2)],
    )
    with without_keras_warnings():
        model.save("small.keras")
    return in_tmp / "small.keras"


SPEC = """\
kspec: 1
name: small
inputs:
  x: 8
layers:
  - Dense: {units: 4, activation: relu}
  - Dense: 2
    name: kind
compile:
  optimizer: {AdamW: {learning_rate: {CosineDecay: {initial_learning_rate: 0.001, decay_steps: 100}}}}
  loss: {kind: {SparseCategoricalCrossentropy: {from_logits: true}}}
  metrics:
    - accuracy
    - {SparseTopKCategoricalAccuracy: {k: 2}}
"""


def test_an_archive(saved: Path) -> None:
    outcome = run_kspec("import", saved, "-o", "small.yaml")
    assert outcome.text == f"exit 0\n{saved} → small.yaml\n"
    assert Path("small.yaml").read_text() == SPEC
    assert isinstance(library.load("small.yaml").build().optimizer, keras.optimizers.AdamW)


@pytest.mark.parametrize("weights", ["w.weights.h5", "w.safetensors"])
def test_weights_beside_it(saved: Path, weights: str) -> None:
    assert run_kspec("import", saved, "-o", "small.yaml", "--weights", weights).status == 0
    assert f"\nweights: {weights}\ninputs:" in Path("small.yaml").read_text()
    with without_keras_warnings():
        model = keras.saving.load_model(saved, compile=False)
    twins.assert_same_outputs(model, library.load("small.yaml").build())
    for wrong in ("w.npz", ".safetensors"):
        assert run_kspec("import", saved, "--weights", wrong).status == 2


@pytest.mark.parametrize(
    ("command", "times"),
    [(("import",), 1), (("import", "-o", "s.yaml", "--weights", "w.safetensors"), 2), (("weights", "ls"), 1)],
)
def test_checksums_are_computed_once_a_reading(
    saved: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], times: int
) -> None:
    seen: list[str | None] = []
    whole = zipfile.ZipFile.testzip
    monkeypatch.setattr(zipfile.ZipFile, "testzip", lambda archive: seen.append(archive.filename) or whole(archive))
    assert run_kspec(*command, saved).status == 0
    assert len(seen) == times


def test_the_source_stays(saved: Path) -> None:
    Path("link.yaml").symlink_to(saved)
    Path("link.weights.h5").symlink_to(saved)
    Path("net.yml").write_text("settings: {}\n", encoding="utf-8")
    before = {path: path.read_bytes() for path in saved.parent.iterdir()}
    for arguments in (
        (saved, "-o", "link.yaml"),
        (saved, "-o", "s.yaml", "--weights", "link.weights.h5"),
        ("net.yml", "-o", "./net.yml"),
    ):
        outcome = run_kspec("import", *arguments)
        assert outcome.status == 2
        assert "is what is read: it would be written over" in outcome.err
    assert {path: path.read_bytes() for path in saved.parent.iterdir()} == before


def test_weights_do_not_change_without_their_spec(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The spec is on the disk under another name when the weights are written, and is gone where they cannot be."""
    Path("s.yaml").write_text("before", encoding="utf-8")
    found: list[str] = []

    def save(model: Any, path: Path) -> None:
        found.extend(each.read_text(encoding="utf-8") for each in saved.parent.glob(".kspec-*.yaml"))
        raise library.FileError(library.Problem("file-write", "the disk is full"))

    monkeypatch.setattr("kspec.model.save.save", save)
    assert run_kspec("import", saved, "-o", "s.yaml", "--weights", "w.safetensors").status == 3
    assert [each.startswith("kspec: 1\n") for each in found] == [True]
    assert sorted(path.name for path in saved.parent.iterdir()) == ["s.yaml", "small.keras"]
    assert Path("s.yaml").read_text(encoding="utf-8") == "before"


def test_all_names(saved: Path) -> None:
    assert "name: mine" in run_kspec("import", saved, "--names", "all").out


def test_a_configuration(in_tmp: Path) -> None:
    Path("small.json").write_text(small().to_json())
    assert run_kspec("import", "small.json").out == SPEC[: SPEC.index("compile:")]


def test_a_python_object(in_tmp: Path) -> None:
    Path("made_here.py").write_text(
        "import keras\n\ndef make():\n    x = keras.Input((3,), name='x')\n"
        "    return keras.Model(x, keras.layers.Dense(2, name='y')(x), name='made')\n"
    )
    refused = run_kspec("import", "made_here:make")
    assert refused.status == 2
    assert "untrusted-code" in refused.err
    assert run_kspec("import", "made_here:make", "--trust", "made_here").out.endswith("- Dense: 2\n    name: y\n")
    missing = run_kspec("import", "made_here:other", "--trust", "made_here")
    assert missing.status == 2
    assert "custom-code" in missing.err


class Squares(layers.Layer):
    def call(self, x: Any) -> Any:
        return x * x


def subclassed() -> Any:
    class Model(keras.Model):
        def call(self, x: Any) -> Any:
            return x

    return Model(name="mine")


def with_lambda() -> Any:
    inputs = keras.Input((8,))
    return keras.Model(inputs, layers.Lambda(lambda x: x + 1, name="plus_one")(inputs))


def with_function() -> Any:
    inputs = keras.Input((8,))
    return keras.Model(inputs, layers.Dense(2, activation=lambda x: x, name="strange")(inputs))


def with_lambda_loss() -> Any:
    model = small()
    model.compile("sgd", lambda y, made: y - made)
    return model


def with_wrapped_model() -> Any:
    inputs = keras.Input((2, 4, 5))
    inner = layers.TimeDistributed(keras.Sequential([layers.Dense(3)]))
    return keras.Model(inputs, layers.TimeDistributed(inner, name="each")(inputs))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (subclassed, "`mine` is a subclassed model (Model)"),
        (lambda: keras.Sequential([layers.Dense(2)], name="open"), "`open` has no input shape yet"),
        (with_lambda, "plus_one"),
        (with_function, "strange"),
        (with_lambda_loss, "`compile` uses a function without a name, which is code"),
        (with_wrapped_model, "`each` (TimeDistributed) is a layer around a model, which no spec can say"),
    ],
)
def test_what_no_spec_can_say(make: Any, says: str) -> None:
    with pytest.raises(library.FileError) as error:
        import_model(make())
    (problem,) = error.value.problems
    assert problem.code == "import-model"
    assert says in problem.message
    assert problem.help


def rewritten(path: Path, change: Any) -> Path:
    """The archive with another configuration."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    members["config.json"] = json.dumps(change(config)).encode()
    result = path.with_name("changed.keras")
    with zipfile.ZipFile(result, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return result


def cycle(config: Any) -> Any:
    mine, kind = config["config"]["layers"][1:3]
    mine["inbound_nodes"][0]["args"][0]["config"]["keras_history"][0] = kind["name"]
    return config


def unknown_class(config: Any) -> Any:
    config["config"]["layers"][1] |= {"class_name": "Evil", "module": "os.path"}
    return config


def a_lambda(config: Any) -> Any:
    config["config"]["layers"][1] |= {"class_name": "Lambda"}
    return config


def no_wires(config: Any) -> Any:
    config["config"]["layers"][1]["inbound_nodes"] = [{"args": [], "kwargs": {}}]
    return config


@pytest.mark.parametrize(
    "change", [cycle, unknown_class, a_lambda, no_wires, lambda config: {"class_name": "Functional"}]
)
def test_hostile_archives(saved: Path, change: Any) -> None:
    bad = rewritten(saved, change)
    outcome = run_kspec("import", bad, "-o", "bad.yaml")
    assert outcome.status == 3
    assert "error[model-file]" in outcome.err or "error[import-model]" in outcome.err
    assert "Traceback" not in outcome.text
    assert not Path("bad.yaml").exists()


def test_no_trust_is_asked_for_a_lambda_and_a_way_out_is_told(saved: Path) -> None:
    outcome = run_kspec("import", rewritten(saved, a_lambda), "--trust", "mypkg")
    assert outcome.status == 3
    assert "--trust" not in outcome.err
    assert "a layer class of your own" in outcome.err
    assert "--trust" in run_kspec("import", rewritten(saved, unknown_class)).err


def test_truncated_archives(saved: Path) -> None:
    content = saved.read_bytes()
    for part in (0, 10, len(content) // 2, len(content) - 5):
        Path("cut.keras").write_bytes(content[:part])
        outcome = run_kspec("import", "cut.keras")
        assert (outcome.status, "error[model-file]" in outcome.err) == (3, True)


def other_checksum(raw: bytearray, start: int, entry: int) -> None:
    raw[entry + 16] ^= 1


def no_deflate(raw: bytearray, start: int, entry: int) -> None:
    raw[start : start + 4] = b"\xff" * 4


def said_encrypted(raw: bytearray, start: int, entry: int) -> None:
    raw[entry + 8] |= 1


@pytest.mark.parametrize("damage", [other_checksum, no_deflate, said_encrypted])
def test_damaged_metadata(in_tmp: Path, damage: Any) -> None:
    """What an archive says of its version is read before anything else is looked through."""
    with zipfile.ZipFile("bad.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.0.0"}))
        archive.writestr("config.json", small().to_json())
        archive.writestr("model.weights.h5", b"")
    raw = bytearray(Path("bad.keras").read_bytes())
    damage(raw, 30 + len("metadata.json"), raw.index(b"PK\x01\x02"))
    Path("bad.keras").write_bytes(raw)
    outcome = run_kspec("import", "bad.keras")
    assert (outcome.status, "this is not a whole .keras file" in outcome.err) == (3, True)


@pytest.mark.parametrize("text", ["", "[1, 2]", "{}", "[" * 100_000, '{"class_name": "Functional", "config": 3}'])
def test_no_configuration(in_tmp: Path, text: str) -> None:
    Path("bad.json").write_text(text)
    outcome = run_kspec("import", "bad.json")
    assert outcome.status == 3
    assert "error[model-file]" in outcome.err


@pytest.mark.parametrize(
    ("source", "status"),
    [("nothing.keras", 3), ("keras.applications.ResNet5", 2), ("old.h5", 3), ("what", 2), ("keras.applications", 2)],
)
def test_no_source(in_tmp: Path, source: str, status: int) -> None:
    outcome = run_kspec("import", source)
    assert outcome.status == status
    assert "Traceback" not in outcome.text


def test_a_very_deep_model(in_tmp: Path) -> None:
    from kspec.model.backend import deeply

    def make() -> None:
        tensor = inputs = keras.Input((2,))
        for _ in range(1500):
            tensor = layers.Activation("relu")(tensor)
        Path("deep.json").write_text(keras.Model(inputs, tensor).to_json())

    deeply(make, 1500)
    outcome = run_kspec("import", "deep.json")
    assert outcome.status == 0, outcome.err
    assert "repeat: 1500" in outcome.out


def several() -> Any:
    """Nearly all that a call can be: constants, indices, several outputs, shared layers, models, mappings."""
    one, two = keras.Input((6, 4), name="one"), keras.Input((6, 4), name="two")
    inner = keras.Sequential([keras.Input((6, 4)), layers.Dense(4), layers.LayerNormalization()], name="inner")
    lstm = layers.LSTM(4, return_state=True, return_sequences=True)
    sequence, hidden, cell = lstm(inner(one))
    attended = layers.MultiHeadAttention(2, 3)(sequence, inner(two), use_causal_mask=True)
    scaled = 1.0 - attended * 0.5 + ops.convert_to_tensor([1.0, 2.0, 3.0, 4.0])
    first, last = scaled[:, 0], scaled[..., -1:]
    low, high = ops.split(hidden, 2, axis=-1)
    joined = layers.Concatenate()([first, low, high, cell, layers.Flatten()(last)])
    return keras.Model([one, two], {"joined": layers.Dense(3, dtype="float16")(joined), "state": cell})


def test_what_keras_fills_in_when_it_builds_a_layer_is_left_out() -> None:
    inputs = keras.Input((6, 5, 4))
    normal = layers.LayerNormalization(epsilon=1e-6)(inputs)
    attended = layers.MultiHeadAttention(2, 3)(normal, normal)
    over_rows = layers.MultiHeadAttention(2, 3, attention_axes=(1,))(attended, attended)
    model = keras.Model(inputs, layers.LayerNormalization(axis=[1, 2])(over_rows))
    lines = [line.strip("- ") for line in assert_survives(model).splitlines() if "Norm" in line or "Attention" in line]
    assert lines == [
        "LayerNormalization: {epsilon: 1.0e-06}",
        "MultiHeadAttention: {num_heads: 2, key_dim: 3}",
        "MultiHeadAttention: {num_heads: 2, key_dim: 3, attention_axes: 1}",
        "LayerNormalization: {axis: [1, 2]}",
    ]


def test_a_large_constant_is_told() -> None:
    inputs = keras.Input((40, 30))
    told: list[str] = []
    import_model(keras.Model(inputs, inputs + np.ones((40, 30), "float32")), tell=told.append)
    (note,) = told
    assert "takes an array of 1,200 numbers" in note


def test_a_model_inside_needs_no_name_for_its_end() -> None:
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="relu"), layers.Dense(2)], name="inner")
    one, two = keras.Input((4,), name="one"), keras.Input((4,), name="two")
    text = assert_survives(keras.Model([one, two], layers.Add(name="sum")([inner(one), inner(two)])))
    assert "- Dense: {units: 3, activation: relu}\n      - Dense: 2\nlayers:" in text


def test_inputs_that_are_a_mapping_are_given_by_name() -> None:
    made = {"words": keras.Input((6,), name="words"), "age": keras.Input((2,), name="age")}
    model = keras.Model(made, layers.Dense(3)(layers.Concatenate()([made["words"], made["age"]])))
    told: list[str] = []
    again = api.loads(import_model(model, tell=told.append)).build(compile=False)
    assert told == ["the inputs are a mapping in Keras, and a list here: both take them by name"]
    for mine, theirs in zip(again.weights, model.weights, strict=True):
        mine.assign(np.array(theirs.value))
    given = {"words": np.ones((2, 6)), "age": np.zeros((2, 2))}
    np.testing.assert_array_equal(again.predict(given, verbose=0), model.predict(given, verbose=0))


def test_names_are_those_that_are_needed_or_all() -> None:
    with pytest.raises(UsageError, match="names are `needed` or `all`, not `al`"):
        import_model(small(), names="al")  # type: ignore[arg-type]


def test_nearly_everything() -> None:
    assert_survives(several())


def masked() -> Any:
    inputs = keras.Input((7,), dtype="int32")
    words = layers.Embedding(20, 6, mask_zero=True)(inputs)
    return keras.Model(inputs, layers.GRU(5)(layers.Bidirectional(layers.LSTM(4, return_sequences=True))(words)))


def test_masks() -> None:
    assert_survives(masked())


def test_masks_that_meet_again_and_again_are_compared_once() -> None:
    """An Add joins the masks of its branches: there are 2 ** 100 ways through a hundred of them."""
    ids = keras.Input((3,), dtype="int32")

    def mask(start: int) -> Any:
        found = ops.not_equal(ids, start)
        for _ in range(100):
            found = ops.logical_or(found, found)
        return found

    words = layers.Embedding(5, 3)(ids)
    words._keras_mask = mask(0)
    assert same_mask(mask(0), words)
    assert not same_mask(mask(1), words)


def test_masks_that_differ_in_a_parameter_are_told_apart() -> None:
    pixels = keras.Input((3, 3))
    rows, columns = (ops.any(ops.not_equal(pixels, 0), axis=axis) for axis in (1, 2))
    pixels._keras_mask = rows
    assert same_mask(ops.any(ops.not_equal(pixels, 0), axis=1), pixels)
    assert not same_mask(columns, pixels)


@pytest.mark.filterwarnings("ignore:Layer 'inner'")  # which hands no mask on
@pytest.mark.parametrize("mask_zero", [False, True])
def test_masks_of_a_model_that_takes_a_mapping(mask_zero: bool) -> None:
    inner_inputs = {"p": keras.Input((4, 3), name="p"), "q": keras.Input((4, 3), name="q")}
    inner = keras.Model(inner_inputs, layers.GRU(2)(layers.Add()(list(inner_inputs.values()))), name="inner")
    inputs = [keras.Input((4,), dtype="int32", name=name) for name in "ab"]
    one, two = (layers.Embedding(5, 3, mask_zero=mask_zero)(each) for each in inputs)
    model = keras.Model(inputs, inner({"p": one, "q": two}))
    assert "mask:" not in import_model(keras.models.model_from_json(model.to_json()))


def test_a_sequential_model_is_a_chain() -> None:
    model = keras.Sequential([keras.Input((28, 28, 1)), layers.Conv2D(8, 3), layers.Flatten(), layers.Dense(10)])
    assert_survives(model)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "bfloat16", "float16"])
def test_policies(policy: str) -> None:
    inputs = keras.Input((8,))
    middle = layers.Dense(4, dtype=policy)(inputs)
    kept = layers.Dense(4, dtype="float32")(middle)
    model = keras.Model(inputs, layers.Dense(2, dtype=policy)(layers.Add(dtype=policy)([middle, kept])))
    text = import_model(model)
    assert form(api.loads(text).build()) == form(model)
    function = keras.Model(inputs, ops.tanh(layers.Dense(4, dtype=policy)(inputs)))
    assert form(api.loads(import_model(function)).build()) == form(function)


@pytest.mark.parametrize("name", ["vae", "custom_layer"])
def test_code_of_ones_own(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SPECS)
    model = api.load(f"{name}.yaml", trust=["custom_layers"]).build()
    text = import_model(model, trust=["custom_layers"])
    again = api.loads(text, trust=["custom_layers"]).build()
    assert type(again) is type(model)
    assert form(again) == form(model)


def test_a_frozen_model_says_so_once() -> None:
    text = import_model(api.load(SPECS / "transfer.yaml").build(compile=False))
    assert text.count("trainable: false") == 1


def test_arguments_of_losses_and_metrics_that_keras_does_not_save() -> None:
    model = small()
    model.compile(
        "sgd", {"kind": keras.losses.Huber(delta=0.5)}, metrics=[keras.metrics.CosineSimilarity(axis=0), "mse"]
    )
    text = import_model(model)
    assert "loss: {kind: {Huber: 0.5}}" in text or "loss: {kind: {Huber: {delta: 0.5}}}" in text
    assert "axis: 0" in text
    model.compile("sgd", keras.losses.Huber(), metrics=(keras.metrics.CosineSimilarity(axis=0),))
    text = import_model(model)
    assert "loss: Huber\n" in text
    assert "axis: 0" in text


def test_weights_that_do_not_decay_are_told() -> None:
    model, told = small(), list[str]()
    optimizer = keras.optimizers.AdamW()
    model.compile(optimizer, "mse")
    import_model(model, tell=told.append)
    assert not told
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    import_model(model, tell=told.append)
    assert "exclude_from_weight_decay" in told[0]


class Ready(keras.Model):
    def __init__(self, units: int = 3, **more: Any) -> None:
        inputs = keras.Input((4,), name="x")
        super().__init__(inputs, layers.Dense(units)(inputs), **more)


class Trained(Ready):
    def train_step(self, data: Any) -> Any:
        return {}


def test_a_class_that_only_makes_its_graph_is_that_graph() -> None:
    told: list[str] = []
    text = import_model(Ready(), tell=told.append)
    assert "class:" not in text
    assert text.endswith("inputs:\n  x: 4\nlayers:\n  - Dense: 3\n")
    assert [note for note in told if "`Ready` only makes its graph" in note]


def test_a_class_that_makes_its_graph_itself_is_not_made_of_another() -> None:
    with pytest.raises(library.FileError) as error:
        import_model(Trained(), trust=["tests"])
    (problem,) = error.value.problems
    assert "`Trained` makes its graph itself" in problem.message
    assert "(inputs, outputs, **kwargs)" in problem.help


def test_custom_layers_are_named_with_their_module(in_tmp: Path) -> None:
    inputs = keras.Input((8,))
    with pytest.raises(library.FileError) as error:
        import_model(keras.Model(inputs, Squares()(inputs)))
    assert "not trusted" in error.value.problems[0].message
