"""Step 4: write the PDF from the stored scores."""

from __future__ import annotations

from dataclasses import replace

from bot.calls.record import read_evidence
from bot.calls.stored import call_info, load_analysis
from bot.pipeline.resources import Resources
from bot.report.pictures import call_pictures
from bot.report.render import render_report
from storage import calls
from storage.engine import reading, transaction


def report_call(resources: Resources, call_id: str) -> None:
    """Write the call's PDF; an earlier one is replaced only when the new one is complete."""
    with reading(resources.engine) as session:
        call = calls.get_call(session, call_id)
    path = resources.files.report_path(call_id)
    analysis = load_analysis(resources.files, resources.settings, call)
    if resources.settings.report_pictures:
        # The kept analysis has no faces; the series, written with it, has them.
        seen = read_evidence(resources.files.series_path(call_id)).observations
        with_faces = replace(analysis, observations=seen)
        pictures = call_pictures(
            resources.files, call_id, with_faces, resources.settings, resources.stop
        )
    else:
        pictures = {}
        resources.files.keep_pictures(call_id, {})  # delete those made while the setting was on
    render_report(analysis, call_info(call), path, pictures=pictures)
    with transaction(resources.engine) as session:
        calls.set_report_path(session, call_id, resources.files.relative(path))
