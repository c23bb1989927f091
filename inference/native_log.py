"""Standard error without the start-up lines of native libraries."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator

_STDERR_LOCK = threading.Lock()
_NATIVE_LINES = (
    b"INFO: Created TensorFlow Lite",
    b"WARNING: All log messages before absl",
    b"W0000 ",
    b"I0000 ",
)


@contextlib.contextmanager
def native_log_lines_dropped() -> Iterator[None]:
    """Keep TensorFlow Lite's and absl's start-up lines out of standard error.

    They are written to the file descriptor before any log level is read, so the descriptor is
    turned to a file for that moment; what others wrote meanwhile is written out afterwards.
    """
    with _STDERR_LOCK, tempfile.TemporaryFile() as caught:
        sys.stderr.flush()
        kept = os.dup(2)
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            caught.seek(0)
            for line in caught:
                if not line.startswith(_NATIVE_LINES):
                    os.write(kept, line)
            os.close(kept)
