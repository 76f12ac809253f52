"""Data from files: opened as a stranger's, matched to a model's inputs and outputs by name, and checked."""
