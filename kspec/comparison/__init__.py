"""What changed between two models: plain values in, one plain value out. Nothing here imports Keras."""
