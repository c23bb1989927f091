"""Columns that grow while a call is read: numbers only, some 80 bytes per face."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future

import numpy as np
from numpy.typing import NDArray

from inference.types import EXPRESSIONS, F32, Detection, FaceColumns

I64 = NDArray[np.int64]
_FACTS = 10
"""Numbers kept of a detection: its box, confidence, three angles and two openings."""
_MAX_OUTSTANDING = 64
"""Samples whose probabilities may be on their way from the device queue."""


class FaceRows:
    """Collects rows by sample; probabilities may come later, in the order they were asked for."""

    def __init__(self) -> None:
        self._keys = array("i")
        self._facts = array("f")
        self._probs = array("f")
        self._outstanding: deque[tuple[I64, Future[F32] | None]] = deque()
        self.seen = 0
        self.unclassified = 0

    def add(
        self,
        sample: int,
        tracks: Sequence[int],
        detections: Sequence[Detection],
        is_classified: Sequence[bool],
        probs: Future[F32] | None,
    ) -> None:
        """Take the faces of one sample.

        Args:
            is_classified: which of them have a row in `probs`; the others stay NaN.
            probs: what the device queue promised, or None where no face is classified.

        Raises:
            InferenceError: what the oldest batch still waited for has failed with.
        """
        order = sorted(range(len(tracks)), key=lambda i: tracks[i])
        rows = np.flatnonzero(is_classified)
        # A future's rows come in the order of the detections, the columns go by track.
        place = np.full(len(tracks), -1)
        place[rows] = np.arange(len(rows))
        for i in order:
            face = detections[i]
            self._keys.extend((sample, tracks[i]))
            self._facts.extend(float(edge) for edge in face.box)
            self._facts.extend((face.confidence, face.yaw_deg, face.pitch_deg, face.roll_deg))
            self._facts.extend((face.eye_opening, face.mouth_opening))
        self.seen += len(tracks)
        self.unclassified += len(tracks) - len(rows)
        self._outstanding.append((place[order], probs))
        while len(self._outstanding) > _MAX_OUTSTANDING:
            self._collect_oldest()

    def cancel(self) -> None:
        """Give up what has not come yet."""
        for _, probs in self._outstanding:
            if probs is not None:
                probs.cancel()

    def columns(self) -> FaceColumns:
        """Wait for what is outstanding and give all rows so far."""
        while self._outstanding:
            self._collect_oldest()
        keys = np.array(self._keys, np.int32).reshape(-1, 2)
        facts = np.array(self._facts, np.float32).reshape(-1, _FACTS)
        confidence, yaw, pitch, roll, eye, mouth = (facts[:, k].copy() for k in range(4, _FACTS))
        return FaceColumns(
            sample=keys[:, 0].copy(),
            track=keys[:, 1].copy(),
            box=facts[:, :4].copy(),
            confidence=confidence,
            probs=np.array(self._probs, np.float32).reshape(-1, len(EXPRESSIONS)),
            yaw_deg=yaw,
            pitch_deg=pitch,
            roll_deg=roll,
            eye_opening=eye,
            mouth_opening=mouth,
        )

    def _collect_oldest(self) -> None:
        place, future = self._outstanding.popleft()
        rows = np.full((len(place), len(EXPRESSIONS)), np.nan, np.float32)
        if future is not None:
            known = place >= 0
            rows[known] = future.result()[place[known]]
        self._probs.frombytes(rows.tobytes())
