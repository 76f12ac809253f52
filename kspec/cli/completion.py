"""Words that a shell completes: names of Keras, codes of problems, spec files.

Click prints the scripts: ``_KSPEC_COMPLETE=bash_source kspec``, and likewise for zsh and fish.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def keras_names(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Everything that ``kspec layers`` describes."""
    from kspec import catalog

    catalog.may_read_keras(False, quiet=True)
    names = dict.fromkeys(name for kind in catalog.KINDS for name in catalog.names(kind))
    return [name for name in names if name.casefold().startswith(incomplete.casefold())]


def problem_codes(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    from kspec.report.explain import codes

    return [code for code in codes() if code.startswith(incomplete)]


def step_names(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Inputs and steps of the command's spec; none where it is not right."""
    from kspec import api
    from kspec.diagnostics import KspecError

    # while an option has no value yet, click leaves the arguments where they are
    spec = ctx.params.get("spec") or next((word for word in ctx.args if not word.startswith("-")), "")
    try:
        graph = api.load(spec, sets=ctx.params.get("sets") or ()).compiled.graph
    except (KspecError, OSError, ValueError):  # it may not be there yet, or not be right
        return []
    names = [*(given.name for given in graph.inputs), *(node.name for node in graph.nodes)]
    return [name for name in names if name.startswith(incomplete)]


def spec_paths(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Folders and specs."""
    return _paths(incomplete, (".yaml", ".yml"))


def target_paths(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Folders (of runs), specs and saved models."""
    return _paths(incomplete, (".yaml", ".yml", ".keras"))


def _paths(incomplete: str, endings: tuple[str, ...]) -> list[CompletionItem]:
    """Folders, ending with a slash so that one can go on, and files with one of the endings."""
    from click.shell_completion import CompletionItem

    folder, slash, start = incomplete.rpartition("/")
    try:
        entries = sorted(os.scandir(folder + slash or "."), key=lambda entry: entry.name)
    except OSError:
        return []
    found = []
    for entry in entries:
        if entry.name.startswith(start) and (start or not entry.name.startswith(".")):
            if entry.is_dir():
                found.append(CompletionItem(f"{folder}{slash}{entry.name}/"))
            elif entry.name.endswith(endings):
                found.append(CompletionItem(f"{folder}{slash}{entry.name}"))
    return found
