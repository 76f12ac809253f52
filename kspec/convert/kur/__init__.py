"""Kurfiles (https://github.com/deepgram/kur) -> specs: text to text, without Keras.

`jinja` writes `{{ … }}` as `$…`, `layers` says what a container is in Keras, `chain` walks the containers, `training`
has the sections around the model, `includes` the files that one is made of, `kurfile` all of it in order.
"""
