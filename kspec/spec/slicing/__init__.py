"""A part of a model as a spec of its own: which steps it has, and what its inputs, outputs and sections are.

What the tensors at its edges look like is Keras's to say, and is asked for: nothing here imports Keras.
"""
