"""A call's files: media during the analysis, the series and the report.

<root>/<call_id>/media/…      deleted by the retention rule
<root>/<call_id>/series.npz   kept with the call
<root>/<call_id>/analysis.npz kept with the call
<root>/<call_id>/report.pdf   kept with the call
<root>/<call_id>/pictures/…   pictures of moments, if the report has any; kept with the call

Only the service's user may read them: folders are made with mode 700 and files with 600.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from storage.errors import Missing, StorageError

CALL_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
FILE_NAME = re.compile(r"(?!\.)[^/\\\x00-\x1f:]{1,200}(?<![. ])")
"""No separators, no leading dot, nothing that Windows would take as a device or stream."""

TEMPORARY = ".writing-"

OTHERS = 0o077
"""The rights of a file's group and of everyone else, as in `umask`."""


class MediaFiles:
    """The folder with the files of all calls. The database stores paths relative to `root`.

    `check` is called before a file is written or deleted, and raises if that may not be.
    """

    def __init__(self, root: Path, check: Callable[[], None] = lambda: None) -> None:
        self.root = root.absolute()
        self._check = check

    def call_folder(self, call_id: str) -> Path:
        """Create the call's folder and return it.

        Raises:
            StorageError: the id is not one of ours, or the folder could not be created.
        """
        self._check()
        return _made(self._folder(call_id))

    def media_folder(self, call_id: str, *, make: bool = True) -> Path:
        """Return the folder for the call's recordings, creating it by default."""
        folder = self._folder(call_id) / "media"
        if not make:
            return folder
        self._check()
        return _made(folder)

    def media_path(self, call_id: str, name: str) -> Path:
        """Return the path for a recording file of that name.

        Raises:
            StorageError: the name could lead out of the folder.
        """
        return self.media_folder(call_id) / _safe(name)

    def series_path(self, call_id: str) -> Path:
        """Return the path of the call's series file."""
        return self.call_folder(call_id) / "series.npz"

    def analysis_path(self, call_id: str) -> Path:
        """Return where the call's scored analysis is."""
        return self.call_folder(call_id) / "analysis.npz"

    def report_path(self, call_id: str) -> Path:
        """Return the path of the call's PDF report."""
        return self.call_folder(call_id) / "report.pdf"

    def read_picture(self, call_id: str, name: str) -> bytes | None:
        """Return the content of one of the call's stored pictures, or None."""
        try:
            return (self._pictures(call_id) / _safe(name)).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise StorageError(f"A picture of the call could not be read: {exc.strerror}.") from exc

    def keep_pictures(self, call_id: str, pictures: Mapping[str, bytes]) -> None:
        """Replace the call's pictures with these, by name; others are deleted first.

        Raises:
            StorageError: a picture could not be deleted or written.
        """
        self._check()
        folder = self._pictures(call_id)
        if not pictures:
            _delete(folder)
            return
        try:
            for path in folder.iterdir() if folder.exists() else ():
                if path.name not in pictures:
                    path.unlink()
        except OSError as exc:
            raise StorageError(
                f"A picture of the call could not be deleted: {exc.strerror}."
            ) from exc
        for name, data in pictures.items():
            write_atomically(folder / _safe(name), data)

    def relative(self, path: Path) -> str:
        """Return a path relative to the root, as the database stores it.

        Raises:
            StorageError: the path is not inside the root.
        """
        try:
            return path.absolute().relative_to(self.root).as_posix()
        except ValueError as exc:
            raise StorageError(f"{path.name} is not in the media folder.") from exc

    def resolve(self, stored: str) -> Path:
        """Return the file at a path stored in the database.

        Raises:
            StorageError: the path leads out of the root, by a link or otherwise.
        """
        path = self.root / stored
        if "\x00" in stored or not path.resolve().is_relative_to(self.root.resolve()):
            raise StorageError("A stored path leads out of the media folder.")
        return path

    def write(self, call_id: str, name: str, data: bytes) -> Path:
        """Write a file to the call's folder, atomically."""
        path = self.call_folder(call_id) / _safe(name)
        write_atomically(path, data)
        return path

    def read(self, stored: str) -> bytes:
        """Return the content of the file at a path stored in the database.

        Raises:
            Missing: the file is gone.
        """
        try:
            return self.resolve(stored).read_bytes()
        except FileNotFoundError as exc:
            raise Missing("The file is gone: analyse the call again.") from exc
        except OSError as exc:
            raise StorageError(f"A file of the call could not be read: {exc.strerror}.") from exc

    def free_bytes(self) -> int:
        """Return the free space on the root's disk."""
        folder = self.root
        while not folder.exists():
            folder = folder.parent
        return shutil.disk_usage(folder).free

    def size_bytes(self, call_id: str) -> int:
        """Return the total size of a call's files; 0 if there are none."""
        return _size_bytes(self._folder(call_id))

    def delete_media(self, call_id: str) -> int:
        """Delete the call's recordings, if any, and return the bytes freed."""
        self._check()
        return _delete(self._folder(call_id) / "media")

    def delete_call(self, call_id: str) -> int:
        """Delete all of a call's files and return the bytes freed."""
        self._check()
        return _delete(self._folder(call_id))

    def _pictures(self, call_id: str) -> Path:
        return self._folder(call_id) / "pictures"

    def _folder(self, call_id: str) -> Path:
        if not CALL_ID.fullmatch(call_id):
            raise StorageError("This is not a call's id.")
        return self.root / call_id


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file atomically: a reader, even after a crash, sees all of the old or new content.

    Raises:
        StorageError: writing failed; the old content is still there.
    """
    temporary = None
    try:
        make_private(path.parent)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=TEMPORARY, delete=False) as file:
            temporary = Path(file.name)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        temporary = None
        # The rename itself is durable only once its folder is synced.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as exc:
        raise StorageError(f"{path.name} could not be written: {exc.strerror}.") from exc
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def kept_text(path: Path, make: Callable[[], str]) -> str:
    """Return the text of a small file that only its owner can read, created once and atomically."""
    for _ in range(2):
        if path.exists() and (text := path.read_text().strip()):
            return text
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".making-") as file:
            file.write(make() + "\n")
            file.flush()
            os.fsync(file.fileno())
            if path.exists() and not path.read_text().strip():
                path.unlink()  # An earlier start died while writing it.
            with contextlib.suppress(FileExistsError):  # Another process was first: read its text.
                os.link(file.name, path)
    return path.read_text().strip()


def tighten(folder: Path) -> list[Path]:
    """Take all rights of group and others from a folder and everything in it; links are left alone.

    Returns:
        The paths whose rights could not be changed, for example because they are another user's.
    """
    refused = []
    for name, folders, files in os.walk(folder):
        for path in (Path(name), *(Path(name, inner) for inner in (*folders, *files))):
            try:
                mode = path.lstat().st_mode
                if mode & OTHERS and not stat.S_ISLNK(mode):
                    path.chmod(stat.S_IMODE(mode) & ~OTHERS)
            except FileNotFoundError:
                continue  # another process of the service has deleted it
            except OSError:
                refused.append(path)
    return refused


def make_private(folder: Path) -> None:
    """Create a folder, and the missing ones above it, which `Path.mkdir` would leave open."""
    if folder.is_dir():
        return
    make_private(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def _safe(name: str) -> str:
    if not FILE_NAME.fullmatch(name):
        raise StorageError(f"{name!r} is not a safe file name.")
    return name


def _made(folder: Path) -> Path:
    try:
        make_private(folder)
    except OSError as exc:
        raise StorageError(f"A folder for the call could not be created: {exc.strerror}.") from exc
    return folder


def _size_bytes(folder: Path) -> int:
    return sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir())


def _delete(folder: Path) -> int:
    freed = _size_bytes(folder)
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return 0
    except OSError as exc:
        raise StorageError(f"Files of the call could not be deleted: {exc.strerror}.") from exc
    return freed
