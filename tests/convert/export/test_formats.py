"""The format by a name or an ending, and what is written elsewhere."""

from __future__ import annotations

import pytest

from kspec.convert.export.formats import ELSEWHERE, ENDINGS, LABELS, chosen
from kspec.diagnostics import UsageError


@pytest.mark.parametrize(("format", "ending"), [(format, each) for format, every in ENDINGS.items() for each in every])
def test_an_ending_is_a_format(format: str, ending: str) -> None:
    assert chosen(None, f"model{ending}") == format
    assert chosen(format, f"model{ending}") == format
    assert set(LABELS) == set(ENDINGS)


def said(given: str | None, output: str) -> tuple[str, str]:
    with pytest.raises(UsageError) as caught:
        chosen(given, output)
    (problem,) = caught.value.problems
    assert problem.code == "output-format"
    return problem.message, problem.help


def test_what_cannot_be_meant_is_told() -> None:
    assert said(None, "model") == (
        "`model` has no ending, which says the format",
        "one of `.onnx`, `.stablehlo`, `.xml`, `.weights.h5`, `.safetensors`, `.npz`; or say it with `--format`",
    )
    assert said(None, "model.pth")[0] == "kspec exports to no `.pth` files"
    # neither kspec nor Keras reads such a file of weights again
    assert said(None, "model.NPZ")[0] == "kspec exports to no `.NPZ` files"
    assert said("weights", "model.Safetensors")[0] == "`model.Safetensors` is no name for weights"
    # an ending alone is a hidden file's whole name, and says no format
    assert said(None, "folder/.npz")[0] == "`folder/.npz` has no ending, which says the format"
    assert said("weights", ".weights.h5")[0] == "`.weights.h5` is no name for weights"
    assert said("onxn", "model.onnx") == ("kspec exports no `onxn`", "did you mean `onnx`?")
    assert said("onnx", "model.xml") == ("`model.xml` is no name for ONNX", "the file's name ends in `.onnx`")
    assert said(None, "model.keras")[1] == "`kspec build SPEC -o FILE`"


@pytest.mark.parametrize(
    ("given", "output", "name"),
    [
        ("SavedModel", "folder", "savedmodel"),
        ("tf_saved_model", "folder", "savedmodel"),
        (None, "saved.pb", "savedmodel"),
        (None, "m.tflite", "litert"),
        ("tflite", "m.tflite", "litert"),
        ("tfjs", "web", "tfjs"),
    ],
)
def test_what_needs_tensorflow_is_told_with_the_command_that_does_it(given: str | None, output: str, name: str) -> None:
    message, help = said(given, output)
    what, format = ELSEWHERE[name]
    assert message == f"{what} is written by TensorFlow, which kspec does without: use an environment that has it"
    assert help.startswith("`kspec build SPEC -o model.keras`, then, there: ")
    assert "KERAS_BACKEND=tensorflow python -c \"import keras; keras.saving.load_model('model.keras')" in help
    assert f"format='{format}'" in help
    for saved, file in (("runs/a/model.keras", "runs/a/model.keras"), ("my model's.keras", "model.keras")):
        with pytest.raises(UsageError) as caught:
            chosen(given, output, saved)
        program = f"import keras; keras.saving.load_model('{file}').export("
        assert caught.value.problems[0].help.startswith(f'there: `KERAS_BACKEND=tensorflow python -c "{program}')
    assert ("tensorflowjs_converter" in help) is (name == "tfjs")
