"""Faces in one picture: where they are, how the head is turned, how open eyes and mouth are.

Everything goes through the `Detector` interface; `face_models` loads MediaPipe's models.

Measured on one core: the short-range model takes 1.2 ms for a 128×128 picture and finds faces from
16 px of it, the full-range one 3.7 ms for 192×192 and finds them from 10 px. So gallery tiles are
shrunk into common pictures, two to a call, the slow model looks only where the quick one saw
nobody, and the landmark model, 1.4 ms, runs only where a face was found.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, get_args

import cv2
import numpy as np

from inference.boxes import centre, clipped, holders, scaled
from inference.faces.backends import load_models
from inference.faces.face_models import MESH_PX, Backend, FaceModels
from inference.faces.face_search import (
    SURE,
    FoundFace,
    merge_found,
    search_stacks,
    search_tiles,
    whole_pixels,
    windows,
)
from inference.faces.landmarks import LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS, describe_landmarks
from inference.schema.arrays import F32, U8
from inference.schema.observations import Detection

MESH_MARGIN = 1.5
"""The landmark model sees the face's box this much enlarged, as in MediaPipe's own graph."""

LARGE_FACE_SHARE = 0.25
"""A face this high against the picture is somebody filling it: no search for small faces then."""

LARGE_TILE_SHARE = 0.4
"""A tile that covers this share of the picture is searched like a separate picture."""

HULL_OVER_DETECTOR = 1.06
"""How much higher the outline of the landmarks is than BlazeFace's box, measured on photographs;
applied to faces without landmarks, so that one box means one thing."""


class Detector(Protocol):
    """Finds the faces of one picture."""

    def detect(self, image: U8, regions: Sequence[F32] | F32 | None) -> list[Detection]:
        """Return every face in `image` (RGB), in reading order of the regions.

        `regions` are xyxy boxes of tiles; None or none: the whole picture is searched.

        Raises:
            WeightsInvalid: the models cannot be loaded.
        """

    def refit(self, image: U8, face: Detection) -> Detection | None:
        """Look again at a face that is about here, and nowhere else; None if it is gone.

        Raises:
            WeightsInvalid: the models cannot be loaded.
        """


@dataclass(frozen=True, slots=True)
class DetectOptions:
    """How faces are searched.

    Raises:
        ValueError: a value that cannot work.
    """

    min_confidence: float = 0.5
    """Faces that the detection model is less sure of are left out (0–1)."""
    with_landmarks: bool = True
    """False leaves out head turn, eye and mouth opening, and saves 1.5 ms a face."""
    beside_large: bool = False
    """True looks for small faces beside a large one too, in a picture without tiles and in a large
    tile: of 1280×720 px it takes 45 ms instead of 4."""
    backend: Backend = "litert"
    """What runs the models. Both find the same faces; "mediapipe" must be installed separately."""

    def __post_init__(self) -> None:
        if self.backend not in get_args(Backend):
            raise ValueError(f"backend must be litert or mediapipe, not {self.backend!r}")
        if not 0.0 < self.min_confidence < 1.0:
            raise ValueError(f"min_confidence must lie between 0 and 1, not {self.min_confidence}")


class FaceDetector:
    """MediaPipe's models behind `Detector`.

    One per thread: the models are not made for two at a time (a lock makes a shared one slow, not
    wrong). They are loaded by the first `detect`. Every picture is treated separately: the result
    does not depend on the pictures before it.
    """

    def __init__(self, options: DetectOptions | None = None) -> None:
        self._options = options or DetectOptions()
        self._lock = threading.Lock()
        self._models: FaceModels | None = None

    def detect(self, image: U8, regions: Sequence[F32] | F32 | None) -> list[Detection]:
        """Return every face in `image`; see `Detector.detect`."""
        with self._lock:
            if self._models is None:
                self._models = self._load()
            models = self._models
            if regions is not None and len(regions) > 0:
                return self._detect_in(models, image, np.stack([*regions]).astype(np.float32))
            return self._detect_anywhere(models, image)

    def refit(self, image: U8, face: Detection) -> Detection | None:
        """Fit the landmarks of a face again; see `Detector.refit`. Also None where it had none."""
        if face.landmarks is None:
            return None
        with self._lock:
            if self._models is None:
                self._models = self._load()
            eyes = [
                face.landmarks[list(corners)].mean(axis=0)
                for corners in (LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS)
            ]
            near = FoundFace(
                scaled(face.box, 1 / HULL_OVER_DETECTOR), face.confidence, np.stack(eyes)
            )
            points = _fit_landmarks(self._models, image, near)
        return None if points is None else _finish(near, points, image)

    def _load(self) -> FaceModels:
        return load_models(self._options.backend, self._options.min_confidence)

    def _detect_in(self, models: FaceModels, image: U8, tiles: F32) -> list[Detection]:
        """Search tiles; one that fills much of the picture may show a whole room."""
        height, width = image.shape[:2]
        areas = (tiles[:, 2:] - tiles[:, :2]).prod(axis=1)
        is_large = areas >= LARGE_TILE_SHARE * width * height
        small = list(tiles[~is_large])
        found = self._describe(models, image, search_tiles(models.short, models.full, image, small))
        for k in np.flatnonzero(is_large).tolist():
            x0, y0, x1, y1 = whole_pixels(tiles[k], image)
            part = np.ascontiguousarray(image[y0:y1, x0:x1])
            faces = [_moved(face, x0, y0) for face in self._detect_anywhere(models, part)]
            # What a small tile that lies over it shows was found there.
            middles = np.array([centre(face.box) for face in faces], np.float32).reshape(-1, 2)
            found += [f for f, at in zip(faces, holders(middles, tiles), strict=True) if at == k]
        return _merge_detections(found)

    def _detect_anywhere(self, models: FaceModels, image: U8) -> list[Detection]:
        """Search a picture of unknown layout: for a large face, else far and by windows."""
        height, width = image.shape[:2]
        whole = [np.array([0, 0, width, height], np.float32)]
        near = self._describe(models, image, search_stacks(models.short, image, whole)[0])
        is_large = any(face.height_px >= LARGE_FACE_SHARE * height for face in near)
        if is_large and not self._options.beside_large:
            return near
        found: list[FoundFace] = []
        for region in whole + windows(image):
            found += search_stacks(models.full, image, [region])[0]
        return _merge_detections(near + self._describe(models, image, found))

    def close(self) -> None:
        """Free the models; the next `detect` loads them again."""
        with self._lock:
            if self._models is not None:
                self._models.close()
                self._models = None

    def __enter__(self) -> FaceDetector:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _describe(self, models: FaceModels, image: U8, found: list[FoundFace]) -> list[Detection]:
        """Add what the landmarks show; leave out faces that the landmarks contradict."""
        faces: list[Detection] = []
        for face in merge_found(found):
            points = None
            if self._options.with_landmarks:
                points = _fit_landmarks(models, image, face)
                if points is None and face.confidence < SURE:
                    continue
            faces.append(_finish(face, points, image))
        return _merge_detections(faces)


def _moved(face: Detection, x: int, y: int) -> Detection:
    """Return a face found in part of the picture in the picture's own pixels."""
    landmarks = face.landmarks
    if landmarks is not None:
        landmarks = landmarks + np.array([x, y], np.float32)
    return replace(face, box=face.box + np.array([x, y, x, y], np.float32), landmarks=landmarks)


def _finish(face: FoundFace, points: F32 | None, image: U8) -> Detection:
    """Make the detection: the box is the outline of the landmarks, inside the picture."""
    height, width = image.shape[:2]
    if points is None:
        box = clipped(scaled(face.box, HULL_OVER_DETECTOR), width, height)
        return Detection(box=box, confidence=face.confidence)
    flat = np.ascontiguousarray(points[:, :2])
    edges = np.concatenate([flat.min(axis=0), flat.max(axis=0)])
    pose = describe_landmarks(points)
    return Detection(
        box=clipped(edges, width, height), confidence=face.confidence,
        yaw_deg=pose.yaw_deg, pitch_deg=pose.pitch_deg, roll_deg=pose.roll_deg,
        eye_opening=pose.eye_opening, mouth_opening=pose.mouth_opening,
        landmarks=flat,
    )  # fmt: skip


def _merge_detections(faces: list[Detection]) -> list[Detection]:
    """Merge finished faces, since landmarks may draw two boxes onto one; in reading order."""
    return sorted(merge_found(faces), key=lambda face: (float(face.box[1]), float(face.box[0])))


def _fit_landmarks(models: FaceModels, image: U8, face: FoundFace) -> F32 | None:
    """Fit 468 points (x, y, z in pixels of the frame) to a face, or None if there is none.

    The model sees the face upright and in its input's size, small ones enlarged.
    """
    middle = centre(face.box)
    side = MESH_MARGIN * float(max(face.box[2:] - face.box[:2]))
    across = face.eyes[1] - face.eyes[0]
    angle = math.atan2(across[1], across[0])
    cosine, sine = math.cos(angle), math.sin(angle)
    reach = (abs(cosine) + abs(sine)) * side / 2 + 2  # of the turned square, and some for sampling
    x0, y0, x1, y1 = whole_pixels(np.concatenate([middle - reach, middle + reach]), image)
    if x1 <= x0 or y1 <= y0:
        return None
    part, corner = image[y0:y1, x0:x1], np.array([x0, y0], np.float32)
    shrink = max(1, int(side // (2 * MESH_PX)))
    if shrink > 1:
        # The model samples linearly, which would leave out pixels of a large face: average first.
        part = part[: max(shrink, (y1 - y0) // shrink * shrink)]
        part = part[:, : max(shrink, (x1 - x0) // shrink * shrink)]
        size = (max(1, part.shape[1] // shrink), max(1, part.shape[0] // shrink))
        part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    inside = (middle - corner) / np.float32(shrink)
    points = models.fit_mesh(np.ascontiguousarray(part), inside, side / shrink, angle)
    if points is None:
        return None
    scale = side / MESH_PX
    x, y = (points[:, k] * scale - side / 2 for k in (0, 1))
    points[:, 0] = cosine * x - sine * y + middle[0]
    points[:, 1] = sine * x + cosine * y + middle[1]
    points[:, 2] *= scale
    return points
