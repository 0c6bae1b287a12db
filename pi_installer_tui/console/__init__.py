"""Which terminal this is, and how to draw on it."""
