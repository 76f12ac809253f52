"""The program beside an exported file that runs it without Keras and without kspec."""

from __future__ import annotations

LOADER = '''\
"""Run {file}: it needs jax, numpy and flatbuffers, and neither Keras nor kspec.

    python {program} inputs.npz outputs.npz
"""

import pathlib
import sys

import jax
import numpy as np

exported = jax.export.deserialize(bytearray((pathlib.Path(__file__).parent / {quoted}).read_bytes()))
run = jax.jit(exported.call)  # from arrays by the names {inputs} to arrays by the names {outputs}

if __name__ == "__main__":
    inputs = {{name: array for name, array in np.load(sys.argv[1]).items() if name in {names}}}
    np.savez(sys.argv[2], **{{name: np.asarray(array) for name, array in run(inputs).items()}})
'''


def loader(file: str, program: str, inputs: list[str], outputs: list[str]) -> str:
    """The text of `program`, which lies beside `file`."""
    named = {"inputs": ", ".join(inputs), "outputs": ", ".join(outputs)}
    shown = {key: value.replace("\n", " ") for key, value in named.items()}
    return LOADER.format(file=_plain(file), program=_plain(program), quoted=repr(file), names=repr(inputs), **shown)


def _plain(name: str) -> str:
    """A file's name inside a docstring."""
    return name.replace("\\", "/").replace('"', "'").replace("\n", " ")
