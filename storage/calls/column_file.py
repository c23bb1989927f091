"""Column files: a call's full-resolution series, as compressed arrays with metadata."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storage.errors import Missing, StorageError
from storage.files import write_atomically

META = "__meta__"
DAMAGED = "{} is damaged: analyse the call again."
UNREADABLE = (
    OSError, ValueError, KeyError, EOFError, NotImplementedError, RuntimeError, OverflowError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What zipfile and numpy raise on damaged archives."""


def write_columns(
    path: Path, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, object]
) -> int:
    """Write arrays and a JSON-serialisable document to one file, atomically.

    Returns:
        The file's size in bytes.

    Raises:
        StorageError: an array contains objects, a name is reserved, or writing failed.
    """
    columns = {name: np.asarray(array) for name, array in arrays.items()}
    if META in columns or any(array.dtype.hasobject for array in columns.values()):
        raise StorageError(f"Columns of {path.name} must be plain numbers or text.")
    text = json.dumps(dict(meta), ensure_ascii=False).encode()
    buffer = io.BytesIO()
    columns[META] = np.frombuffer(text, np.uint8)
    # mypy objects because a column could have the name of the option allow_pickle.
    np.savez_compressed(buffer, **columns)  # type: ignore[arg-type]
    data = buffer.getvalue()
    write_atomically(path, data)
    return len(data)


def read_columns(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, object]]:
    """Read a file written by `write_columns`.

    Raises:
        Missing: there is no such file.
        StorageError: the file is damaged, or is not a column file.
    """
    try:
        with path.open("rb") as file:
            with zipfile.ZipFile(file) as archive:
                broken = archive.testzip()
            if broken is not None:
                raise StorageError(DAMAGED.format(path.name))
            file.seek(0)
            with np.load(file, allow_pickle=False) as columns:
                arrays = {name: columns[name] for name in columns.files}
        meta = json.loads(arrays.pop(META).tobytes())
    except FileNotFoundError as exc:
        raise Missing(f"There is no series file {path.name}: analyse the call again.") from exc
    except UNREADABLE as exc:
        raise StorageError(DAMAGED.format(path.name)) from exc
    if not isinstance(meta, dict):
        raise StorageError(DAMAGED.format(path.name))
    return arrays, meta
