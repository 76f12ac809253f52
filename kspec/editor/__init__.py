"""What editors use: a language server, and the form of a spec as JSON Schema."""
