"""Keras's exports made into the catalogue's entries."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import ModuleType

from kspec.catalog.entry import Argument, Entry, Parameter
from kspec.catalog.generate import docstrings, exports, signatures, tensors, values
from kspec.catalog.generate.reasons import REASONS, REFUSED, REQUIRED


def everything() -> dict[str, dict[str, Entry]]:
    """All entries by kind and name, read from the installed Keras; both sorted."""
    keras = exports.load_keras()
    found = {kind: _sorted(_classes(keras, kind)) for kind in exports.MODULES}
    found["ops"] = _sorted(_operations(keras))
    found["activations"] = _sorted(_activations(keras))
    return dict(sorted(found.items()))


def version() -> str:
    """Version of the installed Keras."""
    return str(exports.load_keras().__version__)


def _sorted(entries: Iterator[Entry]) -> dict[str, Entry]:
    return {each.name: each for each in sorted(entries, key=lambda entry: entry.name)}


def _classes(keras: ModuleType, kind: str) -> Iterator[Entry]:
    for export in exports.classes(keras, kind):
        raw, opened = signatures.constructor(export.symbol)
        yield Entry(
            kind=kind,
            name=export.name,
            identifiers=export.identifiers,
            parameters=tuple(
                _of_constructor(kind, export, each)
                for each in raw
                if each.owner is export.symbol or each.name not in REFUSED
            ),
            call=tensors.of_layer(export.symbol) if kind == "layers" else (),
            variadic=None,
            open=opened,
            jax=REASONS.get(kind, {}).get(export.name, ""),
            doc=docstrings.summary(export.symbol),
            path=export.path,
            config=exports.saved_as(keras, export),
        )


def _of_constructor(kind: str, export: exports.Export, raw: signatures.Raw) -> Parameter:
    owners = (export.symbol, raw.owner)
    text = next((each for owner in owners if (each := docstrings.argument(owner, raw.name))), "")
    return values.parameter(
        kind,
        export.symbol.__name__,
        raw.name,
        raw.default,
        required=raw.required,
        text=text or docstrings.COMMON.get(raw.name, ""),
    )


def _operations(keras: ModuleType) -> Iterator[Entry]:
    for export in exports.operations(keras):
        function = tensors.of_function(export.symbol)
        module = export.symbol.__module__
        yield _function("ops", export, function.tensors)._replace(
            parameters=tuple(_of_function(export, each) for each in function.others),
            variadic=function.variadic,
            open=function.open,
            config=f"{module}>{function.operation}" if function.operation else "",
        )


def _of_function(export: exports.Export, raw: inspect.Parameter) -> Parameter:
    owner = export.symbol.__name__
    required = raw.default is raw.empty
    return values.parameter(
        "ops",
        owner,
        raw.name,
        None if required else raw.default,
        required=required or f"{owner}.{raw.name}" in REQUIRED,
        text=docstrings.argument(export.symbol, raw.name) or docstrings.COMMON.get(raw.name, ""),
    )


def _activations(keras: ModuleType) -> Iterator[Entry]:
    for export in exports.activations(keras):
        yield _function("activations", export, ())._replace(config="builtins>function")


def _function(kind: str, export: exports.Export, call: tuple[Argument, ...]) -> Entry:
    return Entry(
        kind=kind,
        name=export.name,
        identifiers=export.identifiers,
        parameters=(),
        call=call,
        variadic=None,
        open=False,
        jax=REASONS.get(kind, {}).get(export.name, ""),
        doc=docstrings.summary(export.symbol),
        path=export.path,
        config="",
    )
