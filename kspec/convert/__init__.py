"""Out of Keras: a model that somebody else made, as a spec that builds the same one.

model -> Graph (`decompile`) -> tree of chains (`chains`) -> repeats and blocks (`fold`) -> spec data (`spell`) -> text.
"""
