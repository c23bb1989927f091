"""Text as pictures, drawn the same on every machine."""
