"""Names drawn on tiles: finding, reading and matching them."""
