"""Loading libraries without what they print, and without files left behind."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

_STDERR_LOCK = threading.Lock()
_MATPLOTLIB_LOCK = threading.Lock()
_NATIVE_LINES = (
    b"INFO: Created TensorFlow Lite",
    b"WARNING: All log messages before absl",
    b"W0000 ",
    b"I0000 ",
    # MediaPipe 0.10.21 tries a name that protobuf no longer has, and goes on with the new one.
    b"AttributeError: 'MessageFactory' object has no attribute 'GetPrototype'",
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


@contextlib.contextmanager
def font_list_line_dropped() -> Iterator[None]:
    """Leave out matplotlib's warning that it lists the machine's fonts, in imports meanwhile.

    It is logged on a first start only, from another thread, where the list takes more than five
    seconds: a line that nobody can act on, and that a program which reads standard error trips on.
    """
    logger = logging.getLogger("matplotlib.font_manager")
    logger.addFilter(_is_no_font_list_line)
    try:
        yield
    finally:
        logger.removeFilter(_is_no_font_list_line)


def _is_no_font_list_line(record: logging.LogRecord) -> bool:
    return "building the font cache" not in record.getMessage()


def load_matplotlib() -> Any:
    """Import matplotlib without letting it write into the home folder or warn of a first start.

    matplotlib caches a list of the machine's fonts in a folder on its first import. Unless
    MPLCONFIGDIR names one, it gets a private folder that is removed at once: the list stays in
    memory, and charts do not need it.
    """
    with _MATPLOTLIB_LOCK, font_list_line_dropped():
        if "matplotlib.font_manager" in sys.modules or "MPLCONFIGDIR" in os.environ:
            import matplotlib.font_manager
        else:
            folder = tempfile.mkdtemp(prefix="rapport-matplotlib-")
            os.environ["MPLCONFIGDIR"] = folder
            try:
                import matplotlib.font_manager
            finally:
                del os.environ["MPLCONFIGDIR"]
                shutil.rmtree(folder, ignore_errors=True)
    return matplotlib


@contextlib.contextmanager
def native_stdout_to_stderr() -> Iterator[None]:
    """Send to standard error what native libraries write to standard output meanwhile.

    The file descriptor is redirected, because such libraries bypass `sys.stdout`. Where there is
    no standard output there is nothing to keep clean.
    """
    sys.stdout.flush()
    try:
        kept = os.dup(1)
    except OSError:
        yield
        return
    try:
        os.dup2(2, 1)
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
