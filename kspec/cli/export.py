"""kspec export"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from kspec.cli import options
from kspec.cli.completion import target_paths


@click.command()
@click.argument("target", type=click.Path(path_type=Path), shell_complete=target_paths)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="Where to write, over what is there."
)
@click.option(
    "--format", "form", metavar="FORMAT", help="onnx, stablehlo, openvino or weights (default: by the ending)."
)
@click.option(
    "--weights", type=click.Path(path_type=Path), help="A spec's weights: .weights.h5, .safetensors or .keras."
)
@click.option("--batch-size", type=click.IntRange(min=1), help="Fix the batch's size (default: any size).")
@click.option("--length", type=click.IntRange(min=1), help="Fix axes that are open beside the batch.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0, min_open=True),
    help="The greatest difference from Keras (default: 1e-5; 1e-2 in float16, 5e-2 in bfloat16).",
)
@click.option(
    "--loader",
    type=click.Path(path_type=Path),
    help="Write a program there that runs the StableHLO file with JAX alone.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
@options.memory
@options.quiet
@options.spec_options
def command(
    target: Path, output: Path, form: str | None, as_json: bool, max_memory: str | None, quiet: bool, **how: Any
) -> None:
    """Write a model for other programs: TARGET is a run folder, a .keras file, or a spec.

    The ending of the output says the format: .onnx, .stablehlo (what JAX alone runs, on processors, CUDA and TPUs),
    .xml (OpenVINO, with a .bin beside), or weights alone: .weights.h5, .safetensors, .npz. A spec has the weights that
    it names, those of `--weights`, or fresh ones. What is written has been run on random batches and compared with
    Keras; where it differs by more than rounding, it is not written.

    \b
    kspec export runs/digits -o digits.onnx
    kspec export model.keras -o model.stablehlo --loader load.py
    kspec export spec.yaml --weights w.safetensors -o model.xml
    """
    from kspec.cli.notes import noting
    from kspec.exporting import export
    from kspec.report.exported import exported_lines

    found = export(target, output, format=form, max_memory=options.size(max_memory), tell=noting(quiet), **how)
    if as_json:
        click.echo(json.dumps(found.as_json(), indent=2, ensure_ascii=False))
    elif not quiet:
        click.echo("\n".join(exported_lines(found)))
