"""Every command as a person uses it: what is printed, what is written, the exit status."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT, SPECS, check_golden, run_kspec

GOLDEN = Path(__file__).parent / "golden"

SPEC = """\
kspec: 1
name: small
seed: 3
vars: {width: 8}
inputs: {x: 4}
layers:
  - Dense: {units: $width, activation: relu}
  - Dense: {units: 3, activation: softmax}
    name: kind
compile: {optimizer: {Adam: 1e-2}, loss: sparse_categorical_crossentropy, metrics: [accuracy]}
fit: {epochs: 2, batch_size: 16}
"""


def without(
    modules: set[str], arguments: Sequence[str], folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """kspec in a process of its own, which fails with their names where it imports any of the modules."""
    code = (
        "import sys; from kspec.cli import cli; from kspec.cli.edge import guarded; "
        f"sys.argv = ['kspec', *{list(arguments)!r}]; status = guarded(cli); "
        f"heavy = {modules!r} & set(sys.modules); sys.exit(str(heavy) if heavy else status)"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True, cwd=folder)


@pytest.fixture
def project(in_tmp: Path) -> Path:
    """A folder with a spec and data in it."""
    (in_tmp / "small.yaml").write_text(SPEC, encoding="utf-8")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 4)).astype("float32")
    np.savez(in_tmp / "data.npz", x=x, y=np.argmax(x[:, :3], axis=1))
    return in_tmp


def test_help_and_version() -> None:
    outcome = run_kspec("--help")
    assert outcome.status == 0
    for command in (
        "check",
        "show",
        "summary",
        "cost",
        "plot",
        "slice",
        "diff",
        "build",
        "fit",
        "weights",
        "evaluate",
        "predict",
        "init",
        "explain",
    ):
        assert f"\n  {command} " in outcome.out
        assert run_kspec(command, "--help").status == 0
    assert "kspec 0." in run_kspec("--version").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["chekc"], "did you mean `check`?"),
        (["check"], "Missing argument 'PATHS...'"),
        (["check", "--nope", "x.yaml"], "No such option"),
        (["check", "nothing.yaml"], "there is no such file"),
        (["check", "smal.yaml"], "did you mean `small.yaml`?"),
        (["check", "empty"], "there is no spec in `empty`"),
        (["show", "small.yaml", "--stage", "grpah"], "did you mean `graph`?"),
        (["build", "small.yaml", "-o", "model.h5"], "does not say what to save"),
        (["build", "small.yaml", "-o", ".keras"], "does not say what to save"),
        (["build", "small.yaml", "--max-memory", "much"], "is not a size"),
        (["fit", "small.yaml"], "no data to work on"),
        (["predict", "small.yaml", "-o", "p.npz"], "a spec alone has no trained weights"),
        (["evaluate", "small.yaml"], "a spec alone has no trained weights"),
        (["show", "small.yaml", "--set", "widht=3"], "did you mean `width`?"),
    ],
)
def test_wrong_use_is_two(project: Path, arguments: list[str], said: str) -> None:
    (project / "empty").mkdir()
    outcome = run_kspec(*arguments)
    assert outcome.status == 2, outcome.text
    assert said in outcome.out + outcome.err


def test_check_says_what_is_well_and_what_is_not(project: Path) -> None:
    (project / "bad.yaml").write_text(SPEC.replace("units: 3", "unit: 3"), encoding="utf-8")
    (project / "notes.yaml").write_text("shopping: [milk]\n", encoding="utf-8")
    outcome = run_kspec("check", ".")
    assert outcome.status == 1
    check_golden(GOLDEN / "check_folder.txt", outcome.text)
    assert run_kspec("check", "small.yaml", "--quiet").out == ""
    assert run_kspec("check", "small.yaml").out == "ok: small.yaml (67 parameters)\n"


def test_check_reads_standard_input() -> None:
    command = [sys.executable, "-m", "kspec", "check", "-", "--fast", "--filename", "given.yaml"]
    done = subprocess.run(command, input=SPEC.replace("relu", "rellu").encode(), capture_output=True, check=False)
    assert done.returncode == 1
    assert b"given.yaml:7:40: error[unknown-object]" in done.stdout


@pytest.mark.parametrize("stage", ["canonical", "source", "spec", "steps", "graph", "plan"])
def test_show_every_stage(project: Path, stage: str) -> None:
    outcome = run_kspec("show", "small.yaml", "--stage", stage, "--set", "width=5")
    assert outcome.status == 0, outcome.text
    check_golden(GOLDEN / f"show_{stage}.txt", outcome.out)


def test_show_origins(project: Path) -> None:
    outcome = run_kspec("show", "small.yaml", "--origins", "--set", "width=5", "--set", "fit.epochs=7")
    check_golden(GOLDEN / "show_origins.txt", outcome.out)


def test_show_origins_of_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """A block's variable leads to the use that gives it, and from there to the variables there and to ``--set``."""
    monkeypatch.chdir(SPECS.parent / "tests" / "specs" / "valid")
    outcome = run_kspec("show", "origins_of_variables.yaml", "--origins", "--set", "w=7")
    check_golden(GOLDEN / "show_origins_of_variables.txt", outcome.out)


def test_summary() -> None:
    outcome = run_kspec("summary", SPECS / "siamese_twin.yaml")
    check_golden(GOLDEN / "summary_siamese.txt", outcome.out)


@pytest.mark.parametrize(
    ("outputs", "loss", "names"),
    [
        ("", "{sequence: mse, end: mae}", ["sequence", "end"]),
        ("", "[mse, mae]", ["sequence", "end"]),
        ("outputs: end", "{end: mse}", ["end"]),
        ("outputs: [end]", "mse", ["end"]),
    ],
)
def test_outputs_have_the_names_that_a_list_gives(in_tmp: Path, outputs: str, loss: str, names: list[str]) -> None:
    """In the data, the losses, the scores and the predictions."""
    text = f"""\
kspec: 1
inputs: {{frames: [6, 2]}}
layers:
  - GRU: {{units: 3, return_sequences: true, return_state: true}}
    name: [sequence, end]
{outputs}
compile: {{optimizer: adam, loss: {loss}}}
fit: {{epochs: 1}}
"""
    Path("reader.yaml").write_text(text, encoding="utf-8")
    shapes = {"frames": (6, 2), "sequence": (6, 3), "end": (3,)}
    given = {name: np.zeros((8, *shapes[name]), "float32") for name in ("frames", *names)}
    np.savez("data.npz", **given)  # type: ignore[arg-type]
    outcome = run_kspec("fit", "reader.yaml", "--data", "data.npz", "-o", "run", "--quiet")
    assert outcome.status == 0, outcome.text
    outcome = run_kspec("predict", "run", "--data", "data.npz", "-o", "p.npz")
    assert outcome.status == 0, outcome.text
    with np.load("p.npz") as found:
        assert {name: found[name].shape[1:] for name in found.files} == {name: shapes[name] for name in names}
    outcome = run_kspec("evaluate", "run", "--data", "data.npz")
    assert outcome.status == 0, outcome.text
    for name in names if len(names) > 1 else ():
        assert f"{name}_loss" in outcome.out


def test_build_saves_whole_or_not_at_all(project: Path) -> None:
    assert run_kspec("build", "small.yaml", "-o", "model.keras").out == "small: 67 parameters → model.keras\n"
    assert zipfile.is_zipfile("model.keras")
    before = Path("model.keras").read_bytes()
    outcome = run_kspec("build", "small.yaml", "-o", "nowhere/model.keras")
    assert outcome.status == 3, outcome.text
    assert "nowhere" in outcome.err
    assert run_kspec("build", "small.yaml", "-o", "model.weights.h5").status == 0
    assert Path("model.keras").read_bytes() == before
    assert sorted(path.name for path in project.iterdir()) == [
        *("data.npz", "model.keras", "model.weights.h5", "small.yaml"),
    ]


def test_build_refuses_what_does_not_fit(project: Path) -> None:
    outcome = run_kspec("build", "small.yaml", "--set", "width=100000000", "--max-memory", "1GiB")
    assert outcome.status == 1
    assert "error[too-large] the weights take 3.0 GiB" in outcome.err


def test_fit_evaluate_predict(project: Path) -> None:
    fitted = run_kspec("fit", "small.yaml", "--data", "data.npz", "-o", "run")
    assert fitted.status == 0, fitted.text
    assert fitted.out.startswith("data.npz: x → x, y → kind (64 rows)\n")
    assert fitted.out.endswith("→ run\n")
    rows = [json.loads(line) for line in Path("run/history.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    assert set(rows[0]) == {"epoch", "loss", "accuracy"}
    facts = json.loads(Path("run/run.json").read_text(encoding="utf-8"))
    assert (facts["state"], facts["seed"]) == ("finished", 3)

    from_run = run_kspec("evaluate", "run", "--data", "data.npz", "--json")
    from_file = run_kspec("evaluate", "run/model.keras", "--data", "data.npz", "--json")
    arguments = ("--weights", "run/model.weights.h5", "--data", "data.npz")
    from_spec = run_kspec("evaluate", "small.yaml", *arguments, "--json")
    assert from_run.status == from_file.status == from_spec.status == 0, from_run.text + from_file.text + from_spec.text
    assert json.loads(from_run.out) == json.loads(from_file.out) == pytest.approx(json.loads(from_spec.out))

    for name in ("p.npz", "p.csv", "p.parquet"):
        assert run_kspec("predict", "run", "--data", "data.npz", "-o", name).status == 0
    predicted = np.load("p.npz")["kind"]
    assert predicted.shape == (64, 3)
    assert predicted.sum(axis=1) == pytest.approx(np.ones(64), abs=1e-5)
    assert Path("p.csv").read_text(encoding="utf-8").splitlines()[0] == "kind_0,kind_1,kind_2"
    again = run_kspec("fit", "small.yaml", "--data", "data.npz", "-o", "run")
    assert again.status == 3
    assert "error[run-exists]" in again.err


def test_a_whole_model_was_never_trained_and_takes_no_other_weights_or_values(project: Path) -> None:
    assert run_kspec("build", "small.yaml", "-o", "m.keras").status == 0
    outcome = run_kspec("predict", "m.keras", "--data", "data.npz", "-o", "p.npz")
    assert (outcome.status, outcome.err) == (0, "")
    for more, said in {
        ("--weights", "m.keras"): "`m.keras` has its own weights",
        ("--set", "fit.epochs=1"): "nothing of `m.keras` can be set",
    }.items():
        outcome = run_kspec("predict", "m.keras", "--data", "data.npz", "-o", "p.npz", *more)
        assert outcome.status == 2
        assert outcome.err.startswith(f"error[usage] {said}\n")


@pytest.mark.parametrize("ending", ["h5", "keras", "safetensors", "npz"])
@pytest.mark.parametrize("arguments", [("evaluate",), ("predict", "-o", "p.npz")])
def test_weights_that_are_not_there(arguments: tuple[str, ...], ending: str, project: Path) -> None:
    command, *more = arguments
    outcome = run_kspec(command, "small.yaml", *more, "--data", "data.npz", "--weights", f"missing.{ending}")
    assert outcome.status == 3
    problem = f"missing.{ending}: error[file-missing] there is no file `missing.{ending}`"
    assert outcome.err == f"{problem}\n\n1 error in missing.{ending}\n"
    assert not Path("p.npz").exists()


def test_the_run_repeats_itself(project: Path) -> None:
    """The spec of a run trains to the same weights, also where no seed was given."""
    Path("small.yaml").write_text(SPEC.replace("seed: 3\n", ""), encoding="utf-8")
    assert run_kspec("fit", "small.yaml", "--data", "data.npz", "-o", "one", "--quiet").out == ""
    assert run_kspec("fit", "one/spec.yaml", "-o", "two").status == 0
    assert Path("one/history.jsonl").read_bytes() == Path("two/history.jsonl").read_bytes()


def test_progress_as_json(project: Path) -> None:
    outcome = run_kspec("fit", "small.yaml", "--data", "data.npz", "--json")
    events = [json.loads(line) for line in outcome.out.splitlines()]
    assert [event["event"] for event in events] == ["message", "start", "epoch", "epoch", "message"]


def test_a_loss_that_is_no_number_is_four(project: Path) -> None:
    outcome = run_kspec("fit", "small.yaml", "--data", "data.npz", "--set", "compile.optimizer.SGD.learning_rate=1e38")
    assert outcome.status == 4, outcome.text
    assert "error[training-nan]" in outcome.err
    run = next(Path("runs").iterdir())
    assert json.loads((run / "run.json").read_text(encoding="utf-8"))["state"] == "failed"


def test_data_that_lie_are_three(project: Path) -> None:
    np.savez("wrong.npz", x=np.ones((8, 4), "float32"), y=np.array([0, 1, 2, 5, 0, 1, 2, -1]))
    outcome = run_kspec("fit", "small.yaml", "--data", "wrong.npz")
    assert outcome.status == 3, outcome.text
    assert "error[data-labels]" in outcome.err
    assert not Path("runs").exists()


def test_interrupting_is_130(project: Path) -> None:
    command = [sys.executable, "-m", "kspec", "fit", "small.yaml", "--data", "data.npz", "--set", "fit.epochs=100000"]
    process = subprocess.Popen([*command, "-o", "run"], stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    deadline = time.monotonic() + 300
    while not Path("run/history.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130, err
    assert err.decode().strip() == "interrupted"
    epochs = len(Path("run/history.jsonl").read_text(encoding="utf-8").splitlines())
    told = rf"→ run: interrupted after {epochs} epochs?( and \d+ steps?)?, which are kept; `kspec fit --resume run`"
    assert re.search(told + r" goes on\n\Z", out.decode())
    assert json.loads(Path("run/run.json").read_text(encoding="utf-8"))["state"] == "interrupted"


def test_an_interrupt_that_python_drops_is_sent_again(project: Path) -> None:
    """JAX runs Python in a callback of the garbage collector, out of which no exception comes."""
    program = (
        "import gc, signal, sys; from kspec.cli import main; sys.argv = ['kspec', 'check', 'small.yaml']\n"
        "def once(*_):\n    gc.callbacks.remove(once)\n    signal.raise_signal(signal.SIGINT)\n"
        "gc.callbacks.append(once)\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, text=True)
    assert (done.returncode, done.stderr.strip(), done.stdout) == (130, "interrupted", "")


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.5, 1.0, 1.5, 2.0, 3.0])
def test_interrupting_while_xla_compiles_is_130(project: Path, seconds: float) -> None:
    """XLA compiles on threads of its own, which Python's orderly end does not survive."""
    big = SPEC.replace("layers:\n", "layers:\n  - repeat: 30\n    layers: [{Dense: 64}, BatchNormalization]\n")
    Path("small.yaml").write_text(big, encoding="utf-8")
    command = [sys.executable, "-m", "kspec", "fit", "small.yaml", "--data", "data.npz", "-o", "run"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not Path("run/run.json").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert (process.returncode, err.decode().strip()) in ((130, "interrupted"), (0, ""))


@pytest.mark.parametrize("command", ["show small.yaml", "summary small.yaml", "check small.yaml", "explain shape"])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_full_disk_behind_the_output_is_three(project: Path, command: str) -> None:
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m kspec {command} > /dev/full"], capture_output=True, check=False, text=True
    )
    assert done.returncode == 3, done.stderr
    assert done.stderr.startswith("error[file-write] cannot write the output: no space left on device\n")


def test_a_closed_output_is_no_error(project: Path) -> None:
    command = f"{sys.executable} -m kspec show small.yaml >&-"
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=False, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command", ["code small.yaml", "import m.keras", "init", "schema", "slice small.yaml"])
def test_what_prints_by_default_takes_no_dash_for_a_file(project: Path, command: str) -> None:
    outcome = run_kspec(*command.split(), "-o", "-")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith("error[usage] `-` names no file\n  leave `-o` out: the ")


@pytest.mark.slow
def test_every_command_that_reads_a_spec_reads_standard_input(project: Path) -> None:
    for command in (
        ["check", "-"],
        ["show", "-"],
        ["summary", "-"],
        ["build", "-"],
        ["fit", "-", "--data", "data.npz"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "kspec", *command], input=SPEC.encode(), capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr


def test_what_can_be_refused_at_once_is_refused_without_keras(project: Path) -> None:
    Path("taken").mkdir()
    Path("taken/file").touch()
    for arguments, said in {
        ("fit", "small.yaml", "--data", "nothing.npz"): "there is no file",
        ("fit", "small.yaml", "--data", "data.npz", "-o", "taken"): "`taken` is not empty",
        ("build", "small.yaml", "-o", "nowhere/m.keras"): "the folder `nowhere` does not exist",
        ("predict", "run", "--data", "data.npz", "-o", "nowhere/p.npz"): "the folder `nowhere` does not exist",
    }.items():
        done = without({"keras", "jax"}, arguments)
        assert done.returncode == 3, done.stderr
        assert said in done.stderr


def test_check_passes_by_runs_and_virtual_environments(project: Path) -> None:
    for folder, marker in (("venv/lib", "../pyvenv.cfg"), ("run", "run.json")):
        Path(folder).mkdir(parents=True)
        Path(folder, marker).touch()
        Path(folder, "spec.yaml").write_text(SPEC, encoding="utf-8")
    outcome = run_kspec("check", "--fast", ".")
    assert outcome.out == "ok: small.yaml\n"
    assert run_kspec("check", "--fast", "run").out == "ok: run/spec.yaml\n"


def test_measuring_says_on_what(project: Path) -> None:
    text = SPEC + "data: {train: data.npz}\n"
    Path("small.yaml").write_text(text, encoding="utf-8")
    assert run_kspec("fit", "small.yaml", "-o", "run", "--quiet").status == 0
    told = "data.npz: x → x, y → kind (64 rows)\n"
    assert run_kspec("evaluate", "run").out.startswith(f"on the training data: {told}")
    assert run_kspec("evaluate", "run", "--data", "data.npz").out.startswith(told)
    as_json = run_kspec("evaluate", "run", "--json")
    assert as_json.err == f"on the training data: {told}"
    assert set(json.loads(as_json.out)) == {"loss", "accuracy"}
    predicted = run_kspec("predict", "run", "-o", "p.csv")
    assert predicted.out == "on the training data: data.npz: x → x (64 rows)\nkind (64, 3) → p.csv\n"
    with np.load("data.npz") as found:
        parts = {"x_train": found["x"], "y_train": found["y"], "x_test": found["x"][:9], "y_test": found["y"][:9]}
    np.savez("data.npz", **parts)
    told = "data.npz: x_test → x, y_test → kind (9 rows)\n"  # of the file to train on, and no training data
    assert run_kspec("evaluate", "run").out.startswith(told)


def test_a_reader_that_leaves_is_no_error(project: Path) -> None:
    command = f"{sys.executable} -m kspec show --origins {SPECS / 'resnet50.yaml'} | head -n 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, check=False)
    assert done.stderr == b""
    assert done.stdout.count(b"\n") == 1


@pytest.mark.parametrize(
    "arguments", [["--help"], ["check", "--fast", str(SPECS), "--trust", "custom_layers"], ["explain", "shape"]]
)
def test_no_keras_where_none_is_needed(arguments: list[str]) -> None:
    done = without({"keras", "jax", "numpy", "h5py"}, arguments, ROOT)
    assert done.returncode == 0, done.stderr


def test_a_traceback_only_when_asked(project: Path) -> None:
    plain = [sys.executable, "-m", "kspec", "check", "nothing.yaml"]
    assert b"Traceback" not in subprocess.run(plain, capture_output=True, check=False).stderr
    assert b"Traceback" in subprocess.run([*plain, "--traceback"], capture_output=True, check=False).stderr


def test_a_plain_terminal_is_served(project: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "kspec", "build", "small.yaml", "-o", "model.keras"]
    done = subprocess.run(command, capture_output=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert b"67 parameters" in done.stdout


def test_a_defect_in_one_file_hides_nothing_of_the_others(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kspec.spec import expand

    def broken(*_: object) -> None:
        raise ZeroDivisionError("ours")

    Path("one.yaml").write_text(SPEC.replace("Dense: {units: $width", "Dense: {unit: $width"), encoding="utf-8")
    Path("two.yaml").write_text(SPEC.replace("  - Dense", "  - reuse: a\n  - Dense", 1), encoding="utf-8")
    monkeypatch.setitem(expand.FORMS, "reuse", broken)
    outcome = run_kspec("check", "two.yaml", "one.yaml", "small.yaml", "--fast")
    assert outcome.status == 70
    assert "two.yaml: a defect of kspec itself: ZeroDivisionError: ours" in outcome.err
    assert "ok: small.yaml" in outcome.out
    assert "error[unknown-argument]" in outcome.out


LARGE = """\
kspec: 1
name: large
inputs: {x: 4}
layers:
  - RepeatVector: 500000000
  - Dense: {units: 4, activation: gelu}
  - GlobalAveragePooling1D
  - Dense: 1
    name: y
compile: {optimizer: sgd, loss: mse}
fit: {batch_size: 1000}
"""


def test_memory_that_does_not_suffice_is_told_with_the_part_that_is_large(in_tmp: Path) -> None:
    Path("large.yaml").write_text(LARGE, encoding="utf-8")
    np.savez("data.npz", x=np.ones((1000, 4), "float32"), y=np.ones((1000, 1), "float32"))
    done = run_kspec("fit", "large.yaml", "--data", "data.npz", "-o", "run", "--max-memory", "64GiB")
    assert done.status == 4
    first, help, *_ = done.err.splitlines()
    assert first.startswith("error[training-memory] out of memory: a step of 1,000 examples takes about ")
    assert "of activations" in first
    assert help.strip().startswith(("`--set fit.batch_size=", "make the model smaller"))
    assert json.loads(Path("run/run.json").read_text(encoding="utf-8"))["state"] == "failed"
    assert not Path("run/model.keras").exists()


@pytest.mark.slow
def test_compiled_programs_are_kept(project: Path) -> None:
    """In a process of its own: JAX is told once where to keep them."""

    def fit(cache: str, *more: str) -> str:
        command = [sys.executable, "-m", "kspec", "fit", "small.yaml", "--data", "data.npz", "-q", *more]
        environment = {**os.environ, "KSPEC_CACHE": str(project / cache)}
        done = subprocess.run(command, capture_output=True, check=True, text=True, env=environment)
        return done.stdout + done.stderr

    assert fit("kept", "-o", "first") == ""
    programs = {path.name for path in (project / "kept" / "xla").glob("*-cache")}
    assert programs
    assert fit("kept", "-o", "second") == ""
    assert {path.name for path in (project / "kept" / "xla").glob("*-cache")} == programs
    histories = [(project / name / "history.jsonl").read_text() for name in ("first", "second")]
    assert histories[0] == histories[1]
    assert fit("none", "-o", "third", "--no-cache") == ""
    assert not (project / "none" / "xla").exists()
    facts = json.loads((project / "first" / "run.json").read_text(encoding="utf-8"))
    assert facts["loop"]["way"] == "single"
    assert facts["loop"]["why"] == "compiling a loop takes longer than it could save in so many steps"
