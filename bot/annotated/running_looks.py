"""What each face shows in a word, against the person's own rest as far as it is known by then."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping

import numpy as np

from bot.annotated.running_names import Who
from inference.observer import SeenSample
from inference.schema.arrays import F32
from inference.scoring.face_words import FACE_WORDS, FaceRest, face_rest, face_words

LOOK_S = 1.5
"""A word is that of the mean over so long: a blink changes nothing."""
REST_EVERY_S = 10.0
"""How often the rest is found anew: it takes all that was seen of a person so far."""
MOST_ROWS = 4000
"""Looks of a person that are kept for the rest; of more, every second one is dropped."""


class RunningLooks:
    """Tells the word for each face of a sample.

    Who speaks is not known here, so a rest is of speaking too, unlike that of the scoring.
    """

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._recent: dict[int, deque[tuple[float, F32]]] = defaultdict(deque)
        self._rows: dict[int, list[F32]] = defaultdict(list)
        self._row_s: dict[int, float] = {}
        self._rests: dict[int, tuple[float, FaceRest]] = {}

    def add(self, seen: SeenSample, who: Mapping[int, Who]) -> dict[int, str]:
        """Take a sample and return the words by track; a face that was not read has none.

        Before somebody's face was seen for 20 s, its rest counts as a plain neutral face.
        """
        words = {}
        for track, probs in zip(seen.tracks, seen.probs, strict=True):
            if np.isnan(probs).any():
                continue
            recent = self._recent[track]
            recent.append((seen.t_s, probs))
            while recent[0][0] <= seen.t_s - LOOK_S:
                recent.popleft()
            # People without a name yet have numbers from -1 down, by their track.
            person = who[track].number if track in who else -1 - track
            mean = np.stack([row for _, row in recent]).mean(axis=0, keepdims=True)
            word = face_words(mean, self._rest(person, seen.t_s, probs))
            words[track] = FACE_WORDS[int(word[0])]
        for track in [t for t, rows in self._recent.items() if rows[-1][0] <= seen.t_s - LOOK_S]:
            del self._recent[track]
        return words

    def _rest(self, person: int, t_s: float, probs: F32) -> FaceRest:
        rows = self._rows[person]
        row_s = self._row_s.get(person, self._interval_s)
        rows.append(probs)
        if len(rows) > MOST_ROWS:
            del rows[::2]
            row_s *= 2
        self._row_s[person] = row_s
        found_s, rest = self._rests.get(person, (-REST_EVERY_S, FaceRest()))
        if t_s - found_s >= REST_EVERY_S:
            rest = face_rest(np.array(rows), np.ones(len(rows), np.bool_), row_s)
            self._rests[person] = t_s, rest
        return rest
