"""Inbox, deliveries, keys, column files and media files."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import Engine

from storage import calls
from storage.access import keys
from storage.calls import column_file
from storage.delivery import inbox, messages
from storage.engine import reading, transaction
from storage.errors import Duplicate, Missing, StorageError
from storage.files import MediaFiles
from storage.schema.tables import ApiKey

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
CALL = calls.NewCall("uuid/1", "987", "Demo", "dana@example.com", NOW)


def test_every_delivery_is_kept_as_received_until_it_is_processed(engine: Engine) -> None:
    with transaction(engine) as session:
        first = inbox.receive(session, "recording.completed", "uuid/1", b"\x00\xff{", NOW, False)
        second = inbox.receive(session, "unheard.of", None, b"{}", NOW, True)
    with transaction(engine) as session:
        assert [row.id for row in inbox.pending(session)] == [first.id, second.id]
        call = calls.announce(session, CALL)
        assert first.id is not None
        inbox.mark(session, first.id, "started", call.id)
    with reading(engine) as session:
        assert [row.id for row in inbox.pending(session)] == [second.id]
        assert [row.is_stale for row in inbox.recent(session, 5)] == [True, False]
        row = inbox.get(session, first.id)
        assert (row.outcome, row.call_id, row.raw_body) == ("started", call.id, b"\x00\xff{")
        assert row.received_at == NOW
        with pytest.raises(Missing):
            inbox.get(session, 99)


def test_old_deliveries_are_deleted_unless_they_are_pending(engine: Engine) -> None:
    with transaction(engine) as session:
        for days in (9, 8, 0):
            row = inbox.receive(session, "x", None, b"{}", NOW - timedelta(days=days), False)
            assert row.id is not None
            if days != 8:
                inbox.mark(session, row.id, "ignored")
        assert inbox.delete_before(session, NOW - timedelta(days=7)) == 1
        assert [row.outcome for row in inbox.recent(session)] == ["ignored", "pending"]


def test_the_latest_body_of_an_event_is_found_until_its_call_is_deleted(engine: Engine) -> None:
    with transaction(engine) as session:
        for body in (b"old", b"new"):
            inbox.receive(session, "recording.completed", "uuid/1", body, NOW, False)
        inbox.receive(session, "recording.completed", "other", b"other", NOW, False)
        assert inbox.bodies_for(session, "uuid/1", ["recording.completed"])[0] == b"new"
        assert inbox.bodies_for(session, "uuid/1", ["x"]) == []
        calls.delete_call(session, calls.announce(session, CALL).id)
        assert inbox.bodies_for(session, "uuid/1", ["recording.completed"]) == []
        assert [row.raw_body for row in inbox.recent(session)] == [b"other", b"", b""]


def test_a_delivery_is_recorded_once_per_kind(engine: Engine) -> None:
    with transaction(engine) as session:
        call_id = calls.announce(session, CALL).id
        assert messages.find(session, call_id, "message") is None
        messages.record(session, call_id, "message", channel="C1", ts="1.2", version="1")
        messages.record(session, call_id, "report_file", channel="C1", file_id="F1")
        again = messages.record(session, call_id, "message", channel="C1", ts="1.2", version="2")
        assert (again.ts, again.version) == ("1.2", "2")
    with reading(engine) as session:
        kinds = [(row.kind, row.file_id) for row in messages.list_for_call(session, call_id)]
        assert kinds == [("message", ""), ("report_file", "F1")]
    with pytest.raises(Missing), transaction(engine) as session:
        messages.record(session, "nobody", "message", channel="C1")


def test_a_key_works_until_it_is_revoked_and_its_token_is_not_stored(engine: Engine) -> None:
    with transaction(engine) as session:
        token = keys.create(session, "crm")
    assert token.startswith("rpt_")
    assert len(token) >= 47
    with reading(engine) as session:
        assert keys.verify(session, token) == "crm"
        for wrong in ("", "rpt_", token[:-1], token + "a", "\ud800"):
            assert keys.verify(session, wrong) is None
        (key,) = keys.list(session)
        assert isinstance(key, ApiKey)
        assert token not in str(key)
    with pytest.raises(Duplicate), transaction(engine) as session:
        keys.create(session, "crm")
    with transaction(engine) as session:
        keys.revoke(session, "crm")
        assert keys.verify(session, token) is None
        with pytest.raises(Missing):
            keys.revoke(session, "crm")


def test_columns_read_back_equal(tmp_path: Path) -> None:
    path = tmp_path / "new" / "series.npz"
    arrays: dict[str, NDArray[Any]] = {
        "t_s": np.arange(5) / 3,
        "probs": np.full((5, 7), np.nan, np.float32),
        "names": np.array(["Ä", "𝔅"]),
        "none": np.zeros((0, 4), np.int32),
    }
    size = column_file.write_columns(path, arrays, {"model": "é", "n": 1})
    assert size == path.stat().st_size
    back, meta = column_file.read_columns(path)
    assert meta == {"model": "é", "n": 1}
    assert list(back) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array)
        assert back[name].dtype == array.dtype
    assert [file.name for file in path.parent.iterdir()] == ["series.npz"]


def test_a_damaged_column_file_is_a_storage_error(tmp_path: Path) -> None:
    path = tmp_path / "series.npz"
    with pytest.raises(Missing):
        column_file.read_columns(path)
    noise = np.random.default_rng(1).random(1000)
    column_file.write_columns(path, {"x": noise}, {})
    whole = path.read_bytes()
    damaged = [b"", b"PK", whole[:-30], whole[: len(whole) // 2], b"\x80\x04K\x01.", b"\x93NUMPY"]
    for start in range(0, len(whole), 301):
        damaged.append(whole[:start] + bytes(40) + whole[start + 40 :])
    for content in damaged:
        path.write_bytes(content)
        try:
            arrays, _ = column_file.read_columns(path)
        except StorageError:
            continue
        np.testing.assert_array_equal(arrays["x"], noise)


def test_object_arrays_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        column_file.write_columns(tmp_path / "x.npz", {"x": np.array([object()])}, {})
    assert list(tmp_path.iterdir()) == []


def test_a_calls_files_are_together_and_its_media_can_be_deleted_first(tmp_path: Path) -> None:
    files = MediaFiles(tmp_path / "media")
    assert files.size_bytes("abc") == 0
    assert files.free_bytes() > 0
    video = files.media_path("abc", "gallery 1.mp4")
    video.write_bytes(b"x" * 100)
    report = files.write("abc", "report.pdf", b"%PDF")
    assert report == files.report_path("abc")
    stored = files.relative(report)
    assert stored == "abc/report.pdf"
    assert files.read(stored) == b"%PDF"
    assert files.size_bytes("abc") == 104
    assert files.delete_media("abc") == 100
    assert files.delete_media("abc") == 0
    assert report.exists()
    files.delete_call("abc")
    with pytest.raises(Missing):
        files.read(stored)


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a\\b", "/x", "x\x00", ".x", "x."])
def test_no_file_name_escapes_the_folder(tmp_path: Path, name: str) -> None:
    files = MediaFiles(tmp_path / "media")
    with pytest.raises(StorageError):
        files.media_path("abc", name)
    with pytest.raises(StorageError):
        files.write("abc", name, b"")
    with pytest.raises(StorageError):
        files.delete_call(name)


def test_no_stored_path_escapes_the_folder(tmp_path: Path) -> None:
    files = MediaFiles(tmp_path / "media")
    (tmp_path / "secret").write_text("s")
    (files.call_folder("abc") / "link").symlink_to(tmp_path / "secret")
    for stored in ("../secret", str(tmp_path / "secret"), "abc/../../secret", "abc/link", "a\x00"):
        with pytest.raises(StorageError):
            files.read(stored)
    with pytest.raises(StorageError):
        files.relative(tmp_path / "secret")


def test_files_and_folders_of_a_call_are_for_their_owner_alone(tmp_path: Path) -> None:
    umask = os.umask(0o022)
    try:
        files = MediaFiles(tmp_path / "data" / "calls")
        files.write("one", "report.pdf", b"%PDF")
        files.media_folder("one")
        files.keep_pictures("one", {"0.jpg": b"jpeg"})
    finally:
        os.umask(umask)
    made = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "data").rglob("*")}
    assert made == {
        "calls": 0o700, "one": 0o700, "media": 0o700, "pictures": 0o700,
        "report.pdf": 0o600, "0.jpg": 0o600,
    }  # fmt: skip


def test_a_write_is_complete_or_has_no_effect(tmp_path: Path) -> None:
    files = MediaFiles(tmp_path)
    path = files.write("abc", "report.pdf", b"old")
    path.parent.chmod(0o500)
    try:
        (path.parent / "probe").touch()
    except OSError:
        with pytest.raises(StorageError):
            files.write("abc", "report.pdf", b"new")
    finally:
        path.parent.chmod(0o700)
    assert path.read_bytes() == b"old"
