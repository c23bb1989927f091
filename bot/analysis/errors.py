"""What can end the process of an analysis, as errors of the step.

InferenceError
└── AnalysisCrashed      the process ended in the middle of the work
    └── MemoryExceeded   it was ended, because it took more memory than the setting allows
"""

from __future__ import annotations

import signal

from inference.errors import InferenceError


class AnalysisCrashed(InferenceError):
    """The process that analysed the call died: a native library crashed, or it was killed."""


class MemoryExceeded(AnalysisCrashed):
    """The process took more memory than it may, and was ended for that."""


def crashed(status: int) -> AnalysisCrashed:
    """Return the error for an exit status as `subprocess` gives it: negative for a signal."""
    return AnalysisCrashed(f"The analysis crashed ({name_of(status)}).")


def name_of(status: int) -> str:
    """Return "SIGSEGV" for -11, and "exit status 1" for 1."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:  # a real-time signal has no name
        return f"signal {-status}"
