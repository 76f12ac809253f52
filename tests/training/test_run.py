"""A run's folder, and the way from data files to a finished run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kspec.diagnostics import FileError, SpecError, TrainingError
from kspec.spec.schema import Data, DataFile
from kspec.training import Run, begin, model_file, open_run, prepare, train
from kspec.training.resuming import Resumed
from kspec.training.run import facts_of, sha256
from tests.training.models import Recording, classifier, keras, rows, settings, state

X, Y = rows(60)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Data:
    monkeypatch.chdir(tmp_path)
    np.savez(tmp_path / "data.npz", x_train=X, y_train=Y, x_test=X[:20], y_test=Y[:20])
    return Data(train=DataFile(path=str(tmp_path / "data.npz")))


def test_from_files_to_a_finished_run(files: Data) -> None:
    model, chosen, progress = classifier(), settings(), Recording()
    prepared = prepare(model, chosen, files)
    assert prepared.describe() == (
        "data.npz: x_train → pixels, y_train → digit (60 rows)\n"
        "validation: data.npz: x_test → pixels, y_test → digit (20 rows)"
    )
    parts = {"train": prepared.train, "validation": prepared.validation}
    run = begin(facts_of("digits", command=["kspec", "fit"], seed=7, data=parts), lambda _: "kspec: 1\n")
    assert run.facts["state"] == "running"
    history = train(model, chosen, prepared, Resumed(run, None), progress)

    assert run.folder.parent == Path("runs")
    assert run.folder.name.startswith("digits-20")
    names = [".lock", "checkpoints", "history.jsonl", "model.keras", "model.weights.h5", "run.json", "spec.yaml"]
    assert sorted(path.name for path in run.folder.iterdir()) == names
    assert (run.folder / "spec.yaml").read_text() == "kspec: 1\n"
    facts = run.facts
    assert (facts["state"], facts["seed"], facts["command"]) == ("finished", 7, ["kspec", "fit"])
    assert facts["started"] <= facts["ended"]
    assert set(facts["versions"]) == {"python", "kspec", "keras", "jax", "numpy"}
    assert facts["data"]["train"]["sha256"] == sha256("data.npz")
    assert facts["data"]["validation"]["matched"][0] == {"array": "x_test", "role": "input", "port": "pixels"}
    assert facts["best"] == history.best
    assert run.history == history.rows
    assert (run.folder / "history.jsonl").read_text().startswith('{"epoch": 1, ')
    again = keras.saving.load_model(model_file(run.folder))
    fresh = classifier(seed=1)
    fresh = keras.Model(fresh.inputs, fresh.outputs)  # the file has no optimizer
    fresh.load_weights(run.folder / "model.weights.h5")
    for other in (again, fresh):
        assert all(np.array_equal(one, two) for one, two in zip(state(other), state(model), strict=True))
    assert model.optimizer is not None


def test_a_split_that_the_spec_asks_for_wins_over_the_test_part(files: Data) -> None:
    assert prepare(classifier(), settings(validation_split=0.5), files).validation is None


def test_validation_from_its_own_file(files: Data, tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", x=X[:9], y=Y[:9])
    both = Data(train=files.train, validation=DataFile(path=str(tmp_path / "other.npz")))
    validation = prepare(classifier(), settings(), both).validation
    assert validation is not None
    assert validation.rows == 9


def test_bad_data_are_refused_before_a_folder_is_made(files: Data, tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=X, y=Y + 7)
    with pytest.raises(FileError, match="has the classes 0 to 2"):
        prepare(classifier(), settings(), files)
    with pytest.raises(SpecError, match="has no class 5"):
        prepare(classifier(), settings(class_weight={5: 1.0}), files)
    assert not (tmp_path / "runs").exists()


def test_a_failed_and_an_interrupted_run_say_so_and_keep_what_there_is(files: Data) -> None:
    def raising(error: BaseException) -> Any:
        def stop(epoch: int, logs: Any) -> None:
            raise error

        return keras.callbacks.LambdaCallback(on_epoch_end=stop)

    ends: list[tuple[BaseException, str, type[BaseException]]] = [
        (KeyboardInterrupt(), "interrupted", KeyboardInterrupt),
        (ValueError("no more"), "failed", TrainingError),
    ]
    for stopping, ending, raised in ends:
        model = classifier()
        prepared = prepare(model, settings(), files)
        run = begin(facts_of("digits"), lambda _: "")
        with pytest.raises(raised):
            train(model, settings(), prepared, Resumed(run, None), callbacks=[raising(stopping)])
        assert run.facts["state"] == ending
        assert run.facts["ended"]
        assert not (run.folder / "model.keras").exists()
        with pytest.raises(FileError, match=f"its state is `{ending}`"):
            model_file(run.folder)
    assert "no more" in run.facts["error"]


def test_layers_are_adapted_to_the_rows_that_are_trained_on(files: Data) -> None:
    layer = keras.layers.Normalization(name="norm")
    model = keras.Sequential([keras.Input((4,), name="x"), layer, keras.layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    chosen, progress = settings(validation_split=0.5), Recording()
    place = Resumed(begin(facts_of("digits"), lambda _: ""), None)
    train(model, chosen, prepare(model, chosen, files), place, progress)
    np.testing.assert_array_equal(np.asarray(layer.adapt_mean.value), X[:30].mean(0))
    assert progress.of("message") == [("adapted to the training data: norm",)]


def test_folders_are_new_and_their_names_are_safe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runs = [begin(facts_of("a"), lambda _: "") for _ in range(3)]
    assert len({run.folder for run in runs}) == 3
    assert begin(facts_of("../../etc/passwd"), lambda _: "").folder.resolve().parent == tmp_path / "runs"
    assert begin(facts_of("..."), lambda _: "").folder.name.startswith("model-")
    assert begin(facts_of("x"), lambda _: "", folder="here/it/is").folder == Path("here/it/is")


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    begin(facts_of("a"), lambda _: "", folder=tmp_path / "run")
    with pytest.raises(FileError) as caught:
        begin(facts_of("a"), lambda _: "", folder=tmp_path / "run")
    (problem,) = caught.value.problems
    assert (problem.code, problem.help) == (
        "run-exists",
        f"go on with it by `--resume {tmp_path / 'run'}`, or name another folder with `-o`",
    )
    assert "holds a run already" in problem.message
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileError, match="cannot make the run's folder"):
        begin(facts_of("a"), lambda _: "", folder=tmp_path / "file")


def test_what_json_has_not_is_null(tmp_path: Path) -> None:
    run = begin(facts_of("a"), lambda _: "", folder=tmp_path / "run")
    run.append({"epoch": 1, "loss": 0.1, "f1": float("nan"), "by_class": [1.0, float("inf")]})
    assert run.history == ({"epoch": 1, "loss": 0.1, "f1": None, "by_class": [1.0, None]},)
    with open(run.folder / "history.jsonl", "a") as file:
        file.write('{"epoch": 2, "lo')  # cut off by a crash
    assert len(run.history) == 1


def test_folders_that_are_no_runs(tmp_path: Path) -> None:
    for path, what in ((tmp_path, "is no run's folder"), (tmp_path / "none", "does not exist")):
        with pytest.raises(FileError, match=what):
            open_run(path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(FileError, match="cannot be read"):
        _ = Run(tmp_path).facts
