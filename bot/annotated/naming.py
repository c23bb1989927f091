"""Names for faces while a recording is being read, from all that is known beside the pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bot.annotated.running_names import NameFaces
from bot.calls.record import Evidence, name_people, story_of
from inference.attribution.attribute import Cast
from inference.attribution.corrections import apply_corrections
from inference.schema.observations import FaceColumns, Observations, Quality


def naming_with(evidence: Evidence) -> NameFaces:
    """Name people by all that an evidence holds beside its observations, corrections included."""

    def name(seen: Observations) -> tuple[Observations, Cast]:
        named = name_people(replace(evidence, observations=seen))
        story = apply_corrections(story_of(named), evidence.corrections)
        return story.observations, story.cast

    return name


def nothing_seen(duration_s: float | None) -> Observations:
    """The observations of a recording before its first picture: what side files are laid over."""
    return Observations(
        t_s=np.zeros(0),
        sample_interval_s=1.0,
        duration_s=duration_s or 0.0,
        width_px=0,
        height_px=0,
        faces=FaceColumns.empty(),
        views=(),
        quality=Quality(),
        model="",
    )
