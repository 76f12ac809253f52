"""Specs of another day, brought to today's words in their own text: comments and layout stay. Needs no Keras.

`versions` are the changes of the spec format, `changes` those of Keras's names (their tables are `kspec.spec.renamed`),
`edits` what both are made of, `upgrade` the rounds until nothing is left to change.
"""
