"""The likelihood of each known person for a tracklet group, from each kind of evidence.

Name labels, speech, and joins and leaves each yield for a group a likelihood per known person and
for somebody else. None is believed without limit: with a small probability it is wrong about a
group altogether, and then carries no information. So one kind may name a face, but two that are
sure of different people leave it without a name. Turns that contradict a name count against it even
where they may name nobody (`contradiction`). (docs/attribution.md)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial

import numpy as np

from inference.attribution.contradiction import contradictions
from inference.attribution.roster import KnownPerson
from inference.attribution.speech_alignment import (
    MIN_SAMPLES,
    Evidence,
    mouth_evidence,
    mouth_talks,
    view_evidence,
)
from inference.attribution.tracklet_groups import Place, TrackletGroup, may_follow
from inference.name_labels.glyph_match import DrawName, match_shape
from inference.name_labels.text_match import folded, match_names
from inference.schema.arrays import F32, F64
from inference.schema.observations import NameLabel, Observations

UNKNOWN_PRIOR = 0.5
"""The prior chance that a face is of nobody who is known by name; the known share the
rest."""
EVIDENCE_WRONG = 0.002
"""How often one kind of evidence as a whole is wrong about a group."""
LABEL_SAYS, LABEL_DENIES, TURNS_SAY = 0.5, 0.2, 3.0
"""A group is nobody's where its labels say a stranger with the first probability, and with less
than the second the person whom the turns say with this log likelihood ratio. Labels of somebody
listed need no such rule: both kinds of evidence are bounded alike."""
LEAST_OF_MOUTH = -1.0
"""A mouth that does not go with somebody's turns speaks no more than this for a stranger: turns are
missed, and small mouths badly seen."""
SCRAP_WEIGHT = 0.2
"""Of a reading that fits nobody listed, against one that does: a scrap of a name is often garbled,
but a tile that always shows a stranger's name stays a stranger's."""
STRAY_LETTERS, STRAY_CONFIDENCE = 3, 0.85
"""Letters of a reading that is as often of the video as of a label, below this confidence: a label
is read alike again and again, and so more surely. A listed name of that length is one."""
SCRAP_LETTERS, SCRAP_CONFIDENCE, FITS = 4, 0.8, 0.9
"""A reading with fewer letters, or of which the reader is less sure, and that fits nobody with this
probability is no stranger's name but a pattern behind the person; it is no evidence."""
SHAPE_CONFIDENCE = 0.8
"""Confidence of a name recognised by the shape of its letters, on the reader's scale."""
EXCHANGED_SHARE = 0.1
"""Of the time a name is read in a tile; less is a slip of the reader."""
SHOWN_SPEAKER_ODDS = 8.0
"""How much likelier than another face one that leads a picture that follows the speaker is to be
of somebody who speaks."""
STAY_TOLERANCE_S = 10.0
AWAY_SHARE, AWAY_MIN_S = 0.1, 5.0
"""A group seen for this share of its time, and this long, while somebody was not in the call, is
not that person's; joins and leaves are known to within some seconds."""
AWAY_LOG = -9.0

Match = Callable[[str, float, str], tuple[F64, float]]
"""Of a label's text, confidence and shape: `_match`."""


def log_weights(
    observations: Observations,
    groups: Sequence[TrackletGroup],
    known: Sequence[KnownPerson],
    speakers: Sequence[int],
    speech: F32,
    draw_name: DrawName | None = None,
) -> F64:
    """Return each group's log weight per known person and for somebody else, (groups, known + 1).

    Args:
        speakers: the known person of each row of `speech`.
        speech: (speakers, T) of `speech_table`.
        draw_name: as of `label_probabilities`.
    """
    count = len(known)
    prior = np.append(np.full(count, (1 - UNKNOWN_PRIOR) / max(count, 1)), UNKNOWN_PRIOR)
    weights = np.tile(np.log(prior), (len(groups), 1))
    names = [person.name for person in known]
    by_label = label_probabilities(observations, groups, names, prior, draw_name)
    weights += _believed(np.log(np.maximum(by_label, 1e-12)) - np.log(prior), prior)
    mouth = _mouths(observations, groups, speech)
    view = view_evidence([group.leads for group in groups], speech, observations.sample_interval_s)
    # Both rest on the same turns: where those name people wrongly, both do.
    spoken = np.zeros_like(weights)
    if mouth.is_aligned or (mouth.may_be_aligned and view.is_aligned):
        spoken += np.maximum(_over_people(mouth, speakers, count), LEAST_OF_MOUTH)
    if view.is_aligned or (view.may_be_aligned and mouth.is_aligned):
        followed = _over_people(view, speakers, count)
        shown = (followed != 0).any(axis=1)
        followed[np.ix_(shown, speakers)] += np.log(SHOWN_SPEAKER_ODDS)
        spoken += followed
    weights += _believed(spoken, prior)
    # A label of nobody listed is evidence against every name from the turns.
    if count:
        best = spoken[:, :-1].argmax(axis=1)
        rows = np.arange(len(groups))
        is_read = (by_label[:, -1] >= LABEL_SAYS) & (by_label[:, -1] != prior[-1])
        is_said = spoken[rows, best] >= TURNS_SAY
        weights[is_read & is_said & (by_label[rows, best] < LABEL_DENIES), :count] = -np.inf
    weights[:, :count] += contradictions(observations, groups, speakers, speech, count)
    weights[:, :count] += _absences(observations, groups, known)
    nameless = [k for k, group in enumerate(groups) if group.is_passing]
    weights[nameless, :count] = -np.inf
    return weights


def label_probabilities(
    observations: Observations,
    groups: Sequence[TrackletGroup],
    names: Sequence[str],
    prior: F64,
    draw_name: DrawName | None = None,
) -> F64:
    """Return each group's probability per name and for nobody listed, from its labels alone.

    What is read at different times is averaged over the time it is shown. Where one tile shows
    two listed names one after the other, somebody has exchanged names: labels with either are
    ignored, wherever they are. Without a label, the prior: it says nothing.

    Args:
        draw_name: draws names of scripts that the reader does not know; without it, labels are
            matched by the text alone.
    """
    count = len(names)
    result = np.tile(prior, (len(groups), 1))
    if not count:
        return result
    match = cache(partial(_match, names=tuple(names), draw_name=draw_name))
    labels = defaultdict(list)
    whole = {folded(name) for name in names}
    for label in observations.labels:
        letters = folded(label.text)
        is_weak = label.confidence < STRAY_CONFIDENCE
        if len(letters) > STRAY_LETTERS or letters in whole or not is_weak or label.shape:
            labels[label.view, label.tile].append(label)
    exchanged = _exchanged(observations, labels, names, match)
    for k, group in enumerate(groups):
        total, weight = np.zeros(count + 1), 0.0
        for place in group.places:
            for label in labels[place]:
                samples = np.count_nonzero(group.shown[label.start_sample : label.end_sample])
                found, confidence = match(label.text, label.confidence, label.shape)
                if _is_scrap(label, found):
                    continue
                worth = samples * max(confidence, 0.05)
                worth *= SCRAP_WEIGHT if found[-1] > 0.5 else 1.0
                total += worth * found
                weight += worth
        if weight > 0 and total[:-1][list(exchanged)].sum() < EXCHANGED_SHARE * weight:
            result[k] = total / weight
    return result


def _match(
    text: str, confidence: float, shape: str, *, names: Sequence[str], draw_name: DrawName | None
) -> tuple[F64, float]:
    """Return a label's probability per name and for nobody listed, and how surely it was read.

    The shape is used where the text fits nobody; where both fit different people, neither is.
    """
    read = match_names(text, names)
    if draw_name is None or not shape or float(read[:-1].max(initial=0.0)) >= FITS:
        return read, confidence
    drawn = match_shape(shape, names, draw_name)
    best = int(drawn.argmax())
    others = np.delete(read[:-1], best) if best < len(names) else read[:-1]
    if best == len(names) or drawn[best] < FITS or float(others.max(initial=0.0)) >= LABEL_SAYS:
        return read, confidence
    return drawn, max(confidence, SHAPE_CONFIDENCE)


def _is_scrap(label: NameLabel, found: F64) -> bool:
    """Return whether a reading is too short or unsure to be a name and matches nobody's."""
    # One sign of a script with many is worth two letters.
    letters = sum(2 if sign > "\u2e80" else 1 for sign in folded(label.text))
    is_little = letters < SCRAP_LETTERS or label.confidence < SCRAP_CONFIDENCE
    return is_little and float(found[:-1].max(initial=0.0)) < FITS


def _exchanged(
    observations: Observations,
    labels: Mapping[Place, Sequence[NameLabel]],
    names: Sequence[str],
    match: Match,
) -> set[int]:
    """Return the names shown in one tile of one view beside another listed name."""
    exchanged: set[int] = set()
    for (view, tile), read in labels.items():
        kind, tiles = observations.views[view].kind, len(observations.views[view].tiles)
        if len(read) < 2 or may_follow(kind, tile, tiles):
            continue
        lasting: dict[str, int] = defaultdict(int)
        for label in read:
            found, _ = match(label.text, label.confidence, label.shape)
            best = int(found.argmax())
            if best < len(names) and found[-1] < 0.2:
                lasting[names[best]] += label.end_sample - label.start_sample
        total = sum(lasting.values())
        certain = {name for name, length in lasting.items() if length >= EXCHANGED_SHARE * total}
        if len(certain) > 1:
            exchanged |= {k for k, name in enumerate(names) if name in certain}
    return exchanged


def _believed(log_ratio: F64, prior: F64) -> F64:
    """Limit one likelihood: with probability `EVIDENCE_WRONG` it carries no information.

    Args:
        log_ratio: (groups, known + 1) up to a constant per group.
    """
    most = log_ratio.max(axis=1, keepdims=True)
    likelihood = np.exp(log_ratio - most)
    usual = (likelihood * prior).sum(axis=1, keepdims=True)
    believed: F64 = np.log((1 - EVIDENCE_WRONG) * likelihood + EVIDENCE_WRONG * usual)
    return believed


def _over_people(evidence: Evidence, speakers: Sequence[int], count: int) -> F64:
    """Spread (groups, speakers) over all known people and somebody else: 0 where unknown."""
    spread = np.zeros((len(evidence.log_ratio), count + 1))
    spread[:, list(speakers)] = evidence.log_ratio
    return spread


def _mouths(observations: Observations, groups: Sequence[TrackletGroup], speech: F32) -> Evidence:
    faces = observations.faces
    talks = np.full((len(groups), len(observations.t_s)), np.nan)
    for k, group in enumerate(groups):
        if len(group.rows) < MIN_SAMPLES or group.is_passing:
            continue
        opening = np.full(len(observations.t_s), np.nan, np.float32)
        opening[faces.sample[group.rows]] = faces.mouth_opening[group.rows]
        talks[k] = mouth_talks(opening, observations.sample_interval_s)
    return mouth_evidence(talks, speech, observations.sample_interval_s)


def _absences(
    observations: Observations, groups: Sequence[TrackletGroup], known: Sequence[KnownPerson]
) -> F64:
    """Return `AWAY_LOG` where a group was seen while the person was not in the call, else 0."""
    result = np.zeros((len(groups), len(known)))
    interval_s = observations.sample_interval_s
    for p, person in enumerate(known):
        if not person.stays:
            continue
        there = np.zeros(len(observations.t_s), np.bool_)
        for start_s, end_s in person.stays:
            there |= (observations.t_s >= start_s - STAY_TOLERANCE_S) & (
                observations.t_s <= end_s + STAY_TOLERANCE_S
            )
        for k, group in enumerate(groups):
            away_s = np.count_nonzero(group.shown & ~there) * interval_s
            seen_s = np.count_nonzero(group.shown) * interval_s
            if away_s >= max(AWAY_MIN_S, AWAY_SHARE * seen_s):
                result[k, p] = AWAY_LOG
    return result
