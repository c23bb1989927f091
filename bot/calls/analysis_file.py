"""The scored analysis of a call, kept next to its series, so that every reader shows equal figures.

The `store` step scores a call once and writes this file; report, message, pages and REST API read
it. The faces stay in the series file (record.py).
"""

from __future__ import annotations

from pathlib import Path

from bot.calls.privacy import kept_under, may_be_used
from inference.analysis_columns import (
    OtherVersion,
    analysis_from_columns,
    analysis_to_columns,
)
from inference.assess import AssessOptions
from inference.errors import InferenceError
from inference.schema.analysis import CallAnalysis
from storage.calls.column_file import DAMAGED, read_columns, write_columns
from storage.errors import Missing, StorageError


def write_analysis(
    path: Path, call_id: str, analysis: CallAnalysis, options: AssessOptions
) -> None:
    """Write the file atomically, replacing an existing one."""
    arrays, meta = analysis_to_columns(analysis)
    write_columns(path, arrays, {**meta, "call_id": call_id, **kept_under(options)})


def read_analysis(path: Path, call_id: str, options: AssessOptions) -> CallAnalysis:
    """Read what `write_analysis` wrote; the observations in it hold no faces, views or labels.

    Raises:
        Missing: there is no usable one: it was never written, another version wrote it, it is
            another call's, or it holds people who may no longer be scored.
        StorageError: the file is damaged.
    """
    arrays, meta = read_columns(path)
    if meta.get("call_id") != call_id:
        raise Missing("The kept analysis is another call's.")
    if not may_be_used(meta, options):
        raise Missing("The kept analysis holds people who may no longer be scored.")
    try:
        return analysis_from_columns(arrays, meta)
    except OtherVersion as exc:
        raise Missing(str(exc)) from exc
    except InferenceError as exc:
        raise StorageError(DAMAGED.format(path.name)) from exc
