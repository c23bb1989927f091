"""What the landmarks of a face show: head turn, eye opening, mouth opening."""

from __future__ import annotations

import math
from dataclasses import dataclass

from inference.schema.arrays import F32

# Indices into the 468-point mesh. "Left" and "right" are the picture's.
LEFT_EYE_CORNERS = (33, 133)
RIGHT_EYE_CORNERS = (362, 263)
LEFT_EYE_LIDS = ((160, 144), (159, 145), (158, 153))
RIGHT_EYE_LIDS = ((385, 380), (386, 374), (387, 373))
MOUTH_CORNERS = (61, 291)
INNER_MOUTH_CORNERS = (78, 308)
INNER_LIPS = ((82, 87), (13, 14), (312, 317))
_USED = sorted(
    {*LEFT_EYE_CORNERS, *RIGHT_EYE_CORNERS, *MOUTH_CORNERS, *INNER_MOUTH_CORNERS}
    | {point for pair in (*LEFT_EYE_LIDS, *RIGHT_EYE_LIDS, *INNER_LIPS) for point in pair}
)

NEUTRAL_PITCH_DEG = 6.7
"""How far the mouth is in front of the eyes of a face that looks straight ahead: in MediaPipe's
canonical face model the mouth corners lie 6.97 below and 0.82 before the eyes."""


@dataclass(frozen=True, slots=True)
class FaceGeometry:
    """Angles in degrees and ratios, as `types.Detection` defines them."""

    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    eye_opening: float
    mouth_opening: float


def describe_landmarks(points: F32) -> FaceGeometry:
    """Read head turn, eye and mouth opening from the mesh.

    Args:
        points: (468, 3): x to the right, y down, z away from the camera, all in the same unit.

    The head's own axes are drawn through eye and mouth corners, which hardly move with the
    expression: one from the left to the right corners, one from the eyes down to the mouth. Yaw is
    positive when the face turns to the picture's right (its right half goes away from the camera),
    pitch when it looks up (the mouth comes forward), roll when it tilts clockwise.
    """
    # In plain numbers: numpy takes ten times as long for so few points.
    pts = dict(zip(_USED, points[_USED].tolist(), strict=True))
    left_eye, right_eye = (pts[outer] for outer in (LEFT_EYE_CORNERS[0], RIGHT_EYE_CORNERS[1]))
    left_mouth, right_mouth = (pts[corner] for corner in MOUTH_CORNERS)
    eyes = [pts[corner] for corner in (*LEFT_EYE_CORNERS, *RIGHT_EYE_CORNERS)]
    across = [right_eye[k] + right_mouth[k] - left_eye[k] - left_mouth[k] for k in range(3)]
    down = [
        (left_mouth[k] + right_mouth[k]) / 2 - sum(eye[k] for eye in eyes) / 4 for k in range(3)
    ]
    yaw = math.atan2(across[2], math.hypot(across[0], across[1]))
    pitch = math.atan2(-down[2], math.hypot(down[0], down[1]))
    roll = math.atan2(across[1], across[0])
    return FaceGeometry(
        yaw_deg=math.degrees(yaw),
        pitch_deg=math.degrees(pitch) - NEUTRAL_PITCH_DEG,
        roll_deg=math.degrees(roll),
        eye_opening=(
            _opening(pts, LEFT_EYE_LIDS, LEFT_EYE_CORNERS)
            + _opening(pts, RIGHT_EYE_LIDS, RIGHT_EYE_CORNERS)
        )
        / 2,
        mouth_opening=_opening(pts, INNER_LIPS, INNER_MOUTH_CORNERS),
    )


def _opening(
    pts: dict[int, list[float]], pairs: tuple[tuple[int, int], ...], corners: tuple[int, int]
) -> float:
    """Return mean height over width, in space, so that a turned head does not look more open."""
    width = math.dist(pts[corners[0]], pts[corners[1]])
    heights = [math.dist(pts[a], pts[b]) for a, b in pairs]
    return sum(heights) / len(heights) / width if width > 0 else math.nan
