"""Step 3: name, score and store what was observed. A call is scored here and nowhere else."""

from __future__ import annotations

import contextlib
from dataclasses import replace

from bot.annotated.lifecycle import settle
from bot.calls.analysis_file import write_analysis
from bot.calls.corrections import as_correction
from bot.calls.manifest import read_manifest
from bot.calls.privacy import assess_options, keeps_everyone
from bot.calls.record import name_people, read_evidence, score_evidence, write_evidence
from bot.calls.result_rows import result_rows
from bot.calls.side_files import with_side_files
from bot.pipeline.resources import Resources
from storage import calls
from storage.calls import corrections
from storage.engine import reading, transaction
from storage.errors import Missing


def store_call(resources: Resources, call_id: str) -> None:
    """Score the evidence with people's corrections, and replace what an earlier run stored."""
    path = resources.files.series_path(call_id)
    evidence = read_evidence(path)
    if not evidence.has_side_files:  # `analyse` of an earlier version left them to this step
        with contextlib.suppress(Missing):
            evidence = with_side_files(
                evidence, read_manifest(resources.files, call_id), resources.files
            )
    with reading(resources.engine) as session:
        said = corrections.list_for_call(session, call_id)
        stored_version = calls.get_call(session, call_id).scoring_version
    evidence = replace(evidence, corrections=tuple(map(as_correction, said)))
    version = evidence.scoring_version
    if version is None and evidence.identities is not None:
        # An earlier version of the program scored it: a corrected name must not change figures.
        version = stored_version
    options = assess_options(resources.settings, version=version)
    if evidence.identities is None or keeps_everyone(options):
        # Once a person's faces are blanked, nothing is left to name them by, so the names stay.
        evidence = name_people(evidence)
    analysis = score_evidence(evidence, options)
    settle(resources.files, call_id, analysis, options)
    # The analysis has blanked the faces of people who may not be kept.
    write_evidence(
        path,
        replace(
            evidence,
            observations=analysis.observations,
            scoring_version=analysis.scoring_version,
        ),
    )
    with transaction(resources.engine) as session:
        calls.save_result(
            session, call_id, result_rows(analysis, series_path=resources.files.relative(path))
        )
        host = next((p.name for p in analysis.participants if p.is_host and p.is_named), None)
        if host is not None:  # Search, page and report use the corrected name of the host.
            calls.set_host_name(session, call_id, host)
        corrections.mark_stored(session, call_id, len(said))
    # After the rows: while the database does not answer, both stay those of the run before.
    write_analysis(resources.files.analysis_path(call_id), call_id, analysis, options)
