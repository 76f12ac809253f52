"""Specs of strangers: each row of the table, and each thing in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.attacks.case import Case, Outside

HEAD = "kspec: 1\ninputs: {x: 8}\n"
CHECK = ("check bad.yaml",)
Text = Callable[[Outside], str | bytes]


def spec(text: Text) -> Callable[[Outside], None]:
    def make(outside: Outside) -> None:
        content = text(outside)
        Path("bad.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())

    return make


def layers(*items: str, head: str = HEAD) -> Text:
    return lambda _: head + "layers:\n" + "".join(f"  - {item}\n" for item in items)


def plain(text: str | bytes) -> Text:
    return lambda _: text


BOMB = "a0: &a0 [1, 1]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
TEXTS: dict[str, tuple[Text, str]] = {
    "a tag that calls": (lambda o: f"{HEAD}layers: !!python/object/apply:os.system ['touch {o.mark}']\n", "tag"),
    "a tag": (layers("Dense: !mine 3"), "tag"),
    "aliases that double": (plain(HEAD + "vars:\n" + "".join(f"  {line}\n" for line in BOMB.splitlines())), "alias"),
    "an alias of itself": (plain(HEAD + "vars: &a [*a]\n"), "a value cannot contain itself"),
    "1,000 brackets": (plain(HEAD + "layers: " + "[" * 1_000), "deep"),
    "30,000 brackets": (plain(HEAD + "layers: " + "[" * 30_000), "deep"),
    "30,000 braces": (plain(HEAD + "layers: " + "{a: " * 30_000), "deep"),
    "30,000 levels of lines": (plain(HEAD + "layers:\n" + "- " * 30_000 + "1\n"), "deep"),
    "a key twice": (layers("Dense: {units: 3, units: 4}"), "twice"),
    "units of no": (layers("Dense: no"), "units"),
    "units of a time": (layers("Dense: 12:30:00"), "units"),
    "units of a date that is none": (layers("Dense: 2026-13-45"), "units"),
    "a number of 5,000 digits": (layers("Dense: " + "9" * 5_000), "digits"),
    "UTF-16": (lambda o: layers("Dense: 3")(o).encode("utf-16"), "UTF-16"),  # type: ignore[union-attr]
    "Latin-1": (lambda o: layers("Dense: {units: 3, name: café}")(o).encode("latin-1"), "UTF-8"),  # type: ignore[union-attr]
    "NUL": (plain(HEAD.encode() + b"layers: [Dense\0]\n"), "\\x00"),
    "an escape code": (plain(HEAD.encode() + b"layers: ['\x1b[2JDense']\n"), "\\x1b"),
    "an escape code in words": (plain(HEAD + 'layers: [{"\\e[2J\\u202eDense": 3}]\n'), "\\x1b"),
    "units of true": (layers("Dense: true"), "units"),
    "units in quotes": (layers('Dense: "8"'), "units"),
    "a rate that is no number": (
        lambda o: f"{layers('Dense: 1')(o)!s}compile: {{loss: mse, optimizer: {{Adam: .nan}}}}\n",
        "finite",
    ),
    "a million million units": (layers("Dense: 1000000000000"), "large"),
    "fewer units than none": (layers("Dense: -1"), "units"),
    "half a unit": (layers("Dense: 1.5"), "units"),
    "10^20 units": (layers("Dense: 100000000000000000000"), "large"),
    "an activation of a terabyte": (layers("RepeatVector: 100000000", "UpSampling1D: 10000"), "large"),
    "a function of the system": (layers("os.system: touch"), "os.system"),
    "a class of Keras's inside": (layers("keras.src.layers.core.lambda_layer.Lambda: {}"), "keras.src"),
    "a Lambda": (layers("Lambda: {function: abs}"), "Lambda"),
    "a Lambda as an activation": (layers("Dense: {units: 3, activation: 'lambda x: x'}"), "activation"),
    "a module to import": (layers("Popen: id", head=f"{HEAD}custom: [subprocess]\n"), "subprocess"),
    "an expression that calls": (layers("Dense: ${__import__('os').system('id')}"), "__import__"),
    "an expression that takes for ever": (layers("Dense: ${9**9**9**9}"), "${9**9**9**9}"),
    "words from a file": (lambda o: f"{HEAD}layers: [{{StringLookup: {{vocabulary: {o.pipe}}}}}]\n", "StringLookup"),
    "weights from elsewhere": (lambda o: f"{layers('Dense: 3')(o)!s}weights: {o.pipe}\n", "outside"),
    "weights from above": (lambda o: f"{layers('Dense: 3')(o)!s}weights: ../../../../etc/x.npz\n", "outside"),
    "a base from elsewhere": (lambda o: f"kspec: 1\nextends: {o.folder}/secret.txt\n", "outside"),
    "data from elsewhere": (lambda o: f"{layers('Dense: 3')(o)!s}data: {o.pipe}\n", "outside"),
    "data by a pattern from elsewhere": (lambda o: f"{layers('Dense: 3')(o)!s}data: {o.folder}/*\n", "outside"),
    "a model from elsewhere": (lambda o: f"{HEAD}layers: [{{model: {o.folder}/secret.keras}}]\n", "outside"),
    "a model from the network": (layers("model: http://127.0.0.1:9/x.keras"), "127.0.0.1"),
    "a callback that connects": (
        lambda o: f"{layers('Dense: 3')(o)!s}compile: {{loss: mse}}\nfit: {{callbacks: [RemoteMonitor]}}\n",
        "RemoteMonitor",
    ),
    "a log elsewhere": (
        lambda o: f"{layers('Dense: 3')(o)!s}compile: {{loss: mse}}\nfit: {{callbacks: [{{CSVLogger: {o.mark}}}]}}\n",
        "outside",
    ),
    "steps in a circle": (layers("{Dense: 3, name: a, from: b}", "{Dense: 3, name: b, from: a}"), "circle"),
    "a step of itself": (layers("{Dense: 3, name: a, from: a}"), "takes its own output"),
    "a step of nothing": (layers("{Dense: 3, from: nobody}"), "nobody"),
    "a name twice": (layers("{Dense: 3, name: a}", "{Dense: 3, name: a}"), "`a`"),
    "a million layers": (layers("repeat: 1000000\n    layers: [{Dense: 3}]"), "more than 200,000 steps"),
}


def linked_weights(outside: Outside) -> None:
    Path("w.npz").symlink_to(f"{outside.folder}/secret.txt")
    spec(lambda o: f"{layers('Dense: 3')(o)!s}weights: w.npz\n")(outside)


CASES = (
    *(Case(f"spec: {name}", spec(text), said, CHECK, 1) for name, (text, said) in TEXTS.items()),
    Case("spec: a link to weights elsewhere", linked_weights, "outside", CHECK, 1),
)
