"""One camera in one place from cut to cut, what is behind the person, and whether it stayed.

Colours are taken where nobody is; a face is never among what is compared.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from inference.cameras.background_colours import CELLS, MIN_CELLS
from inference.schema.arrays import F32

SHARE_OF_SAMPLES = 0.3
"""A colour counts where the person left it free in this share of the samples."""
MIN_SAMPLES = 2
FIRST_SAMPLES, EVERY, ENOUGH, THEN_EVERY = 4, 4, 32, 40
"""A showing's first samples are taken, then every few until there are enough, then few: lights
change in an hour."""
OTHER_BACKGROUND = 16.0
"""And from which they are certainly not; what lies between is joined to nothing."""
MIN_CONTRAST = 8.0
"""A background whose colours differ less from their mean is no evidence: a white wall."""
STAYS_CORRELATION, STAYS_GAIN = 0.98, (0.7, 1.4)
"""Two moments of one background correlate at least this much in every colour, with exposure within
these factors. A real camera whose person moved: 0.996 at least; other people's backgrounds in 32
cuts of real and generated recordings: 0.91 at most."""
STAYS_LEVELS, STAYS_SHARE = 3.0, 0.1
"""And differ by this much at most, exposure aside: in levels, or as a share of the contrast. The
same camera: 5 levels at a contrast of 70; others: 9 and more."""
QUIET_LEVELS, QUIET_SHARE = 8.0, 0.75
"""Or most of it differs by no more than these levels. Nine cuts at which a real person moved in
front of a camera that stood still: 0.83 of the cells at least; where the picture was switched, or
the camera moved: 0.38 at most."""
RESTLESS_SHARE, RESTLESS_SAMPLES = 0.4, 2
"""A person who moves changes the picture nearly as much in another step this close: 0.6 times at
least in a real recording. A switch to another person stands alone: a tenth in generated ones."""
SWITCH_SAMPLES = 2
"""A picture is not switched twice in less than this many samples: two such cuts are movements."""


@dataclass(slots=True)
class Showing:
    """One camera in one place from cut to cut."""

    is_active_place: bool
    """Where the layout puts whoever speaks: the next one there is another person."""
    cut_from: int = -1
    """The showing before it in the same place of the same layout."""
    samples: int = 0
    sums: F32 = field(default_factory=lambda: np.zeros((*CELLS, 3), np.float32))
    counts: F32 = field(default_factory=lambda: np.zeros(CELLS, np.float32))

    def add(self, colours: F32, free: F32) -> None:
        """Take one sample's colours, where `free` is 1."""
        if self.samples >= ENOUGH:
            self.sums *= 1 - 1 / ENOUGH
            self.counts *= 1 - 1 / ENOUGH
        self.sums += colours * free[:, :, None]
        self.counts += free
        self.samples += 1


class Backgrounds:
    """Backgrounds seen so far, all compared with a new one together."""

    def __init__(self, most: int) -> None:
        self.members: list[list[int]] = []
        self.is_doubtful: list[bool] = []
        self._colours = np.zeros((most, CELLS[0] * CELLS[1], 3), np.float32)
        self._valid = np.zeros((most, CELLS[0] * CELLS[1]), np.float32)

    def open(self, showing: int, colours: F32, valid: F32, contrast: float) -> None:
        """Add a new background."""
        at = len(self.members)
        self._colours[at], self._valid[at] = colours, valid
        self.members.append([showing])
        self.is_doubtful.append(False)

    def join(self, at: int, showing: int) -> None:
        """Add a showing to a background."""
        self.members[at].append(showing)

    def distances(self, colours: F32, valid: F32, contrast: float) -> F32:
        """Return mean difference to each, in levels; infinite where too little is comparable."""
        count = len(self.members)
        common = self._valid[:count] * valid
        cells = common.sum(axis=1)
        weights = (common / np.maximum(1, cells)[:, None])[:, :, None]
        differences = self._colours[:count] - colours
        # A camera's exposure shifts all colours: that counts half.
        shifts = (differences * weights).sum(axis=1)
        spread = (np.abs(differences - shifts[:, None]) * weights).sum(axis=1).mean(axis=1)
        far = spread + 0.5 * np.abs(shifts).mean(axis=1)
        result: F32 = np.where(cells >= MIN_CELLS, far, np.inf).astype(np.float32)
        return result


def is_due(taken: int, sample: int) -> bool:
    if taken < FIRST_SAMPLES:
        return True
    return sample % (EVERY if taken < ENOUGH else THEN_EVERY) == 0


def colours_of(
    showing: Showing, least_contrast: float = MIN_CONTRAST
) -> tuple[F32, F32, float] | None:
    """Return colours (cells, 3), which of them count (cells,), and contrast; None if unusable."""
    taken = min(showing.samples, ENOUGH)
    if taken < MIN_SAMPLES:
        return None
    counts = showing.counts.reshape(-1)
    valid = (counts >= max(1.0, SHARE_OF_SAMPLES * taken)).astype(np.float32)
    if valid.sum() < MIN_CELLS:
        return None
    colours = showing.sums.reshape(-1, 3) / np.maximum(counts, 1e-6)[:, None]
    known = colours[valid > 0]
    contrast = float(np.abs(known - known.mean(axis=0)).mean())
    if contrast < least_contrast:
        return None
    return colours.astype(np.float32), valid, contrast


def background_stays(one: tuple[F32, F32], other: tuple[F32, F32]) -> bool:
    """Return whether a place shows the same background at two moments, exposure aside.

    False where too little of it is seen.

    Args:
        one, other: colours and which of them count, of `TileSample.cells`.
    """
    common = (one[1] * other[1]) > 0
    if np.count_nonzero(common) < MIN_CELLS:
        return False
    before, after = one[0][common], other[0][common]
    quiet = np.abs(after - before).max(axis=1) <= QUIET_LEVELS
    if float(quiet.mean()) >= QUIET_SHARE:
        return True  # what changed is a part of it: an arm, a shoulder
    contrast = float(np.abs(before - before.mean(axis=0)).mean())
    if contrast < MIN_CONTRAST:
        return False
    a, b = before - before.mean(axis=0), after - after.mean(axis=0)
    spread_a, spread_b = np.sqrt((a * a).sum(axis=0)), np.sqrt((b * b).sum(axis=0))
    if min(float(spread_a.min()), float(spread_b.min())) < 1.0:
        return False
    correlation = (a * b).sum(axis=0) / (spread_a * spread_b)
    gain = spread_b / spread_a
    is_same_light = bool((gain >= STAYS_GAIN[0]).all() and (gain <= STAYS_GAIN[1]).all())
    apart = float(np.abs(b / gain - a).mean())
    is_near = apart <= max(STAYS_LEVELS, STAYS_SHARE * contrast)
    return is_same_light and is_near and float(correlation.min()) >= STAYS_CORRELATION


class Steps:
    """How much the leading place's picture, but for faces, changed from sample to sample."""

    def __init__(self) -> None:
        self._apart: dict[int, float] = {}

    def add(self, sample: int, apart: float, was_cut: bool) -> None:
        """Note one step, in levels; a cut's own is negative."""
        self._apart[sample] = -apart if was_cut else apart

    def is_restless(self, sample: int) -> bool:
        """Return whether a cut at this sample is one of many movements around it."""
        step = abs(self._apart.get(sample, np.inf))
        most = 0.0
        for away in range(1, RESTLESS_SAMPLES + 1):
            for near in (sample - away, sample + away):
                apart = self._apart.get(near, 0.0)
                most = max(most, abs(apart) if away < SWITCH_SAMPLES else apart)
        return bool(np.isfinite(step) and most >= RESTLESS_SHARE * step)
