"""Training measured against what one would use instead: `keras.Model.fit`, and loops written by hand."""
