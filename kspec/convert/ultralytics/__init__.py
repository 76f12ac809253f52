"""Model files of Ultralytics (https://docs.ultralytics.com/guides/model-yaml-config/) -> specs, without Keras.

`scaling` chooses depth and width, `modules` says what a row's module is in a spec, `blocks.yaml` has the blocks that
they are made of, `model` walks the rows and turns indexes into names.
"""
