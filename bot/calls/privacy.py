"""Who may be scored, shown and kept: the service's one answer, by the operator's settings.

Scored: `inference.assess.may_be_scored` decides for one person. Shown: the annotated recording and
the report's pictures leave the person's face visible. Kept: what was read from the person's faces
stays in the call's files. Today one setting, `calls.score_own_side`, decides all three.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.settings import Settings
from inference.assess import AssessOptions, scores_everyone
from inference.scoring.profiles import SCORING_VERSION

_KEPT_AS = "score_own_side"
"""Name of the note in a kept analysis; analyses of earlier versions have none."""


def assess_options(
    settings: Settings, profile: str | None = None, version: int | None = None
) -> AssessOptions:
    """Return how the settings want a call to be scored.

    `profile` overrides the settings' own, `version` the newest version of the scoring.
    """
    return AssessOptions(
        profile=profile or settings.analysis.profile,
        score_own_side=settings.calls.score_own_side,
        fillers=tuple(settings.analysis.fillers),
        version=version or SCORING_VERSION,
    )


def shows_everyone(options: AssessOptions) -> bool:
    """Return whether every face may be shown; if not, only those of people who may be scored."""
    return scores_everyone(options)


def keeps_everyone(options: AssessOptions) -> bool:
    """Return whether what every face showed is kept; if not, only that of people scored."""
    return scores_everyone(options)


def kept_under(options: AssessOptions) -> dict[str, bool]:
    """Return the note, for a kept analysis, on whose figures it may hold."""
    return {_KEPT_AS: keeps_everyone(options)}


def may_be_used(note: Mapping[str, Any], options: AssessOptions) -> bool:
    """Return whether a kept analysis with this note holds nothing that may not be kept now."""
    return keeps_everyone(options) or not note.get(_KEPT_AS, True)
