"""The command line: flags -> one plain call -> report -> exit status."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

from kspec import signals
from kspec.cli.edge import guarded, leave, send_again

COMMANDS = {
    "check": ("kspec.cli.check", "Find every mistake in specs, with line and column."),
    "upgrade": ("kspec.cli.upgrade", "Bring specs to today's format and Keras's names of today."),
    "show": ("kspec.cli.show", "Print the canonical spec, or any stage on the way to the model."),
    "summary": ("kspec.cli.summary", "Print layers, shapes and parameters, without building weights."),
    "cost": ("kspec.cli.cost", "Tell what computing and training cost: FLOPs, memory, time, price."),
    "plot": ("kspec.cli.plot", "Draw the model: SVG, PNG, DOT, Mermaid, or a page to explore."),
    "slice": ("kspec.cli.slice", "Cut a part out of a model, as a spec of its own."),
    "import": ("kspec.cli.import_", "Write the spec of a Keras model that was made elsewhere."),
    "code": ("kspec.cli.code", "Write a spec as plain Keras code, which needs no kspec."),
    "diff": ("kspec.cli.diff", "Print what changed between two models, or two revisions of one."),
    "build": ("kspec.cli.build", "Build the Keras model and save it."),
    "fit": ("kspec.cli.fit", "Train on data, in a run folder."),
    "runs": ("kspec.cli.runs", "List runs, and check that their files are as they were written."),
    "bench": ("kspec.cli.bench", "Measure how fast a model trains, against Keras and loops by hand."),
    "evaluate": ("kspec.cli.evaluate", "Measure a trained model on data."),
    "predict": ("kspec.cli.predict", "Write a trained model's predictions for data."),
    "export": ("kspec.cli.export", "Write a model for other programs: ONNX, StableHLO, OpenVINO, weights."),
    "data": ("kspec.cli.data", "Describe data: fields, shapes, ranges, classes, and what fits a spec."),
    "weights": ("kspec.cli.weights", "Look into files of weights, compare them, copy them between models."),
    "audit": ("kspec.cli.audit", "Tell what a model file would do, without doing it."),
    "init": ("kspec.cli.init", "Start a spec from data, or from the gallery."),
    "layers": (
        "kspec.cli.layers",
        "Show what Keras offers: layers, functions, optimizers, and how a spec writes them.",
    ),
    "schema": ("kspec.cli.schema", "Print a JSON Schema of the language, for editors."),
    "explain": ("kspec.cli.explain", "Explain a problem's code."),
    "lsp": ("kspec.cli.lsp", "Serve an editor: problems, shapes, completion while one types."),
}


class _Commands(click.Group):
    """Commands that are imported when they are used: help is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module: Any = import_module(COMMANDS[name][0])
        return module.command  # type: ignore[no-any-return]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            from kspec.diagnostics import listing, suggestion

            ctx.fail(f"there is no command `{name}`: {suggestion(name, COMMANDS, f'commands: {listing(COMMANDS)}')}")
        return super().resolve_command(ctx, args)


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib import metadata

        for name in ("kspec", "keras", "jax", "numpy"):
            try:
                click.echo(f"{name} {metadata.version(name)}")
            except metadata.PackageNotFoundError:
                click.echo(f"{name} is not installed")
        ctx.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, callback=_version, expose_value=False, is_eager=True, help="Print versions.")
def cli() -> None:
    """Keras models as reviewed, checked, reproducible YAML files, on JAX.

    \b
    kspec check specs/              find every mistake, at its line
    kspec summary spec.yaml         layers, shapes, parameters
    kspec fit spec.yaml --data x.npz
    kspec evaluate runs/…  ·  kspec predict runs/… --data x.npz -o predictions.csv

    Exit status: 0 all well · 1 problems in a spec · 2 wrong use of the command line · 3 problems in data or files ·
    4 training failed · 128 and more: ended by a signal (130: Ctrl-C, 143: SIGTERM, 129: SIGHUP) · 70 a defect of kspec.
    """


def main() -> None:
    """The program."""
    signals.listen()
    sys.unraisablehook = send_again
    status = guarded(cli)
    signals.hear_no_more()
    if status > 128:
        leave(status)
    sys.exit(status)
