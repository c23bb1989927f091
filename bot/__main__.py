"""`rapport …` and `python -m bot …`."""

from __future__ import annotations

import os


def main() -> None:
    """Run the command line."""
    # Read when numpy is loaded, so before the rest is imported. Nothing here multiplies matrices
    # that are worth two threads, and OpenBLAS's second one spins for 5 ms after each call.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from bot.cli.app import app

    app()


if __name__ == "__main__":
    main()
