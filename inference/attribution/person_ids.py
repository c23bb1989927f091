"""What finds a person of a call again: a lasting id, and the places where their face was."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from inference.attribution.attribute import Identities
from inference.schema.observations import Observations

NEAR_S = 1.0
"""A sighting is searched for in the picture nearest in time, at most this far away."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """Where a face was: seconds into the call, and its middle as shares (0–1) of the picture."""

    t_s: float
    x: float
    y: float


def person_ids(observations: Observations, identities: Identities) -> list[tuple[str, ...]]:
    """Return each person's lasting id, then the further ids that find them.

    An id is made of Zoom's key of the person, or of where the face was first seen. A face that gets
    a name keeps its id among the further ones of whoever has that name.
    """
    keys: dict[str, list[str]] = {
        person.key: [person.key] for person in identities.people if person.key
    }
    for joined, key in identities.joined:
        if key in keys:
            keys[key].append(joined)
    faces = _face_ids(observations)
    tracks: list[list[int]] = [[] for _ in identities.people]
    for tie in identities.attributions:
        tracks[tie.participant].append(tie.track)
    ids = []
    for index, person in enumerate(identities.people):
        own = [_digest("p", key) for key in keys.get(person.key, ())]
        seen = sorted(faces[track] for track in tracks[index] if track in faces)
        own += [face_id for _, face_id in seen]
        ids.append(tuple(dict.fromkeys(own)) or (_digest("n", person.name),))
    return ids


def _face_ids(observations: Observations) -> dict[int, tuple[int, str]]:
    """For each track the row of its first sight, and the id made of it."""
    faces = observations.faces
    found: dict[int, tuple[int, str]] = {}
    tracks, rows = np.unique(faces.track, return_index=True)
    for track, row in zip(tracks.tolist(), rows.tolist(), strict=True):
        at = sighting(observations, row)
        found[track] = (row, _digest("f", f"{at.t_s:.2f} {at.x:.3f} {at.y:.3f}"))
    return found


def _digest(kind: str, text: str) -> str:
    return kind + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:10]


def sighting(observations: Observations, row: int) -> Sighting:
    """Return where the face of one row of the face columns was."""
    box = observations.faces.box[row].astype(float)
    at_s = float(observations.t_s[observations.faces.sample[row]])
    return Sighting(
        round(at_s, 2),
        round((box[0] + box[2]) / 2 / max(observations.width_px, 1), 4),
        round((box[1] + box[3]) / 2 / max(observations.height_px, 1), 4),
    )


def track_at(observations: Observations, place: Sighting) -> int:
    """Return the track of the face at a place, -1 where there is none."""
    faces = observations.faces
    if not len(faces):
        return -1
    sample = int(np.abs(observations.t_s - place.t_s).argmin())
    if abs(float(observations.t_s[sample]) - place.t_s) > NEAR_S:
        return -1
    rows = np.flatnonzero(faces.sample == sample)
    point = np.array([place.x * observations.width_px, place.y * observations.height_px])
    boxes = faces.box[rows]
    rows = rows[((point >= boxes[:, :2]) & (point <= boxes[:, 2:])).all(axis=1)]
    if not len(rows):
        return -1
    middles = (faces.box[rows, :2] + faces.box[rows, 2:]) / 2
    return int(faces.track[rows[np.square(middles - point).sum(axis=1).argmin()]])
