"""The face models as the detector sees them, whichever library runs them.

They are MediaPipe's: BlazeFace in short and full range finds faces, the face mesh fits 468 points
to one. LiteRT runs them from their files (litert_models.py); where MediaPipe 0.10.21 itself is
installed, its graphs can (mediapipe_models.py). Both find the same faces, as a test checks.
"""

from __future__ import annotations

from typing import Literal, Protocol

from inference.faces.face_search import FaceModel
from inference.schema.arrays import F32, U8

Backend = Literal["litert", "mediapipe"]
"""What runs the models."""

FULL_PX = 192
SHORT_PX = 128
MESH_PX = 192
"""Input sizes of the three models."""

SHORT_TILES = 2
FULL_TILES = 2
"""Gallery tiles in one call. Measured: two 16:9 tiles in the short-range model's input keep every
face from 25 % of the tile's height up, in the full-range model's from 18 %; with more tiles, faces
get lost that the model finds when they are alone."""

MIN_PRESENCE = 0.5
"""How sure the landmark model must be that it looks at a face; MediaPipe's own threshold."""


class FaceModels(Protocol):
    """The three models of one thread."""

    @property
    def short(self) -> FaceModel:
        """The short-range detection model: quick."""

    @property
    def full(self) -> FaceModel:
        """The full-range detection model: finds smaller faces."""

    def fit_mesh(self, image: U8, middle: F32, side: float, angle: float) -> F32 | None:
        """Fit the mesh to the face in a square of the picture.

        Args:
            middle, side: of the square, in pixels; it may reach out of the picture.
            angle: how far it is turned clockwise, in radians.

        Returns:
            x, y, z of the points, (468, 3), in pixels of the square brought upright and to
            MESH_PX, or None: no face is there.
        """

    def close(self) -> None:
        """Free the models."""
