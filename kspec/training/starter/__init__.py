"""A first spec for arrays that nobody has described yet: ``kspec init --data x.npz``.

arrays → `roles` (which are inputs, which are targets) → `inputs` and `targets` (what they hold) → `branches` and
`heads` (steps for each) → `text` (the spec, with comments).
"""

from __future__ import annotations

from kspec.training.starter.make import Starter, starter

__all__ = ["Starter", "starter"]
