"""Faces in one picture: where they are, how the head is turned, how open eyes and mouth are.

Everything goes through the `Detector` interface; this is the only file that knows MediaPipe, whose
wheel (0.10.21) carries the models: BlazeFace short and full range, and the 468-point face mesh.

Measured on one core: the short-range model takes 1.9 ms for a 128×128 picture and finds faces from
16 px of it, the full-range one 5.5 ms for 192×192 and finds them from 10 px. So gallery tiles are
shrunk into common pictures, two to a call, the slow model looks only where the quick one saw
nobody, and the landmark model, 2.5 ms, runs only where a face was found.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np

from inference.boxes import centre, clipped, overlap, scaled
from inference.errors import WeightsInvalid
from inference.native_log import native_log_lines_dropped
from inference.pose import describe_landmarks
from inference.search import (
    MERGE_IOU,
    SURE,
    FoundFace,
    merge_found,
    search_stacks,
    search_tiles,
    whole_pixels,
    windows,
)
from inference.types import F32, U8, Detection

FULL_PX = 192
SHORT_PX = 128
MESH_PX = 192
"""Input sizes of the three models, as their graphs say (`ImageToTensorCalculator`)."""

SHORT_TILES = 2
FULL_TILES = 2
"""Gallery tiles in one call. Measured: two 16:9 tiles in the short-range model's input keep every
face from 25 % of the tile's height up, in the full-range model's from 18 %; with more tiles, faces
get lost that the model finds when they stand alone."""

MESH_MARGIN = 1.5
"""The landmark model sees the face's box this much enlarged, as in MediaPipe's own graph."""

LARGE_FACE_SHARE = 0.25
"""A face this high against the picture is somebody filling it: no search for small faces then."""

HULL_OVER_DETECTOR = 1.06
"""How much higher the outline of the landmarks is than BlazeFace's box, measured on photographs;
applied to faces without landmarks, so that one box means one thing."""


class Detector(Protocol):
    """Finds the faces of one picture."""

    def detect(self, image: U8, regions: Sequence[F32] | F32 | None) -> list[Detection]:
        """Give every face in `image` (RGB), in reading order of the regions.

        `regions` are xyxy boxes of gallery tiles; None or none: the whole picture is searched.

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
    """False leaves out head turn, eye and mouth opening, and saves 2.5 ms a face."""

    def __post_init__(self) -> None:
        if not 0.0 < self.min_confidence < 1.0:
            raise ValueError(f"min_confidence must lie between 0 and 1, not {self.min_confidence}")


class MediaPipeDetector:
    """MediaPipe's models behind `Detector`.

    One per thread: the graphs are not made for two at a time (a lock makes a shared one slow, not
    wrong). Models are loaded by the first `detect`, about a second. Every picture is taken for
    itself: the result does not depend on the pictures before it.
    """

    def __init__(self, options: DetectOptions | None = None) -> None:
        self._options = options or DetectOptions()
        self._lock = threading.Lock()
        self._models: _Models | None = None

    def detect(self, image: U8, regions: Sequence[F32] | F32 | None) -> list[Detection]:
        """Give every face in `image`; see `Detector.detect`."""
        with self._lock:
            if self._models is None:
                self._models = _load_models(self._options.min_confidence)
            models = self._models
            if regions is not None and len(regions) > 0:
                tiles = [np.asarray(box, np.float32) for box in regions]
                return self._describe(
                    models, image, search_tiles(models.short, models.full, image, tiles)
                )
            return self._detect_anywhere(models, image)

    def _detect_anywhere(self, models: _Models, image: U8) -> list[Detection]:
        """Search a picture of unknown layout: for a large face, else far and by windows."""
        height, width = image.shape[:2]
        whole = [np.array([0, 0, width, height], np.float32)]
        near = self._describe(models, image, search_stacks(models.short, image, whole)[0])
        if any(face.height_px >= LARGE_FACE_SHARE * height for face in near):
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

    def __enter__(self) -> MediaPipeDetector:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _describe(self, models: _Models, image: U8, found: list[FoundFace]) -> list[Detection]:
        """Add what the landmarks tell; leave out faces that the landmarks speak against."""
        faces: list[Detection] = []
        for face in merge_found(found):
            points = None
            if self._options.with_landmarks:
                points = _landmarks(models, image, face)
                if points is None and face.confidence < SURE:
                    continue
            faces.append(_finish(face, points, image))
        return _merge_detections(faces)


def _finish(face: FoundFace, points: F32 | None, image: U8) -> Detection:
    """Make the detection: the box is the outline of the landmarks, inside the picture."""
    height, width = image.shape[:2]
    if points is None:
        box = clipped(scaled(face.box, HULL_OVER_DETECTOR), width, height)
        return Detection(box=box, confidence=face.confidence)
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    told = describe_landmarks(points)
    return Detection(
        box=clipped(np.concatenate([low, high]), width, height), confidence=face.confidence,
        yaw_deg=told.yaw_deg, pitch_deg=told.pitch_deg, roll_deg=told.roll_deg,
        eye_opening=told.eye_opening, mouth_opening=told.mouth_opening,
        landmarks=np.ascontiguousarray(points[:, :2]),
    )  # fmt: skip


def _merge_detections(faces: list[Detection]) -> list[Detection]:
    """The same on finished faces: landmarks may draw two boxes onto one face. Reading order."""
    kept: list[Detection] = []
    for face in sorted(faces, key=lambda face: -face.confidence):
        if all(overlap(face.box, other.box) < MERGE_IOU for other in kept):
            kept.append(face)
    return sorted(kept, key=lambda face: (float(face.box[1]), float(face.box[0])))


# Landmarks ---------------------------------------------------------------------------------------


def _landmarks(models: _Models, image: U8, face: FoundFace) -> F32 | None:
    """Fit 468 points (x, y, z in pixels of the frame) to a face, or None if there is none.

    The face is turned upright and scaled to the model's input, small ones enlarged.
    """
    middle = centre(face.box)
    side = MESH_MARGIN * float(max(face.box[2:] - face.box[:2]))
    across = face.eyes[1] - face.eyes[0]
    angle = float(np.arctan2(across[1], across[0]))
    picture, shift = image, np.zeros(2, np.float32)
    shrink = max(1, int(side // (2 * MESH_PX)))
    if shrink > 1:
        # Linear sampling of a large face would leave out pixels; average them first.
        reach = side * 0.75
        x0, y0, x1, y1 = whole_pixels(np.concatenate([middle - reach, middle + reach]), image)
        size = (max(1, (x1 - x0) // shrink), max(1, (y1 - y0) // shrink))
        picture = cv2.resize(image[y0:y1, x0:x1], size, interpolation=cv2.INTER_AREA)
        shift = np.array([x0, y0], np.float32)
    turn = np.array(
        [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32
    )  # crop axes in the frame
    scale = side / MESH_PX
    to_frame = np.concatenate([turn * scale, (middle - turn @ [side / 2, side / 2])[:, None]], 1)
    to_picture = to_frame.copy()
    to_picture[:, 2] -= shift
    to_picture /= shrink
    crop = cv2.warpAffine(
        picture, to_picture, (MESH_PX, MESH_PX), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    points = models.fit_mesh(crop)
    if points is None:
        return None
    points = points * MESH_PX
    flat = points[:, :2] @ to_frame[:, :2].T + to_frame[:, 2]
    placed: F32 = np.concatenate([flat, points[:, 2:] * scale], axis=1).astype(np.float32)
    return placed


# The models --------------------------------------------------------------------------------------

_DETECTION_GRAPH = """
num_threads: 1
input_stream: "image"
output_stream: "detections"
node {
  calculator: "FaceDetection%sRangeCpu"
  input_stream: "IMAGE:image"
  output_stream: "DETECTIONS:detections"
}
"""

_MESH_GRAPH = """
num_threads: 1
input_stream: "image"
input_stream: "roi"
input_side_packet: "with_attention"
output_stream: "landmarks"
node {
  calculator: "FaceLandmarkCpu"
  input_stream: "IMAGE:image"
  input_stream: "ROI:roi"
  input_side_packet: "WITH_ATTENTION:with_attention"
  output_stream: "LANDMARKS:landmarks"
}
"""
"""The landmark model by itself: the ready-made FaceMesh searches the face again first (1.2 ms)."""


class _DetectionModel:
    """One of the two face detection models, for square pictures."""

    def __init__(
        self, graph: Any, side_px: int, tiles_per_call: int, min_confidence: float
    ) -> None:
        self.side_px = side_px
        self.tiles_per_call = tiles_per_call
        self.graph = graph
        self._min_confidence = min_confidence

    def detect(self, image: U8) -> list[FoundFace]:
        """Every face, in pixels of the picture."""
        found = []
        for detection in self.graph.process({"image": image}).detections or ():
            confidence = float(detection.score[0])
            if confidence < self._min_confidence:
                continue
            box = detection.location_data.relative_bounding_box
            edges = (box.xmin, box.ymin, box.xmin + box.width, box.ymin + box.height)
            eyes = [(p.x, p.y) for p in detection.location_data.relative_keypoints[:2]]
            side = np.float32(image.shape[0])
            found.append(
                FoundFace(
                    np.array(edges, np.float32) * side,
                    confidence,
                    np.array(eyes, np.float32) * side,
                )
            )
        return found


class _Models:
    """The three graphs. MediaPipe is imported here, which takes about a second."""

    def __init__(self, min_confidence: float) -> None:
        with native_log_lines_dropped():
            from mediapipe.framework.formats.rect_pb2 import NormalizedRect
            from mediapipe.python.solution_base import SolutionBase

            self._roi = NormalizedRect(x_center=0.5, y_center=0.5, width=1.0, height=1.0)
            short = SolutionBase(graph_config=_DETECTION_GRAPH % "Short")
            full = SolutionBase(graph_config=_DETECTION_GRAPH % "Full")
            self._mesh: Any = SolutionBase(
                graph_config=_MESH_GRAPH, side_inputs={"with_attention": False}
            )
            self.short = _DetectionModel(short, SHORT_PX, SHORT_TILES, min_confidence)
            self.full = _DetectionModel(full, FULL_PX, FULL_TILES, min_confidence)
            # The first run of each graph writes lines too.
            self.short.detect(np.zeros((SHORT_PX, SHORT_PX, 3), np.uint8))
            self.full.detect(np.zeros((FULL_PX, FULL_PX, 3), np.uint8))
            self.fit_mesh(np.zeros((MESH_PX, MESH_PX, 3), np.uint8))

    def fit_mesh(self, crop: U8) -> F32 | None:
        """Points (468, 3) in shares of the upright square crop, or None: no face is there."""
        landmarks = self._mesh.process({"image": crop, "roi": self._roi}).landmarks
        if landmarks is None:
            return None
        points: F32 = np.array([(p.x, p.y, p.z) for p in landmarks.landmark], np.float32)
        return points

    def close(self) -> None:
        for graph in (self.short.graph, self.full.graph, self._mesh):
            graph.close()


def _load_models(min_confidence: float) -> _Models:
    """Load MediaPipe and its models.

    Raises:
        WeightsInvalid: the installed MediaPipe does not work, or is one without models.
    """
    try:
        return _Models(min_confidence)
    except (ImportError, OSError, RuntimeError, ValueError) as exc:
        raise WeightsInvalid(
            "MediaPipe's face models cannot be loaded; install mediapipe==0.10.21 (later releases "
            f"carry no models) and opencv-contrib-python-headless: {exc}"
        ) from exc
