"""A spec that is small enough for any command."""

SPEC = """\
kspec: 1
name: small
seed: 3
inputs: {x: 4}
layers:
  - Dense: {units: 3, activation: softmax}
    name: kind
compile: {optimizer: adam, loss: sparse_categorical_crossentropy}
fit: {epochs: 1, batch_size: 16}
"""
