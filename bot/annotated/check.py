"""Whether what was shown while names were running is borne out by the whole call."""

from __future__ import annotations

from collections.abc import Sequence

from inference.attribution.person_ids import Sighting, track_at
from inference.schema.analysis import CallAnalysis


def wrongly_shown(analysis: CallAnalysis, shown: Sequence[Sighting]) -> Sighting | None:
    """Give the first face that was shown and may not be by what is known now, None where all may.

    Args:
        analysis: of the whole call.
        shown: faces that were not hidden (`Recorder.sightings`).
    """
    person = {tie.track: tie.participant for tie in analysis.attributions}
    for at in shown:
        index = person.get(track_at(analysis.observations, at), -1)
        if index < 0 or not analysis.participants[index].is_scored:
            return at
    return None
