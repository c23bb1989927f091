"""Columns that grow while a call is read: numbers only, some 80 bytes per face.

Crops go to the device queue some at a time: on a CPU the network takes 1.5 ms a face in fours and
1.1 ms in sixteens, and a recording is in no hurry.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inference.schema.arrays import EXPRESSIONS, F32, U8, Bools
from inference.schema.observations import Detection, FaceColumns

I64 = NDArray[np.int64]
_FACTS = 10
"""Numbers kept of a detection: its box, confidence, three angles and two openings."""
CROPS_AT_ONCE = 16
"""Crops handed to the device queue together."""
_MAX_OUTSTANDING = 64
"""Samples whose probabilities may be outstanding."""


@dataclass(slots=True)
class _Batch:
    """Crops that wait to be handed over together, then the promise for them."""

    crops: list[U8] = field(default_factory=list)
    future: Future[F32] | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """One sample's place in a batch: for each of its rows the batch's row, -1 for none."""

    sample: int
    batch: _Batch
    rows: I64


def without_unread(faces: FaceColumns, is_enlarged: Bools) -> FaceColumns:
    """Leave out the tracks that were seen in enlarged pictures alone and never classified.

    A recording that begins small and grows shows specks first; they would count as people.

    Args:
        faces: of the whole call.
        is_enlarged: whether each sample's picture was enlarged, (T,).
    """
    if not is_enlarged.any():
        return faces
    tells = ~np.isnan(faces.probs[:, 0]) | ~is_enlarged[faces.sample]
    kept = np.isin(faces.track, np.unique(faces.track[tells]))
    return FaceColumns(**{name: getattr(faces, name)[kept] for name in faces.__slots__})


class FaceRows:
    """Collects rows by sample; probabilities may come later, in the order they were asked for."""

    def __init__(
        self,
        submit: Callable[[U8], Future[F32]],
        on_sample: Callable[[int, F32], None] | None = None,
        max_outstanding: int = _MAX_OUTSTANDING,
    ) -> None:
        """Start empty.

        Args:
            submit: the device queue's.
            on_sample: called for each sample, in order, with its number and the probabilities
                of its rows by track, when they have arrived.
            max_outstanding: samples whose probabilities may be outstanding.
        """
        self._submit, self._on_sample, self._max_outstanding = submit, on_sample, max_outstanding
        self._batch = _Batch()
        self._keys = array("i")
        self._facts = array("f")
        self._probs = array("f")
        self._outstanding: deque[_Asked] = deque()
        self.seen = 0
        self.unclassified = 0

    def add(
        self,
        sample: int,
        tracks: Sequence[int],
        detections: Sequence[Detection],
        crops: Sequence[U8 | None],
    ) -> None:
        """Take the faces of one sample.

        Args:
            crops: (H, W) each, in the order of the detections; where there is none, the
                probabilities stay NaN.

        Raises:
            InferenceError: what the oldest batch still waited for has failed with.
        """
        order = sorted(range(len(tracks)), key=lambda i: tracks[i])
        # Crops come in the order of the detections, the columns go by track.
        given = [crop for crop in crops if crop is not None]
        rows = np.full(len(tracks), -1)
        has_crop = [crop is not None for crop in crops]
        rows[has_crop] = len(self._batch.crops) + np.arange(len(given))
        for i in order:
            face = detections[i]
            self._keys.extend((sample, tracks[i]))
            self._facts.extend(face.box.tolist())
            self._facts.extend((face.confidence, face.yaw_deg, face.pitch_deg, face.roll_deg))
            self._facts.extend((face.eye_opening, face.mouth_opening))
        self.seen += len(tracks)
        self.unclassified += len(tracks) - len(given)
        self._outstanding.append(_Asked(sample, self._batch, rows[order]))
        self._batch.crops += given
        if len(self._batch.crops) >= CROPS_AT_ONCE:
            self._hand_over()
        while len(self._outstanding) > self._max_outstanding:
            self._collect_oldest()

    def cancel(self) -> None:
        """Abandon what has not arrived yet."""
        for asked in self._outstanding:
            if asked.batch.future is not None:
                asked.batch.future.cancel()

    def collect(self) -> None:
        """Wait for what is outstanding."""
        while self._outstanding:
            self._collect_oldest()

    def columns(self) -> FaceColumns:
        """Wait for what is outstanding and return all rows so far."""
        self.collect()
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

    def _hand_over(self) -> None:
        if self._batch.crops:
            self._batch.future = self._submit(np.stack(self._batch.crops))
            self._batch.crops.clear()
        self._batch = _Batch()

    def _collect_oldest(self) -> None:
        asked = self._outstanding.popleft()
        probs = np.full((len(asked.rows), len(EXPRESSIONS)), np.nan, np.float32)
        known = asked.rows >= 0
        if known.any():
            if asked.batch is self._batch:
                self._hand_over()
            assert asked.batch.future is not None
            probs[known] = asked.batch.future.result()[asked.rows[known]]
        self._probs.frombytes(probs.tobytes())
        if self._on_sample is not None:
            self._on_sample(asked.sample, probs)
