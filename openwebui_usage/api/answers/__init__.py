"""What the endpoints answer. Fields may be added; those that are here never change."""
