"""A spec -> plain Keras code, as a person would have written it: loops, functions, names are the spec's own.

spec → `read` (its structure) or `unroll` (its graph) → Program → a style → text → `trial`
"""
