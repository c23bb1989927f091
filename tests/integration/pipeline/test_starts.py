"""Steps that never end, because their process dies, are not started for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text

from bot.analysis.turns import Turns
from bot.pipeline.progress import SECONDS_BETWEEN_WRITES, ShuttingDown, reporting
from bot.pipeline.starts import MOST_STARTS, RunningSteps, StartedTooOften, counted, take_back
from storage import calls
from storage.calls import progress
from storage.engine import reading, transaction
from tests.integration.pipeline.conftest import Service


class Killed(BaseException):
    """Leaves a step as kill -9 does: nothing is written any more."""


@pytest.fixture
def call_id(engine: Engine) -> str:
    with transaction(engine) as session:
        new = calls.NewCall("starts==", "1", "Pilot", "ana@example.com", datetime.now(UTC))
        return calls.announce(session, new).id


Start = Callable[..., None]


@pytest.fixture
def start(engine: Engine, call_id: str) -> Start:
    """Start a step in a process of its own, and let it end by an error or well."""

    def start(
        step: str = "store",
        end: BaseException | None = None,
        running: RunningSteps | None = None,
        run: int = 1,
    ) -> None:
        with transaction(engine) as session:
            progress.begin(session, call_id, run, step)
        with counted(engine, running or RunningSteps(), call_id, run, step):
            if end is not None:
                raise end

    return start


def killed(start: Start, times: int, step: str = "store") -> None:
    for _ in range(times):
        with pytest.raises(Killed):
            start(step, Killed())


def test_a_step_whose_process_died_three_times_is_not_started_again(start: Start) -> None:
    killed(start, MOST_STARTS)
    with pytest.raises(StartedTooOften, match='3 times in the middle of the step "store"'):
        start()
    start(run=2)  # Somebody starts the call again.


def test_an_error_is_an_end(start: Start) -> None:
    for _ in range(3):
        killed(start, MOST_STARTS - 1)
        with pytest.raises(ValueError, match="no such host"):
            start(end=ValueError("no such host"))
    start()


def test_each_step_of_a_run_is_counted_by_itself(start: Start) -> None:
    killed(start, MOST_STARTS - 1, "store")
    start("store")
    killed(start, MOST_STARTS - 1, "report")
    start("report")


def test_a_process_that_is_asked_to_stop_uncounts_what_it_had_begun(
    engine: Engine, start: Start
) -> None:
    for _ in range(MOST_STARTS + 2):
        running = RunningSteps()
        with pytest.raises(Killed):
            start("analyse", Killed(), running)
        take_back(engine, running)
    start("analyse")


def test_progress_does_not_change_the_count(engine: Engine, call_id: str, start: Start) -> None:
    for _ in range(MOST_STARTS):
        killed(start, 1)
        with transaction(engine) as session:
            progress.record(session, call_id, 1, step="store", share=0.5)
    with pytest.raises(StartedTooOften):
        start()


def test_an_outage_of_the_database_is_no_crash(engine: Engine, call_id: str, start: Start) -> None:
    running = RunningSteps()

    def fail_during_an_outage() -> None:
        with counted(engine, running, call_id, 1, "store"):
            _rename(engine, "progress", "away")
            raise ValueError("no such table")

    for _ in range(MOST_STARTS + 2):
        with transaction(engine) as session:
            progress.begin(session, call_id, 1, "store")
        try:
            with pytest.raises(ValueError, match="no such table"):
                fail_during_an_outage()
        finally:
            _rename(engine, "away", "progress")
    start(running=running)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_call_that_waits_for_another_to_be_analysed_has_not_started(service: Service) -> None:
    resources, call_id = service.resources, service.announce()
    for _ in range(MOST_STARTS + 1):
        dying = replace(resources, analysing=Turns(1), running=RunningSteps())
        dying.analysing.take(("another", 1))
        threading.Timer(0.1, dying.analysing.close).start()
        with (
            pytest.raises(ShuttingDown),
            reporting(dying, call_id, 1, "analyse", dying.analysing),
        ):
            pytest.fail("another call is being analysed")
    with reporting(resources, call_id, 1, "analyse", resources.analysing):
        pass


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_call_that_waits_says_so_once_and_then_writes_nothing(service: Service) -> None:
    resources, call_id = service.resources, service.announce()
    resources.analysing.take(("another", 1))

    def step() -> None:
        with reporting(resources, call_id, 1, "analyse", resources.analysing):
            pass

    def where() -> tuple[str, object]:
        with reading(resources.engine) as session:
            found = progress.find(session, call_id, 1)
        return ("", None) if found is None else (found.detail, found.updated_at)

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(step)
        while not where()[0]:
            time.sleep(0.01)
        told = where()
        time.sleep(2 * SECONDS_BETWEEN_WRITES)
        assert where() == told
        resources.analysing.give_back(("another", 1))
        waiting.result(20)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_fetched_recording_keeps_its_place_and_one_that_failed_does_not(service: Service) -> None:
    resources, call_id = service.resources, service.announce()
    room = Turns(1)
    with (
        pytest.raises(ValueError, match="refused"),
        reporting(resources, call_id, 1, "fetch", room, keep_turn=True),
    ):
        raise ValueError("refused")
    with reporting(resources, call_id, 1, "fetch", room, keep_turn=True):
        pass

    with pytest.raises(Full):
        room.take(("another", 1), full)


class Full(Exception):
    """Others have all the places."""


def full() -> None:
    raise Full


def _rename(engine: Engine, table: str, name: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE {table} RENAME TO {name}"))
