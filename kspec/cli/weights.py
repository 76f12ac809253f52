"""kspec weights"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kspec.cli import options
from kspec.cli.completion import target_paths

if TYPE_CHECKING:
    from kspec.transfer import By

_PATH = click.Path(path_type=Path)
_named = click.option(
    "--model",
    type=_PATH,
    shell_complete=target_paths,
    help="A spec, run or .keras file: what a .weights.h5 file numbers has the names of its variables.",
)
_form = click.option(
    "--format", "form", type=click.Choice(["table", "json", "csv", "markdown"]), default="table", help="How it is told."
)


@click.group()
def command() -> None:
    """Look into files of weights, compare them, and copy weights from one model into another.

    Files are .keras, .weights.h5, .safetensors and .npz, or the folder of a run. They are read as data, one array at a
    time: nothing in them is run.
    """


@command.command("ls")
@click.argument("file", type=_PATH)
@click.option("--stats", is_flag=True, help="Read the numbers: min, max, mean, std, zeros, NaN and infinity.")
@_named
@_form
@options.trust
@options.traceback
def ls(file: Path, stats: bool, model: Path | None, form: str, trust: tuple[str, ...]) -> None:
    """List what is in a file: each array's path, shape, dtype and bytes, and how much there is in all."""
    from kspec.report.weights import write_listing
    from kspec.transfer import list_weights

    write_listing(list_weights(file, stats=stats, model=model, trust=trust), form, sys.stdout)


@command.command("diff")
@click.argument("a", type=_PATH)
@click.argument("b", type=_PATH)
@click.option("--exit-code", is_flag=True, help="Exit with 1 where the two differ.")
@_named
@_form
@options.trust
@options.traceback
def diff(a: Path, b: Path, exit_code: bool, model: Path | None, form: str, trust: tuple[str, ...]) -> int:
    """Compare the weights of A and B: what one of them has, other shapes and dtypes, and how far numbers are apart.

    `max difference` is the largest absolute one, `relative` that over the largest absolute number in A. Optimizers and
    random states are left out.
    """
    from kspec.report.weights import write_difference
    from kspec.transfer import diff_weights

    found = diff_weights(a, b, model=model, trust=trust)
    write_difference(found, form, sys.stdout)
    return int(exit_code and bool(found))


@command.command("copy")
@click.argument("source", metavar="FROM", type=_PATH)
@click.argument("target", metavar="TO", type=_PATH, shell_complete=target_paths)
@click.option("-o", "--output", required=True, type=_PATH, help="What to write: .keras, or .weights.h5, .safetensors.")
@click.option(
    "--by",
    type=click.Choice(["path", "shape", "diff"]),
    default="path",
    help="What goes where: equal paths, shapes in order, or as `kspec diff` matches the models.",
)
@click.option("--map", "mapping", multiple=True, metavar="FROM=TO|FILE", help="Paths that go elsewhere; * is any text.")
@click.option("--strict", is_flag=True, help="Write nothing where anything is left on either side.")
@_form
@options.memory
@options.quiet
@options.spec_options
def copy(
    source: Path,
    target: Path,
    output: Path,
    by: By,
    mapping: tuple[str, ...],
    strict: bool,
    form: str,
    max_memory: str | None,
    quiet: bool,
    sets: tuple[str, ...],
    trust: tuple[str, ...],
) -> None:
    """Copy the weights FROM a file or a run into the model TO, a spec, run or .keras file, and save that.

    \b
    kspec weights copy runs/old new.yaml -o new.weights.h5
    kspec weights copy old.keras new.yaml -o new.keras --map 'encoder/*=backbone/*'
    kspec weights copy old.keras new.yaml -o new.keras --map mapping.yaml     # from: to, a line each
    kspec weights copy old.keras new.yaml -o new.keras --by diff              # through renames

    A mapping comes first; what it does not name goes by path, or as --by says. What is not copied keeps TO's own
    weights: a spec's initial ones, or those of the file that it names. A spec's `quantize` and `lora` come after that.
    What is left is told, on both sides, and why.
    """
    from kspec.report.weights import write_copied
    from kspec.transfer import copy_weights

    limit = options.size(max_memory)
    found = copy_weights(
        source, target, output, by=by, mapping=mapping, strict=strict, sets=sets, trust=trust, max_memory=limit
    )
    if not quiet:
        write_copied(found, form, sys.stdout)
