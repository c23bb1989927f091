"""Attention from head turn and eye opening (docs/scoring.md, 4)."""

from __future__ import annotations

import numpy as np

from inference.schema.arrays import F32, F64

YAW_FREE_DEG = 15.0
PITCH_FREE_DEG = 10.0
"""Turns inside these still look at the screen. A 24-inch screen (53 × 30 cm) at 60 cm spans ±24° by
±14°, and the head makes about 69 % of a change of gaze, the eyes the rest (Stiefelhagen and Zhu,
"Head orientation and gaze direction in meetings", CHI 2002 extended abstracts): ±16° by ±10°."""

TURN_WIDTH_DEG = 15.0
"""Width of the fall beyond: half is left 18° further out, one eighth 31° further out. A choice."""

REST_LIMIT_DEG = 15.0
"""A camera beside or under the screen shifts every angle, so angles count from the person's own
median; by no more than this, so that always looking away does not become the norm."""

EYE_CLOSED, EYE_OPEN = 0.2, 0.6
"""Share of the person's own open eye. 80 % closed is the limit of PERCLOS (Wierwille et al. 1994);
from 60 % open upwards nothing is taken off, since reading low on the screen lowers the lids."""

EYE_REST_QUANTILE = 0.75
EYE_REST_MIN = 0.12
"""The person's own open eye is the upper quartile of their eye openings, because eyes differ more
between people than between moments; eyes never seen wider than this are taken as closed."""


def attention(yaw_deg: F32, pitch_deg: F32, eye_opening: F32) -> F64:
    """Return one person's attention, 0–1, for each sample of a whole call; NaN without landmarks.

    The arguments are one person's samples, all (T,), NaN where the landmark model found nothing.
    """
    known = ~(np.isnan(yaw_deg) | np.isnan(pitch_deg) | np.isnan(eye_opening))
    result = np.full(len(yaw_deg), np.nan)
    if not known.any():
        return result
    eye = eye_opening[known].astype(np.float64)
    rest = max(float(np.quantile(eye, EYE_REST_QUANTILE)), EYE_REST_MIN)
    share = np.clip((eye / rest - EYE_CLOSED) / (EYE_OPEN - EYE_CLOSED), 0.0, 1.0)
    lids = share**2 * (3 - 2 * share)
    yaw = _facing(yaw_deg[known].astype(np.float64), YAW_FREE_DEG)
    pitch = _facing(pitch_deg[known].astype(np.float64), PITCH_FREE_DEG)
    result[known] = yaw * pitch * lids
    return result


def _facing(angle_deg: F64, free_deg: float) -> F64:
    rest_deg = np.clip(np.median(angle_deg), -REST_LIMIT_DEG, REST_LIMIT_DEG)
    beyond_deg = np.maximum(np.abs(angle_deg - rest_deg) - free_deg, 0.0)
    falling: F64 = np.exp(-0.5 * (beyond_deg / TURN_WIDTH_DEG) ** 2)
    return falling
