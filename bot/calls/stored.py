"""A stored call as analysis and report see it, for steps, API and pages alike."""

from __future__ import annotations

import logging

from bot.calls.analysis_file import read_analysis
from bot.calls.info import CallInfo
from bot.calls.privacy import assess_options
from bot.calls.record import read_evidence, score_evidence
from bot.settings import Settings
from inference.analyzer import AnalyzerOptions
from inference.schema.analysis import CallAnalysis
from storage.errors import Missing, StorageError
from storage.files import MediaFiles
from storage.schema.tables import Call

log = logging.getLogger(__name__)


def analyzer_options(settings: Settings) -> AnalyzerOptions:
    """Return how the settings want a recording to be analysed."""
    analysis = settings.analysis
    return AnalyzerOptions(
        samples_per_s=analysis.samples_per_s,
        min_face_px=analysis.min_face_px,
        assess=assess_options(settings),
        decode_device=analysis.decode_device,
        max_picture_pixels=analysis.max_picture_pixels,
        face_backend=analysis.faces,
    )


def call_info(call: Call) -> CallInfo:
    """Return what a report says about the meeting itself."""
    return CallInfo(
        call_id=call.id,
        topic=call.topic,
        started_at=call.started_at,
        timezone=call.timezone,
        host_name=call.host_name or call.host_email or None,
        has_transcript=call.has_transcript,
        notes=(),
    )


def score_as(files: MediaFiles, settings: Settings, call: Call, profile: str) -> CallAnalysis:
    """Return a call scored with another profile, from its series; nothing of it is kept.

    Raises:
        Missing: the call has not been analysed yet.
        StorageError: the series are damaged.
    """
    if call.series_path is None:
        raise Missing(f"The call {call.id} has not been analysed yet.")
    options = assess_options(settings, profile, call.scoring_version)
    return score_evidence(read_evidence(files.resolve(call.series_path)), options)


def load_analysis(files: MediaFiles, settings: Settings, call: Call) -> CallAnalysis:
    """Return a call's analysis as it was scored and kept; its observations hold no faces.

    A call without a usable one (an earlier version stored it, it is damaged, or it holds people who
    may no longer be scored) is scored again from its series, with the profile and
    the version that it was scored with.

    Raises:
        Missing: the call has not been analysed yet.
        StorageError: the series are damaged too.
    """
    if call.series_path is None:
        raise Missing(f"The call {call.id} has not been analysed yet.")
    options = assess_options(settings, call.profile, call.scoring_version)
    try:
        return read_analysis(files.analysis_path(call.id), call.id, options)
    except StorageError as exc:
        if not isinstance(exc, Missing):
            log.warning("call %s: scored again: %s", call.id, exc)
        return score_evidence(read_evidence(files.resolve(call.series_path)), options)
