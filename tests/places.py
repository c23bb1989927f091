"""Where tests find what they read."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""The checkout."""
SHARED_DATA = Path(os.environ.get("RAPPORT_SHARED_DATA", ROOT.parent / "shared" / "data"))
"""Pictures and clips that are not ours to publish; tests that need them are skipped elsewhere."""
FIELD = SHARED_DATA.parent / "field"
"""Recordings and side files that once went wrong, with their right answers; none of it is ours."""
VECTORS = ROOT / "tests" / "vectors"
DATA_FOLDERS = ROOT / "tests" / "data"
