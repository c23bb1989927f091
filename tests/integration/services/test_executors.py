"""Processes under one database: who has a name, who is alive, and what a late one may still do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import pytest
from sqlalchemy import Engine

from bot.service.executors import Executor, NameTaken
from storage.access import keys
from storage.engine import open_engine, reading, transaction
from storage.errors import OtherFolder
from storage.files import MediaFiles
from storage.workers import leases
from storage.workers.installation import MARKER, check_folder, claim_folder

TAKEOVER_S = 600.0
"""Long enough that no heartbeat comes during a test."""


class Ended(BaseException):
    """What the process does when it has lost its lease."""


def end(reason: str) -> NoReturn:
    raise Ended(reason)


@contextmanager
def started(
    url: str,
    folder: Path,
    name: str = "worker",
    stopped: Callable[[float], bool] = lambda seconds: pytest.fail("it waits for its name"),
) -> Iterator[tuple[Executor, Engine]]:
    """A process of its own under a name."""
    engine = open_engine(url)
    try:
        executor = Executor(engine, folder, name, TAKEOVER_S, end)
        with executor.hold(stopped):
            yield executor, engine
    finally:
        engine.dispose()


def silence(engine: Engine, name: str = "worker", seconds: float = TAKEOVER_S + 1) -> None:
    """Let a process's last heartbeat be so long ago."""
    with transaction(engine) as session:
        lease = leases.lock(session, name)
        lease.heartbeat_at = leases.database_now(session) - timedelta(seconds=seconds)
        session.add(lease)


def is_held(engine: Engine, name: str = "worker") -> bool:
    with reading(engine) as session:
        return any(seen.name == name and seen.is_held for seen in leases.list_all(session))


def in_threads(count: int, do: Callable[[], object]) -> list[object]:
    """Return what each of several threads got that began at one moment."""
    together = threading.Barrier(count)

    def one(_: int) -> object:
        together.wait(20)
        return do()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_of_several_processes_one_takes_over_a_silent_one(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    def take_over() -> int:
        other = open_engine(database_url)
        try:
            with transaction(other) as session:
                return len(leases.end_silent(session, TAKEOVER_S))
        finally:
            other.dispose()

    with started(database_url, tmp_path):
        assert take_over() == 0
        silence(engine)
        assert sorted(map(int, map(str, in_threads(6, take_over)))) == [0, 0, 0, 0, 0, 1]


def test_a_process_that_lost_its_calls_ends_before_it_writes(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    with started(database_url, tmp_path) as (executor, own):
        files = MediaFiles(tmp_path / "calls", executor.check)
        files.write("call", "before", b"")
        silence(engine)
        with transaction(engine) as session:
            leases.end_silent(session, TAKEOVER_S)

        with (
            pytest.raises(Ended, match="has taken over the calls of worker"),
            transaction(own) as session,
        ):
            keys.create(session, "late")
        executor._renewed_at -= TAKEOVER_S  # as the clock shows after the process was frozen
        with pytest.raises(Ended):
            files.write("call", "late", b"")
        with pytest.raises(Ended):
            files.delete_call("call")

    with reading(engine) as session:
        assert list(keys.list(session)) == []
    assert [path.name for path in (tmp_path / "calls" / "call").iterdir()] == ["before"]


def test_a_process_that_was_frozen_but_has_its_calls_goes_on(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    with started(database_url, tmp_path) as (executor, _):
        silence(engine)
        executor._renewed_at -= TAKEOVER_S

        executor.check()

        with transaction(engine) as session:
            assert leases.end_silent(session, TAKEOVER_S) == []


def test_after_the_computer_slept_a_process_ends_the_silent_ones_and_not_itself(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    with started(database_url, tmp_path) as (executor, _), started(database_url, tmp_path, "dead"):
        silence(engine)
        silence(engine, "dead")

        executor.end_silent()

        assert is_held(engine)
        assert not is_held(engine, "dead")


def test_a_dead_process_is_noticed_although_the_database_s_clock_went_back(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    with started(database_url, tmp_path) as (executor, _), started(database_url, tmp_path, "dead"):
        silence(engine, "dead", seconds=-3600)
        executor.end_silent()
        assert is_held(engine, "dead")
        executor._first_seen = {
            key: at - TAKEOVER_S - 1 for key, at in executor._first_seen.items()
        }

        executor.end_silent()

        assert is_held(engine), "its own heartbeat is new"
        assert not is_held(engine, "dead")


def test_after_an_outage_of_the_database_processes_wait_for_each_other(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    with started(database_url, tmp_path) as (executor, _), started(database_url, tmp_path, "late"):
        silence(engine, "late")
        executor._renewed_at -= TAKEOVER_S

        executor.end_silent()
        assert is_held(engine, "late")
        executor._patient_until -= TAKEOVER_S

        executor.end_silent()
        assert not is_held(engine, "late")


def test_nobody_takes_over_in_the_middle_of_a_transaction(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    with started(database_url, tmp_path) as (_, own):
        silence(engine)
        with transaction(own) as session:
            keys.create(session, "in time")
            with transaction(engine) as other:
                assert leases.end_silent(other, TAKEOVER_S) == []


def test_a_name_is_taken_while_its_process_lives_and_free_when_it_has_ended(
    database_url: str, tmp_path: Path
) -> None:
    with started(database_url, tmp_path) as (first, _):
        with pytest.raises(NameTaken, match="RAPPORT_EXECUTOR_ID"), started(database_url, tmp_path):
            pass
        with started(database_url, tmp_path, "other"):
            pass
    with started(database_url, tmp_path) as (second, _):
        assert first.id != second.id


def elsewhere(engine: Engine, silent_s: float) -> None:
    """Let a process have the name on another computer, or before this one was restarted."""
    with transaction(engine) as session:
        leases.take(session, leases.lock(session, "worker"), "another computer")
    silence(engine, seconds=silent_s)


def test_after_a_reboot_a_process_waits_until_it_is_sure_that_its_name_is_free(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    elsewhere(engine, silent_s=TAKEOVER_S - 10)
    waited: list[float] = []

    def stopped(seconds: float) -> bool:
        waited.append(seconds)
        silence(engine, seconds=TAKEOVER_S + 1) if len(waited) == 1 else None
        return False

    # The heartbeat is the same one, only older.
    with started(database_url, tmp_path, stopped=stopped):
        assert waited


def test_a_process_whose_name_lives_on_another_computer_refuses_to_start(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    elsewhere(engine, silent_s=5)

    def stopped(seconds: float) -> bool:
        silence(engine, seconds=0)  # a heartbeat
        return False

    with pytest.raises(NameTaken), started(database_url, tmp_path, stopped=stopped):
        pass


def test_a_process_that_waits_for_its_name_can_be_stopped(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    elsewhere(engine, silent_s=5)
    with pytest.raises(NameTaken), started(database_url, tmp_path, stopped=lambda seconds: True):
        pass


def test_the_name_of_a_killed_process_is_free_at_once_here_and_elsewhere_after_silence(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    elsewhere(engine, silent_s=TAKEOVER_S + 1)
    with ExitStack() as killed:
        killed.enter_context(started(database_url, tmp_path))
        with transaction(engine) as session:
            lease = leases.lock(session, "worker")
        # What kill -9 leaves: a lease that is held, and a lock that is not.
    with transaction(engine) as session:
        leases.lock(session, "worker").is_held = lease.is_held
    assert is_held(engine)

    with started(database_url, tmp_path):
        pass


def test_of_several_restarts_under_one_name_one_succeeds(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    """Each looks whether the others' process is dead, and takes none of them for it."""
    done = threading.Barrier(4)

    def start() -> bool:
        try:
            with started(database_url, tmp_path):
                done.wait(20)
                return True
        except NameTaken:
            done.wait(20)
            return False

    for _ in range(5):
        assert sorted(map(bool, in_threads(4, start))) == [False, False, False, True]


def test_a_folder_belongs_to_the_database_that_named_it_first(
    engine: Engine, tmp_path: Path
) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    mine.mkdir()
    other.mkdir()
    (mine / MARKER).write_text("0123abcd\n")  # as an earlier version left it

    assert claim_folder(engine, mine) == claim_folder(engine, mine) == "0123abcd"
    with pytest.raises(OtherFolder, match="set RAPPORT_DATA_DIR"):
        claim_folder(engine, other)
    assert list(other.iterdir()) == []
    with reading(engine) as session, pytest.raises(OtherFolder):
        check_folder(session, other)
    (mine / MARKER).write_bytes(b"\xff\x00")
    with reading(engine) as session, pytest.raises(OtherFolder, match="write 0123abcd into"):
        check_folder(session, mine)
