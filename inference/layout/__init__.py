"""How the picture is divided, judged from the picture alone and followed through time.

`division` finds tiles by the ground between them, `gutters` says whether a gallery is still there
under what covers parts of it, `inset` finds a small picture in a corner by its edges.
`tile_content` says what each part shows, `still_pictures` which tiles show a profile picture, and
`finder` follows all of it from sample to sample.
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
