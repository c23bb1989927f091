"""Which calls of a backup need their recording, because a run of theirs goes on after a restore."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, text

FETCH = "CallPipeline.fetch"
ANALYSE = "CallPipeline.analyse"
"""Names of the workflow engine's steps; they never change (see bot/pipeline/workflow.py)."""
ACTIVE = ("queued", "running", "waiting")


def unfinished_calls(service: Connection) -> list[str]:
    """Return the ids of the calls with a run in progress."""
    query = "SELECT id, status FROM calls ORDER BY id"
    return [row.id for row in service.execute(text(query)) if row.status in ACTIVE]


def all_calls(service: Connection) -> list[str]:
    """Return the ids of all calls."""
    return [row.id for row in service.execute(text("SELECT id FROM calls ORDER BY id"))]


def between_fetch_and_analyse(workflows: Connection, schema: str = "") -> list[str]:
    """Return the calls whose unfinished run has fetched the recording and not yet analysed it.

    Args:
        workflows: the workflow engine's database.
        schema: name of its schema, with a dot; "" on SQLite.
    """
    query = f"""
        SELECT w.workflow_uuid FROM {schema}workflow_status w
        WHERE w.status IN ('PENDING', 'ENQUEUED', 'DELAYED')
        AND EXISTS (SELECT 1 FROM {schema}operation_outputs o WHERE
            o.workflow_uuid = w.workflow_uuid AND o.function_name = :fetch)
        AND NOT EXISTS (SELECT 1 FROM {schema}operation_outputs o WHERE
            o.workflow_uuid = w.workflow_uuid AND o.function_name = :analyse)
    """
    rows = workflows.execute(text(query), {"fetch": FETCH, "analyse": ANALYSE})
    return [row.workflow_uuid.rpartition(".")[0] for row in rows]


def lacking_recording(service: Connection, needing: Collection[str], saved: set[str]) -> list[str]:
    """Return those of some calls whose recording is not among the saved paths, below `calls/`."""
    query = "SELECT call_id, path FROM recording_files WHERE state = 'fetched' AND path IS NOT NULL"
    paths: dict[str, list[str]] = {call_id: [] for call_id in needing}
    for row in service.execute(text(query)):
        if row.call_id in paths:
            paths[row.call_id].append(row.path)
    known = set(all_calls(service))
    return [
        call_id
        for call_id, needed in paths.items()
        if call_id in known
        and not (
            f"{call_id}/media/manifest.json" in saved and all(path in saved for path in needed)
        )
    ]
