"""MediaPipe's face models run by LiteRT; the only module that imports LiteRT.

The models are files (model_files.py). The code around them here, from pixels to tensors and
from tensors to faces, computes what MediaPipe 0.10.21's graphs compute. Sources, in MediaPipe's
repository: mediapipe/modules/face_detection/face_detection{,_short_range,_full_range}.pbtxt,
mediapipe/modules/face_landmark/face_landmark_cpu.pbtxt, and in mediapipe/calculators the
calculators they name: ssd_anchors, tensors_to_detections, non_max_suppression, image_to_tensor.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from inference.errors import WeightsInvalid
from inference.faces.face_models import (
    FULL_PX,
    FULL_TILES,
    MESH_PX,
    MIN_PRESENCE,
    SHORT_PX,
    SHORT_TILES,
)
from inference.faces.face_search import MERGE_IOU, FoundFace
from inference.faces.model_files import FACE_MESH, FULL_RANGE, SHORT_RANGE, ModelFile, read_model
from inference.native_log import native_log_lines_dropped
from inference.schema.arrays import F32, U8

SHORT_CELLS = ((8, 2), (16, 6))
FULL_CELLS = ((4, 1),)
"""The grids of anchors of the two detection models: pixels from one to the next, and how many
are at each place. MediaPipe lists layers of the strides 8, 16, 16, 16 with two anchors each,
and joins those of one stride; all anchors have one size, so only their places count."""

SHORT_SCORE = 0.5
FULL_SCORE = 0.6
"""From which score a detection model's answer counts (`min_score_thresh`)."""

_EYES = slice(4, 8)
"""Columns of the two eyes in a detection model's answer: x, y, width, height, then six points."""


class Network:
    """One model file, run by LiteRT on one thread.

    Raises:
        WeightsInvalid: the file is missing or damaged, or LiteRT does not work here.
    """

    def __init__(self, model: ModelFile) -> None:
        content = read_model(model)
        try:
            with native_log_lines_dropped():
                from ai_edge_litert.interpreter import Interpreter

                self._interpreter: Any = Interpreter(model_content=content, num_threads=1)
                self._interpreter.allocate_tensors()
        except (ImportError, OSError, RuntimeError, ValueError) as exc:
            raise WeightsInvalid(
                f"LiteRT cannot run the face model {model.name}: install ai-edge-litert as "
                f"constraints.txt names it: {exc}"
            ) from exc
        (given,) = self._interpreter.get_input_details()
        self._input = int(given["index"])
        self._outputs = [int(output["index"]) for output in self._interpreter.get_output_details()]
        self.values: F32 = np.zeros(given["shape"], np.float32)
        """The input, to be filled before `run`; (1, height, width, 3)."""

    def run(self) -> list[F32]:
        """Return the outputs for `values`, in the order of the file."""
        self._interpreter.set_tensor(self._input, self.values)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]


def anchor_places(side_px: int, cells: Sequence[tuple[int, int]]) -> F32:
    """Return the middles of a detection model's anchors, x, y in pixels of its input, (N, 2)."""
    places = []
    for stride, count in cells:
        along = (np.arange(-(-side_px // stride)) + 0.5) * stride
        y, x = np.meshgrid(along, along, indexing="ij")
        places.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), count, axis=0))
    return np.concatenate(places).astype(np.float32)


def decode_faces(raw: F32, logits: F32, anchors: F32, min_score: float) -> tuple[F32, F32]:
    """Decode a detection model's answer.

    Args:
        raw: (N, 16): x, y, width, height and six points, in pixels from the anchor.
        logits: (N,), of the scores.
        anchors: (N, 2), as `anchor_places` returns them.

    Returns:
        Of the answers that score `min_score` or more: box (xyxy) and two eyes, (M, 8), in pixels
        of the model's input; and the scores, (M,). Neither is in any order.
    """
    # MediaPipe cuts the logits to ±100 first, so that exp does not overflow. Here the sigmoid is
    # taken only of those above the limit, which cannot.
    sure = np.flatnonzero(logits >= math.log(min_score / (1 - min_score)))
    sure = sure[(raw[sure, 2:4] >= 0).all(axis=1)]
    scores = (1 / (1 + np.exp(-logits[sure]))).astype(np.float32)
    values, places = raw[sure], anchors[sure]
    middle, half = values[:, :2] + places, values[:, 2:4] * np.float32(0.5)
    eyes = values[:, _EYES] + np.tile(places, 2)
    return np.concatenate([middle - half, middle + half, eyes], axis=1), scores


def merge_weighted(values: F32, scores: F32) -> list[tuple[F32, float]]:
    """Merge answers for one face into their mean, weighted by the scores, surest face first.

    Args:
        values: (M, 4 or more): box (xyxy), and what else is averaged.

    Returns:
        Values of each face and the highest score of its answers.
    """
    order = np.argsort(-scores, kind="stable")
    values, scores = values[order], scores[order]
    areas = (values[:, 2] - values[:, 0]) * (values[:, 3] - values[:, 1])
    merged = []
    while len(scores):
        low = np.maximum(values[:, :2], values[0, :2])
        high = np.minimum(values[:, 2:4], values[0, 2:4])
        shared = np.maximum(high - low, 0).prod(axis=1)
        # Compared without a division: a box may have no area.
        is_same = shared > MERGE_IOU * (areas + areas[0] - shared)
        is_same[0] = True
        weights = scores[is_same]
        merged.append((weights @ values[is_same] / weights.sum(), float(scores[0])))
        values, scores, areas = values[~is_same], scores[~is_same], areas[~is_same]
    return merged


class LiteRTDetectionModel:
    """One of the two face detection models."""

    def __init__(
        self,
        model: ModelFile,
        side_px: int,
        tiles_per_call: int,
        anchors: F32,
        min_score: float,
        min_confidence: float,
    ) -> None:
        self.side_px = side_px
        self.tiles_per_call = tiles_per_call
        self._network = Network(model)
        self._anchors = anchors
        self._min_score = min_score
        self._min_confidence = min_confidence

    def detect(self, image: U8) -> list[FoundFace]:
        """Return every face, in pixels of the picture; see `FaceModel.detect`."""
        values = self._network.values
        np.multiply(image, np.float32(1 / 127.5), out=values[0], casting="unsafe")
        values -= 1  # −1 to 1
        raw, logits = self._network.run()
        answers = decode_faces(raw[0], logits[0, :, 0], self._anchors, self._min_score)
        return [
            FoundFace(face[:4], score, face[_EYES].reshape(2, 2))
            for face, score in merge_weighted(*answers)
            if score >= self._min_confidence
        ]


class LiteRTFaceModels:
    """The three models; see `FaceModels`.

    Raises:
        WeightsInvalid: a file is missing or damaged, or LiteRT does not work here.
    """

    def __init__(self, min_confidence: float) -> None:
        self.short = LiteRTDetectionModel(
            SHORT_RANGE, SHORT_PX, SHORT_TILES,
            anchor_places(SHORT_PX, SHORT_CELLS), SHORT_SCORE, min_confidence,
        )  # fmt: skip
        self.full = LiteRTDetectionModel(
            FULL_RANGE, FULL_PX, FULL_TILES,
            anchor_places(FULL_PX, FULL_CELLS), FULL_SCORE, min_confidence,
        )  # fmt: skip
        self._mesh = Network(FACE_MESH)

    def fit_mesh(self, image: U8, middle: F32, side: float, angle: float) -> F32 | None:
        """Fit the mesh to the face in a square of the picture; see `FaceModels.fit_mesh`."""
        upright = cut_square(image, middle, side, angle, MESH_PX)
        np.multiply(upright, np.float32(1 / 255), out=self._mesh.values[0], casting="unsafe")
        points, presence = self._mesh.run()
        if presence.item() < math.log(MIN_PRESENCE / (1 - MIN_PRESENCE)):
            return None
        return points.reshape(-1, 3)

    def close(self) -> None:
        """Nothing to do: the memory goes with the object."""


def cut_square(image: U8, middle: F32, side: float, angle: float, side_px: int) -> U8:
    """Cut a turned square out of a picture, upright and `side_px` wide.

    Places count from the corners of the square, not from the middles of pixels, and what lies
    outside the picture repeats its edge, both as in MediaPipe's image_to_tensor_calculator.
    """
    scale = side / side_px
    cosine, sine = scale * math.cos(angle), scale * math.sin(angle)
    half = side_px / 2
    into_picture = np.array(
        [
            [cosine, -sine, middle[0] - half * (cosine - sine)],
            [sine, cosine, middle[1] - half * (sine + cosine)],
        ]
    )
    upright: U8 = cv2.warpAffine(
        image, into_picture, (side_px, side_px),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return upright
