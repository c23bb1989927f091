"""Faces followed from sample to sample, so that models look only where something changed.

A face that was found is searched for where it was, by its picture in grey, 48 px wide. Where that
is found again nearly unchanged, the landmarks go along with it; where the face changed (it speaks,
it turned), they are fitted again at its new place; and where that is unclear, its tile is searched
again. Every tile is searched now and then in any case, so that somebody who sits down beside is
seen. What is compared is always the picture in which the landmarks were fitted last: small errors
do not add up.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from inference.boxes import centre, clipped, has_centre_in, holders, overlap
from inference.faces.detector import Detector
from inference.faces.face_search import MERGE_IOU
from inference.faces.patch_alignment import FacePatch, Place
from inference.schema.arrays import F32, U8, Bools
from inference.schema.observations import Detection

SEARCH_EVERY_S = 4.0
"""Every tile is searched again after this long, whoever is followed in it. If fewer are found than
before, it is searched in every sample for as long: somebody may have turned away."""

Key: TypeAlias = tuple[float, ...]
"""A region's edges; none for the whole picture."""


@dataclass(slots=True)
class _Seen:
    """A face that was found, as it was when its landmarks were fitted last, and where it is."""

    patch: FacePatch
    place: Place


@dataclass(slots=True)
class _Region:
    """What is known of one region."""

    searched_s: float
    faces: list[_Seen]
    most: int
    """How many faces there were, not long ago."""
    most_s: float


class FaceFollower:
    """Finds the faces of some regions of every sample; samples come in order of time.

    What it returns for a sample depends on the samples before. One thread at a time.
    """

    def __init__(self, detector: Detector, search_every_s: float = SEARCH_EVERY_S) -> None:
        """Take an unshared detector, and how long a region may go unsearched; 0: never."""
        self._detector = detector
        self._search_every_s = search_every_s
        self._regions: dict[Key, _Region] = {}

    def look(
        self, image: U8, t_s: float, regions: F32 | None, cuts: Bools, others: F32
    ) -> list[Detection]:
        """Return every face in the regions of one sample, in reading order.

        Args:
            image: RGB.
            regions: tiles, (n, 4), or None: anywhere in the picture.
            cuts: (n,), or (1,) for the whole picture: whether a region was cut.
            others: (m, 4), further tiles that may lie over these; faces in them are left out.

        Raises:
            WeightsInvalid: the detector's models cannot be loaded.
        """
        keys: list[Key] = [()] if regions is None else [tuple(r) for r in regions.tolist()]
        self._regions = {key: self._regions[key] for key in keys if key in self._regions}
        places = None if regions is None else np.concatenate([regions, others])
        due: list[int] = []
        found: list[Detection] = []
        for k, key in enumerate(keys):
            followed = None if cuts[k] else self._followed(image, t_s, key)
            if followed is None or (places is not None and not _are_held(followed, places, k)):
                due.append(k)
            else:
                found += followed
        if due:
            found += self._searched(image, t_s, regions, keys, due, others)
        return sorted(found, key=lambda face: (float(face.box[1]), float(face.box[0])))

    def search(self, image: U8, regions: F32 | None) -> list[F32]:
        """Return the boxes of the faces in a picture, without following any."""
        return [face.box for face in self._detector.detect(image, regions)]

    def close(self) -> None:
        """Free the detector's models, where it has any."""
        close = getattr(self._detector, "close", None)
        if close is not None:
            close()

    def _searched(
        self,
        image: U8,
        t_s: float,
        regions: F32 | None,
        keys: list[Key],
        due: list[int],
        others: F32,
    ) -> list[Detection]:
        faces = self._detector.detect(image, None if regions is None else regions[due])
        held = [due[0]] * len(faces)
        if regions is not None and faces:
            middles = np.stack([centre(face.box) for face in faces])
            held = holders(middles, np.concatenate([regions, others])).tolist()
        kept = [(face, k) for face, k in zip(faces, held, strict=True) if k in due]
        for k in due:
            patches = [FacePatch(image, face) for face, at in kept if at == k]
            seen = [_Seen(patch, patch.place) for patch in patches]
            before = self._regions.get(keys[k])
            most, most_s = len(seen), t_s
            if (
                before is not None
                and before.most > most
                and t_s < before.most_s + self._search_every_s
            ):
                most, most_s = before.most, before.most_s
            self._regions[keys[k]] = _Region(t_s, seen, most, most_s)
        return [face for face, _ in kept]

    def _followed(self, image: U8, t_s: float, key: Key) -> list[Detection] | None:
        """Return the region's faces where they are now, or None: it must be searched."""
        region = self._regions.get(key)
        if region is None or not region.faces or len(region.faces) < region.most:
            return None
        if t_s - region.searched_s >= self._search_every_s:
            return None
        faces = [self._follow(image, seen) for seen in region.faces]
        if any(face is None for face in faces):
            return None
        now = [face for face in faces if face is not None]
        if any(overlap(a.box, b.box) >= MERGE_IOU for k, a in enumerate(now) for b in now[:k]):
            return None  # two are mistaken for one
        return now

    def _follow(self, image: U8, seen: _Seen) -> Detection | None:
        """Return the face where it is now, or None where that is unclear."""
        found = seen.patch.find(image, seen.place)
        if found is None:
            return None
        seen.place, is_still = found
        moved = seen.patch.moved(seen.place)
        height, width = image.shape[:2]
        if not has_centre_in(moved.box, np.array([0, 0, width, height], np.float32)):
            return None
        moved = replace(moved, box=clipped(moved.box, width, height))
        if is_still:
            return moved
        face = self._detector.refit(image, moved)
        if face is None or overlap(face.box, moved.box) < MERGE_IOU:
            return None
        seen.patch = FacePatch(image, face)
        seen.place = seen.patch.place
        return face


def _are_held(faces: list[Detection], places: F32, k: int) -> bool:
    """Return whether all faces are in their region and in no smaller one that lies over it."""
    middles = np.array([centre(face.box) for face in faces], np.float32).reshape(-1, 2)
    return bool((holders(middles, places) == k).all())


class FollowThread:
    """A `FaceFollower` in its own thread, which sees the samples in order."""

    def __init__(self, detector_factory: Callable[[], Detector], search_every_s: float) -> None:
        """Take what makes the detector; it is made in the thread, at the first picture."""
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="detect")
        self._new = detector_factory
        self._search_every_s = search_every_s
        self._follower: FaceFollower | None = None
        self.submit = self._pool.submit

    @property
    def follower(self) -> FaceFollower:
        """For use in the thread alone."""
        if self._follower is None:
            self._follower = FaceFollower(self._new(), self._search_every_s)
        return self._follower

    def close(self) -> None:
        """Abandon what waits, end the thread, free the models; safe to call twice."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        if self._follower is not None:
            self._follower.close()
            self._follower = None
