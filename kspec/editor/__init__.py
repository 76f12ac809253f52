"""What editors need of the spec language."""
