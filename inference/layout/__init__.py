"""How the picture is divided, judged from the picture alone and followed through time.

`division` finds tiles by the ground between them, `inset` a small picture in a corner by its
edges, `tile_content` what each part shows, and `finder` follows all of it from sample to sample.
"""

from inference.layout.cuts import CUT_DIFFERENCE
from inference.layout.division import NO_TILES, Division, find_division
from inference.layout.finder import Layout, LayoutFinder, picture_difference

__all__ = [
    "CUT_DIFFERENCE",
    "NO_TILES",
    "Division",
    "Layout",
    "LayoutFinder",
    "find_division",
    "picture_difference",
]
