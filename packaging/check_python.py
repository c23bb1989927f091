"""Report in one sentence that a Python is too old or too new, instead of pip's error.

This file must run on any Python, so it uses only what Python 2 has too.
"""

import platform
import sys

if not (3, 11) <= sys.version_info[:2] <= (3, 14):
    sys.exit(
        "Rapport needs Python 3.11, 3.12, 3.13 or 3.14; %s is %d.%d. "  # noqa: UP031  # see above
        "Choose another one: make %s PYTHON=python3.13"
        % (sys.executable, sys.version_info[0], sys.version_info[1], "demo")
    )
try:
    import ensurepip  # noqa: F401  # Debian and Ubuntu keep it in a package of its own
    import venv  # noqa: F401
except ImportError:
    sys.exit(
        "This Python cannot make virtual environments: on Debian and Ubuntu, "
        "`apt-get install python3-venv`."
    )
if sys.platform == "darwin" and platform.machine() != "arm64":
    sys.exit("Rapport's packages have no wheels for Macs with Intel processors: use Docker.")
if sys.platform == "win32":
    sys.exit("Rapport does not run directly on Windows: use Docker Desktop or WSL (see README).")
