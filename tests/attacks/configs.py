"""Model files whose configuration names what is no layer: all of Keras's holes that run code or read files by it.

Each is the attack as it was published, as far as it is data: what a Keras of that time would have run.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from typing import Any

from tests.attacks.case import Case, Outside, good_keras

MODEL = (
    *("audit bad.keras", "summary bad.keras", "predict bad.keras --data ../ok.npz -o p.npz", "check model.yaml"),
    "weights ls bad.keras --stats",
)
SPEC = "kspec: 1\ninputs: {x: 8}\nlayers: [{model: bad.keras}]\n"
Text = Callable[[str, Outside], str]
Item = Callable[[Outside], dict[str, Any]]


def written(change: Text) -> Callable[[Outside], None]:
    """A model with another text as its configuration."""

    def make(outside: Outside) -> None:
        with zipfile.ZipFile(good_keras()) as old, zipfile.ZipFile("bad.keras", "w", zipfile.ZIP_DEFLATED) as new:
            for name in old.namelist():
                content = old.read(name)
                new.writestr(name, change(content.decode(), outside) if name == "config.json" else content)
        with open("model.yaml", "w", encoding="utf-8") as file:
            file.write(SPEC)

    return make


def further(*items: Item) -> Callable[[Outside], None]:
    """A model with more layers."""

    def change(text: str, outside: Outside) -> str:
        config = json.loads(text)
        config["config"]["layers"] += [item(outside) for item in items]
        return json.dumps(config)

    return written(change)


def layer(kind: str, module: str = "keras.layers", /, **config: Any) -> Item:
    return lambda _: {"class_name": kind, "module": module, "config": config, "registered_name": None}


def call(module: str, function: str, *args: Any, **kwargs: Any) -> Item:
    """A function as a node of a functional model, which Keras calls as it makes the model."""
    node = {"args": list(args), "kwargs": kwargs}
    names = {"class_name": "function", "config": function, "registered_name": function, "name": function}
    return lambda _: {"module": module, **names, "inbound_nodes": [node]}


def lambda_layer(outside: Outside) -> dict[str, Any]:
    """Keras's own words for a layer of a person's code."""
    import warnings

    import keras

    place = outside.mark
    space: dict[str, Any] = {}
    exec(compile(f"f = lambda x: open({place!r}, 'w') and x", "stranger", "exec"), space)
    from keras.src.utils.python_utils import func_dump  # a lambda without a source file is refused by Keras's writer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = keras.saving.serialize_keras_object(keras.layers.Lambda(keras.ops.abs, name="code"))
    config["config"]["function"] = {"class_name": "__lambda__", "config": {"value": func_dump(space["f"])}}
    return dict(config)


class _Runs:
    def __init__(self, place: str) -> None:
        self.place = place

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.place}",)


def torch_module(outside: Outside) -> dict[str, Any]:
    content = base64.b64encode(pickle.dumps(_Runs(outside.mark))).decode()
    item = {"class_name": "__bytes__", "config": {"value": content}}
    return {"class_name": "TorchModuleWrapper", "module": "keras.layers", "config": {"module": item, "name": "torch"}}


def saved_model(outside: Outside) -> dict[str, Any]:
    return layer("TFSMLayer", filepath=outside.pipe, call_endpoint="serve", name="tf")(outside)


def vocabulary(name: str) -> Item:
    return lambda outside: layer(name, vocabulary=outside.pipe, name="words")(outside)


def run_touch(outside: Outside) -> dict[str, Any]:
    return call("subprocess", "run", ["touch", outside.mark])(outside)


def second_model(outside: Outside) -> dict[str, Any]:
    """The rest of CVE-2025-9906: once safe mode is off, a second file is loaded."""
    function = {
        "module": "keras.models",
        "class_name": "function",
        "config": "load_model",
        "registered_name": "function",
    }
    config = {"name": "second", "function": function, "arguments": {"safe_mode": False}}
    item = {"module": "keras.layers", "class_name": "Lambda", "config": config, "name": "second"}
    return item | {"inbound_nodes": [{"args": [], "kwargs": {"inputs": outside.pipe}}]}


def replaced(old: str, new: str) -> Text:
    def change(text: str, _: Outside) -> str:
        assert old in text
        return text.replace(old, new)

    return change


def wide(dtype: str) -> Callable[[Outside], None]:
    """A packed kernel of 200 MB, whose scales Keras would make by a function, at once."""

    def change(text: str, _: Outside) -> str:
        config = json.loads(text)
        for item in config["config"]["layers"]:
            inner = item["config"]
            if "batch_shape" in inner:
                inner["batch_shape"] = [None, 200_000_000]
            if "units" in inner:
                inner |= {"units": 1, "dtype": dtype}
            item.pop("build_config", None)
        config["config"].pop("build_input_shape", None)
        config.pop("build_config", None)
        return json.dumps(config)

    return written(change)


def function(config: Any, module: str = "builtins") -> str:
    return json.dumps({"class_name": "function", "module": module, "config": config, "registered_name": "function"})


def deep(depth: int) -> Item:
    def make(outside: Outside) -> dict[str, Any]:
        item = layer("Dense", units=1)(outside)
        for number in range(depth):
            item = layer("TimeDistributed", layer=item, name=f"deep{number}")(outside)
        return item

    return make


FETCH = call("keras.utils", "get_file", "x", origin="http://127.0.0.1:9/x", cache_dir=".", force_download=True)
URL = "http://169.254.169.254/latest/meta-data"
LINEAR = '"activation": "linear"'
UNKNOWN = "is not in kspec's catalogue"
CODE = "a Lambda layer holds Python code"
NO_MODEL = "config.json is not a model's configuration"
TOO_MANY = "config.json holds more than 1,000,000 values, or too many lists"
UNSAFE = call("keras.config", "enable_unsafe_deserialization")
STATE = call("keras.src.backend.common.global_state", "set_global_attribute", "safe_mode_saving", value=False)
WIDE = "dense/kernel has shape (8, 1000000000), the file's is (8, 600)"
UNHELD = "it declares variables that it does not hold, and its arrays are too small for that"
METRIC = '"metrics": [{"class_name": "MeanIoU", "module": "keras.metrics", "config": {"num_classes": 100000}}]'
FOUND: dict[str, tuple[Callable[[Outside], None], str]] = {
    "CVE-2024-3660: Lambda with bytecode": (further(lambda_layer), CODE),
    "CVE-2025-1550: a function of any module": (further(run_touch), f"`subprocess.function` {UNKNOWN}"),
    "CVE-2025-1550: a function called builtin": (
        written(replaced(LINEAR, f'"activation": {function("system")}')),
        f"the function `system` {UNKNOWN}",
    ),
    "CVE-2025-1550: a class of any module": (
        further(layer("Popen", "subprocess", args="id")),
        f"`subprocess.Popen` {UNKNOWN}",
    ),
    "CVE-2025-8747: a function of Keras that fetches": (further(FETCH), f"`keras.utils.function` {UNKNOWN}"),
    "CVE-2025-8747: the same as a class": (
        further(layer("get_file", "keras.utils", origin=URL)),
        f"`keras.utils.get_file` {UNKNOWN}",
    ),
    "CVE-2025-9906: safe mode off, then a Lambda": (
        further(UNSAFE, lambda_layer),
        f"`keras.config.function` {UNKNOWN}",
    ),
    "CVE-2025-9906: a global of Keras, then a second file": (
        further(STATE, second_model),
        f"`keras.src.backend.common.global_state.function` {UNKNOWN}",
    ),
    "CVE-2025-12058: words from a file": (
        further(vocabulary("StringLookup")),
        f"`keras.layers.StringLookup` {UNKNOWN}",
    ),
    "CVE-2025-12058: numbers from a file": (
        further(vocabulary("IntegerLookup")),
        f"`keras.layers.IntegerLookup` {UNKNOWN}",
    ),
    "CVE-2025-12058: words from the network": (
        further(layer("TextVectorization", vocabulary=URL)),
        f"`keras.layers.TextVectorization` {UNKNOWN}",
    ),
    "CVE-2025-49655: a pickled PyTorch module": (
        further(torch_module),
        f"`keras.layers.TorchModuleWrapper` {UNKNOWN}",
    ),
    "CVE-2026-1462: a TensorFlow model elsewhere": (further(saved_model), f"`keras.layers.TFSMLayer` {UNKNOWN}"),
    "a function of JAX": (further(layer("JaxLayer", call_fn={})), f"`keras.layers.JaxLayer` {UNKNOWN}"),
    "a class of TensorFlow's types": (
        further(lambda _: {"class_name": "__typespec__", "spec_name": "x", "module": "os", "config": []}),
        f"`os.__typespec__` {UNKNOWN}",
    ),
    "a file of Keras's own tests": (
        further(layer("OpWithCustomConstructor", "keras.src.ops.operation_test")),
        f"`keras.src.ops.operation_test.OpWithCustomConstructor` {UNKNOWN}",
    ),
    "a class without a name": (
        further(lambda _: {"class_name": ["Dense"], "module": "keras.layers"}),
        "a class without a name",
    ),
    "a function without a name": (
        written(replaced(LINEAR, f'"activation": {function({"a": 1})}')),
        f"the function `{{'a': 1}}` {UNKNOWN}",
    ),
    "a name of 8 MB with an escape code": (further(layer("\x1b[31m" + "A" * 8_000_000)), f"AAAA…` {UNKNOWN}"),
    "a name of half a character": (further(layer("\ud800")), f"` {UNKNOWN}"),
    "lists of nothing": (written(lambda *_: '{"class_name": "Model", "a": [' + "[]," * 2_000_000 + "1]}"), TOO_MANY),
    "texts of two letters": (
        written(lambda *_: '{"class_name": "Model", "a": [' + '"ab",' * 3_000_000 + "1]}"),
        TOO_MANY,
    ),
    "a configuration of 100 MB": (written(lambda *_: " " * 100_000_000 + "{}"), "its members are said to be"),
    "a configuration of 60 MB": (written(lambda *_: " " * 60_000_000 + "{}"), "config.json is larger than 16,777,216"),
    "a million brackets": (written(lambda *_: '{"a": ' + "[" * 1_000_000), TOO_MANY),
    "a hundred thousand brackets": (written(lambda *_: '{"a": ' + "[" * 100_000), "config.json cannot be read"),
    "a number of 5,000 digits": (
        written(replaced('"units": 600', '"units": 1' + "0" * 5_000)),
        "config.json cannot be read",
    ),
    "LoRA of a billion": (
        written(replaced('"units": 600', '"units": 600, "lora_rank": 1000000000')),
        "it declares LoRA of rank 1000000000, and its arrays are too small for that",
    ),
    "a configuration of nothing": (written(lambda *_: "{}"), NO_MODEL),
    "a configuration of a list": (written(lambda *_: "[]"), NO_MODEL),
    "no JSON": (written(lambda *_: "\x80pickle"), "config.json cannot be read"),
}
LOADED: dict[str, tuple[Callable[[Outside], None], str]] = {
    "layers inside each other": (further(deep(300)), "Keras cannot"),
    "LoRA without end": (written(replaced('"units": 600', '"units": 600, "lora_rank": 1e999')), "LoRA of rank inf"),
    "units without end": (written(replaced('"units": 600', '"units": Infinity')), "Keras cannot"),
    "a layer as a model": (
        written(lambda *_: json.dumps(layer("Dense", units=3)(None))),  # type: ignore[arg-type]
        "config.json is not a model's configuration",
    ),
}
USED = tuple(command for command in MODEL if not command.startswith("audit"))
CASES = (
    *(Case(name, make, said, MODEL) for name, (make, said) in FOUND.items()),
    Case("scales of 800 MB", wide("int4/1_from_float32"), UNHELD, USED[1:2]),
    Case("scales that wait", wide("gptq/4/1_from_float32"), "expected 5 variables, but received 2", USED[1:2]),
    Case("a metric of 40 GB", written(replaced('"metrics": null', METRIC)), UNHELD, USED[1:2]),
    *(Case(name, make, said, USED[:2]) for name, (make, said) in LOADED.items()),
    Case("units of a billion", written(replaced('"units": 600', '"units": 1000000000')), WIDE, USED[1:2]),
)
