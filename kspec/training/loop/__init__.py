"""Training, evaluating and predicting, many steps in one program, on Keras's stateless methods.

`keras.Model.fit` starts a program for every batch, from Python, with a batch that it has cut on the host. Here the rows
lie on the device and a program runs as many steps as pass in some tens of milliseconds. What a step does is Keras's own
``train_step``, ``test_step`` and ``predict_step``.

Data flow: `feed` (arrays → rows on the device, in the order of a pass) → `programs` (a task's steps on them, compiled)
→ `running` (programs one after the other, told one behind) → `epochs` (what `keras.Model.fit` does around steps).
`choice` finds by measuring which way to run steps is the fastest.
"""

from __future__ import annotations

from kspec.training.loop.choice import Choice, LoopName

__all__ = ["Choice", "LoopName"]
