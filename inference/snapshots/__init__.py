"""Which stills of a moment to show, and how to draw them."""
