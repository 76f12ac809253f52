"""The program beside an exported file that runs it without Keras and without kspec."""

from __future__ import annotations

from kspec.convert.literals import harmless, quoted

LOADER = '''\
"""Run {file}: it needs jax, numpy and flatbuffers, and neither Keras nor kspec.

    python {program} inputs.npz outputs.npz
"""

import pathlib
import sys

import jax
import numpy as np

INPUTS = {inputs}
OUTPUTS = {outputs}

exported = jax.export.deserialize(bytearray((pathlib.Path(__file__).parent / {quoted}).read_bytes()))
run = jax.jit(exported.call)  # from arrays by the names of inputs to arrays by the names of outputs

if __name__ == "__main__":
    made = run({{name: array for name, array in np.load(sys.argv[1]).items() if name in INPUTS}})
    np.savez(sys.argv[2], **{{name: np.asarray(made[name]) for name in OUTPUTS}})
'''


def loader(file: str, program: str, inputs: list[str], outputs: list[str]) -> str:
    """The text of `program`, which lies beside `file`.

    A model's names are anybody's: they stand in it as literals alone, and files' names in its documentation without
    what could end that.
    """
    return LOADER.format(
        file=harmless(file),
        program=harmless(program),
        quoted=quoted(file),
        inputs=_listed(inputs),
        outputs=_listed(outputs),
    )


def _listed(names: list[str]) -> str:
    return f"[{', '.join(map(quoted, names))}]"
