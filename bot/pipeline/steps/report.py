"""Step 4: stored scores in, PDF out."""

from __future__ import annotations

from dataclasses import replace

from bot.calls.record import read_evidence
from bot.calls.stored import call_info, load_analysis
from bot.pipeline.resources import Parts
from bot.report.pictures import call_pictures
from bot.report.render import render_report
from storage import calls
from storage.engine import reading, transaction


def report_call(parts: Parts, call_id: str) -> None:
    """Write the call's PDF; an earlier one is replaced when the new one is whole."""
    with reading(parts.engine) as session:
        call = calls.get_call(session, call_id)
    path = parts.files.report_path(call_id)
    analysis = load_analysis(parts.files, parts.settings, call)
    if parts.settings.report_pictures:
        # The kept analysis has no faces; the series, written with it, has them.
        seen = read_evidence(parts.files.series_path(call_id)).observations
        with_faces = replace(analysis, observations=seen)
        pictures = call_pictures(parts.files, call_id, with_faces, parts.settings, parts.stop)
    else:
        pictures = {}
        parts.files.keep_pictures(call_id, {})  # of a time when the setting was on
    render_report(analysis, call_info(call), path, pictures=pictures)
    with transaction(parts.engine) as session:
        calls.set_report_path(session, call_id, parts.files.relative(path))
