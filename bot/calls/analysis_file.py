"""The scored analysis of a call, kept beside its series: every reader gives the same figures.

`store` scores a call once and writes this file; report, message, pages and REST read it. The faces
stay in the series file (record.py).
"""

from __future__ import annotations

from pathlib import Path

from bot.calls.privacy import kept_under, may_be_used
from inference.assess import AssessOptions
from inference.errors import InferenceError
from inference.schema.analysis import CallAnalysis
from inference.scoring.analysis_columns import (
    OtherVersion,
    analysis_from_columns,
    analysis_to_columns,
)
from storage.calls.series import DAMAGED, read_columns, write_columns
from storage.errors import Missing, StorageError


def write_analysis(path: Path, analysis: CallAnalysis, options: AssessOptions) -> None:
    """Write the file at once or not at all; an existing one is replaced."""
    arrays, meta = analysis_to_columns(analysis)
    write_columns(path, arrays, {**meta, **kept_under(options)})


def read_analysis(path: Path, options: AssessOptions) -> CallAnalysis:
    """Read what `write_analysis` wrote; the observations in it hold no faces, views or labels.

    Raises:
        Missing: there is none that may be used: never written, written by another version, or
            written when the own side was still scored and now must not be.
        StorageError: the file is damaged.
    """
    arrays, meta = read_columns(path)
    if not may_be_used(meta, options):
        raise Missing("The analysis was kept when the own side was still scored.")
    try:
        return analysis_from_columns(arrays, meta)
    except OtherVersion as exc:
        raise Missing(str(exc)) from exc
    except InferenceError as exc:
        raise StorageError(DAMAGED.format(path.name)) from exc
