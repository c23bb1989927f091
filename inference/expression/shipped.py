"""Where the shipped weights lie. Apart from the classifier, so that asking costs no torch."""

from pathlib import Path

SHIPPED_WEIGHTS = Path(__file__).parent.parent / "weights" / "expression.safetensors"
