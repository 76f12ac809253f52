"""kspec import"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from kspec.cli import options


@click.command("import")
@click.argument("source")
@options.printed("spec")
@click.option(
    "--names",
    type=click.Choice(["needed", "all"]),
    default="needed",
    help="Keep the names that say what takes what, and those of outputs; or all of them.",
)
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    help="Write the weights there too (.weights.h5, .safetensors); the spec loads them.",
)
@click.option(
    "--shape",
    "shapes",
    multiple=True,
    metavar="[INPUT=]SIZES",
    help="Another tool's YAML: an input's shape, as images=28,28,1; `none` for a size that may be any.",
)
@click.option("--scale", metavar="LETTER", help="Ultralytics' YAML: one of its `scales`, as n, s, m, l or x.")
@options.quiet
@options.trust
@options.traceback
def command(
    source: str,
    output: Path | None,
    names: Literal["needed", "all"],
    weights: Path | None,
    shapes: tuple[str, ...],
    scale: str | None,
    quiet: bool,
    trust: tuple[str, ...],
) -> None:
    """Write the spec of a model that was made elsewhere: it builds the same model, but for names.

    SOURCE is a .keras file, the JSON of `model.to_json()`, `keras.applications.NAME`, or a Python object
    `package.module:model` (or a function that gives one), which is code and wants `--trust package`; or another
    tool's YAML, known by its content: a Kurfile, or a model of Ultralytics. Nothing is written before the spec has
    built the same model; what no spec can say is told, with the layer.

    \b
    kspec import model.keras -o model.yaml
    kspec import model.keras -o model.yaml --weights model.weights.h5
    kspec import keras.applications.ResNet50 -o resnet50.yaml
    kspec import my_package.models:make --trust my_package -o mine.yaml
    kspec import kurfile.yml --shape images=28,28,1 -o mnist.yaml
    kspec import yolov8.yaml --scale s -o yolov8s.yaml
    """
    from kspec.cli.notes import noting
    from kspec.importing import import_model

    text = import_model(
        source,
        output=output,
        names=names,
        trust=trust,
        weights=weights,
        shapes=dict(map(_shape, shapes)),
        scale=scale,
        tell=noting(quiet),
    )
    if output is None:
        click.echo(text, nl=False)
    elif not quiet:
        click.echo(f"{source} → {output}")


def _shape(text: str) -> tuple[str, list[int | None]]:
    """An input's name, which may be left out, and its shape.

    Raises click.BadParameter.
    """
    name, _, sizes = text.rpartition("=")
    words = [word.strip().lower() for word in sizes.split(",")]
    if not all(word in ("none", "null") or (word.isdecimal() and 0 < int(word) < 2**31) for word in words):
        raise click.BadParameter(f"`{text}` is no shape; write images=28,28,1", param_hint="--shape")
    return name, [None if word in ("none", "null") else int(word) for word in words]
