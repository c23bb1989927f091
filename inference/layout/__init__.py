"""How the picture is divided, judged from the picture alone and followed through time.

`division` finds tiles by the ground between them, `gutters` says whether a gallery is still there
under what covers parts of it, `inset` finds a small picture over a large one by its frame. `screen`
tells a shared screen from a camera, `tile_content` a camera from a name, `still_pictures` which
tiles show a profile picture, and `finder` follows all of it from sample to sample.
"""

from inference.layout.cuts import CUT_DIFFERENCE
from inference.layout.division import NO_TILES, Division, find_division
from inference.layout.finder import Layout, LayoutFinder, picture_difference
from inference.layout.inset import FaceSearch

__all__ = [
    "CUT_DIFFERENCE",
    "NO_TILES",
    "Division",
    "FaceSearch",
    "Layout",
    "LayoutFinder",
    "find_division",
    "picture_difference",
]
