"""Turns that speak against a name: somebody else talks on while the only face shown keeps still.

Turns name nobody until they have been shown to be this call's (`speech_alignment`). They may cast
doubt before: a picture that follows the speaker and shows one face only shows whoever speaks. The
factor of a name is at most 1, falls with every second of somebody else's speech, and is bounded
from below, because the turns may be another meeting's and the picture may be pinned.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inference.attribution.tracklet_groups import TrackletGroup
from inference.schema.arrays import F32, F64, Bools
from inference.schema.observations import Observations

CONTRADICTION_WRONG = 0.01
"""How often turns that contradict a name are wrong as a whole, or the picture does not follow the
speaker. Five times as often as a label, so that a label that is contradicted throughout keeps 0.01
against 0.002: five to one, no name."""
SHOWN_HITS = (0.5, 0.75, 0.9)
"""How much of the speech is a person's while the picture shows their face alone. One half: a
recording made by a participant does not switch to that participant."""
OTHERS_HITS = 0.2
"""The same while it shows somebody else's."""
WORTH = 0.25
"""Of a sample at 2 a second: neighbours say nearly the same."""
SWITCH_S = 3.0
"""Zoom switches the picture up to this long after somebody begins to speak, and turns may be as
much too early or too late: within it of a person's own speech, nothing contradicts, nor before
others have spoken for as long since."""
BRIEF_S = 15.0
"""A face seen for less in all counts as if it had been seen for this long, where its owner is to
be somebody who never speaks. The picture may lead to a silent person by mistake, but what is read
beside a face for two seconds may as well be text on a screen. 15 s that contradict throughout leave
a label five to one."""
SPEAKS = 0.3
"""Share of a sample from which somebody speaks in it."""


def contradictions(
    observations: Observations,
    groups: Sequence[TrackletGroup],
    speakers: Sequence[int],
    speech: F32,
    count: int,
) -> F64:
    """Return the log factor of each of `count` known people per group, (groups, count), at most 0.

    Args:
        speakers: the known person of each row of `speech`.
        speech: (speakers, T) of `speech_table`.
    """
    result = np.zeros((len(groups), count))
    alone = [_alone(observations, group) for group in groups]
    speaks = speech > SPEAKS
    if not any(samples.any() for samples in alone) or not speaks.any():
        return result
    reach = round(SWITCH_S / observations.sample_interval_s)
    row_of = {person: row for row, person in enumerate(speakers)}
    worth = WORTH * min(1.0, observations.sample_interval_s / 0.5)
    hits = np.array(SHOWN_HITS)
    brief = BRIEF_S / observations.sample_interval_s
    scales = [max(1.0, brief / max(len(group.rows), 1)) for group in groups]
    for person in range(count):
        row = row_of.get(person)
        own = np.zeros(speaks.shape[1], np.bool_) if row is None else speaks[row]
        others = _lasting(speaks.any(axis=0) & ~own, own, reach) & ~_widened(own, reach)
        is_silent = not own.any()
        for k, samples in enumerate(alone):
            said = float(np.count_nonzero(samples & own))
            against = float(np.count_nonzero(samples & others))
            against *= scales[k] if is_silent else 1.0
            ratios = said * np.log(hits / OTHERS_HITS)
            ratios += against * np.log((1 - hits) / (1 - OTHERS_HITS))
            likelihood = float(np.exp(np.minimum(worth * ratios, 50.0)).mean())
            bounded = (1 - CONTRADICTION_WRONG) * min(1.0, likelihood) + CONTRADICTION_WRONG
            result[k, person] = np.log(bounded)
    return result


def _alone(observations: Observations, group: TrackletGroup) -> Bools:
    """Return where the group leads and its face is the only one in the picture, (T,)."""
    size = len(observations.t_s)
    alone = np.zeros(size, np.bool_)
    if not group.leads or group.is_room or group.is_passing:
        return alone
    alone[observations.faces.sample[group.rows]] = True
    leads = np.zeros(size, np.bool_)
    for start, end in group.leads:
        leads[start:end] = True
    faces = np.bincount(observations.faces.sample, minlength=size)
    return np.asarray(alone & leads & (faces == 1), np.bool_)


def _lasting(others: Bools, own: Bools, reach: int) -> Bools:
    """Return where others speak and have done so in over `reach` samples since the last own speech.

    Pauses between their turns do not matter, however long: nothing switches back to a person who
    stays silent.
    """
    total = np.cumsum(others)
    before = np.asarray(np.maximum.accumulate(np.where(own, total, 0)), np.int64)
    return np.asarray(others & (total - before > reach), np.bool_)


def _widened(speech: Bools, reach: int) -> Bools:
    """Return what is within `reach` samples of speech."""
    wide = speech.copy()
    for k in range(1, reach + 1):
        wide[k:] |= speech[:-k]
        wide[:-k] |= speech[k:]
    return wide
