"""What a face showed in four words, against the person's own rest (docs/scoring.md, 3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.schema.arrays import EXPRESSIONS, F32, F64, I32, Bools
from inference.scoring.engagement import RULES, TIME_EPS_S

FACE_WORDS = ("smiling", "calm", "surprised-looking", "tense")
"""In the order of the numbers that `face_words` returns."""

SMILING, CALM, SURPRISED, TENSE = range(len(FACE_WORDS))

SMILE_ABOVE = 0.25
"""How far p(happy) must lie above the own rest for a smile. Of 102 people photographed neutral and
smiling, it was higher in the smile for all, but the likeliest expression for only 84 % of the women
and 40 % of the men. Of FER2013's test faces that most FER+ annotators call happy, 96 % have 0.25 or
more, of those they call neutral 5 %."""

OTHER_ABOVE = 0.5
"""The same for a surprised or tense look: likelier than all else together. At 0.25, 29 % of the
faces that most annotators call neutral would be tense, at 0.5 it is 13 % (surprised: 2 %)."""

SURE_ABOVE = 0.75
"""From here on a look is what it is, whatever the rest: who smiles all the time is smiling."""

SAD_AND_WORSE = ("angry", "disgust", "fear", "sad")
"""What makes a face tense. Which of the four it is, the classifier confuses most."""


@dataclass(frozen=True, slots=True)
class FaceRest:
    """How a person's own calm face reads: the lower quartile of each look while they listen."""

    smiling: float = 0.0
    surprised: float = 0.0
    tense: float = 0.0


def face_rest(probs: F32, counted: Bools, interval_s: float) -> FaceRest:
    """Return a person's own rest from the samples counted: listening, and no turn near.

    Args:
        probs: (T, 7); NaN rows where the face was not classified.
        counted: which samples count, (T,).
        interval_s: the time each sample represents. Under 20 s in all, the rest is 0.
    """
    rows = probs[counted & ~np.isnan(probs).any(axis=1)]
    if len(rows) * interval_s < RULES.rest_least_s - TIME_EPS_S:
        return FaceRest()
    levels = np.quantile(face_looks(rows), RULES.rest_quantile, axis=0)
    return FaceRest(*(float(level) for level in levels))


def is_smiling(probs: F32, rest: FaceRest) -> Bools:
    """Return in which rows of probs (T, 7) the face smiles, against the own rest; NaN: it doesn't.

    Not by the likeliest expression, which misses more smiles of men than of women.
    """
    shown: Bools = face_looks(probs)[:, 0] >= min(rest.smiling + SMILE_ABOVE, SURE_ABOVE)
    return shown


def face_words(probs: F32, rest: FaceRest) -> I32:
    """Return the word of each row of probs (T, 7) as an index into `FACE_WORDS`; -1 for NaN rows.

    It is the likeliest look that lies far enough above the own rest, and calm if none does.
    """
    looks = face_looks(probs)
    limits = [
        min(level + above, SURE_ABOVE)
        for level, above in (
            (rest.smiling, SMILE_ABOVE),
            (rest.surprised, OTHER_ABOVE),
            (rest.tense, OTHER_ABOVE),
        )
    ]
    shown = np.where(looks >= limits, looks, 0.0)
    words = np.array((SMILING, SURPRISED, TENSE))[np.argmax(shown, axis=1)]
    words = np.where(shown.any(axis=1), words, CALM)
    return np.where(np.isnan(looks).any(axis=1), -1, words).astype(np.int32)


def word_seconds(words: I32, counted: Bools, interval_s: float) -> dict[str, float]:
    """Return for how long each word held over the samples counted; {} where no face was read."""
    kept = words[counted & (words >= 0)]
    if not len(kept):
        return {}
    counts = np.bincount(kept, minlength=len(FACE_WORDS))
    return dict(zip(FACE_WORDS, (counts * interval_s).tolist(), strict=True))


def face_looks(probs: F32) -> F64:
    """Return how likely a smile, surprise and a tense look are, (T, 3)."""
    rows = probs.astype(np.float64)
    tense = sum(rows[:, EXPRESSIONS.index(name)] for name in SAD_AND_WORSE)
    return np.column_stack(
        [rows[:, EXPRESSIONS.index("happy")], rows[:, EXPRESSIONS.index("surprise")], tense]
    )
