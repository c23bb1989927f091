"""Child processes of tests."""

from __future__ import annotations

import signal


def with_default_signals() -> None:
    """Handle signals as in a terminal; pass as `preexec_fn`.

    A job started in the background (`nohup make test &`) ignores SIGHUP and SIGINT, and so would
    every child of it: a test that sends one would wait for ever.
    """
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
