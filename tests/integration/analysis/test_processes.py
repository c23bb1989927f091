"""Calls analysed in processes of their own: what a crash, a stop and a lack of memory do."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from bot.analysis.errors import AnalysisCrashed, MemoryExceeded
from bot.analysis.job import Job
from bot.analysis.processes import AnalysisProcesses
from bot.settings import AnalysisSettings, Settings
from inference.errors import Cancelled, UnreadableMedia, WeightsInvalid
from storage.errors import DatabaseDown
from storage.files import MediaFiles
from storage.workers.clock import lasting_now_s
from tests.jobs import Crash, Fail, Grow, Note, SlowToRead, Wait
from tests.places import ROOT
from tests.processes import with_default_signals


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> MediaFiles:
    return MediaFiles(tmp_path_factory.mktemp("data") / "calls")


def made(files: MediaFiles, max_memory_mb: int = 0, **more: Any) -> AnalysisProcesses:
    analysis = AnalysisSettings(device="cpu", max_memory_mb=max_memory_mb, workers=2)
    settings = Settings(_env_file=None, data_dir=files.root.parent, analysis=analysis)
    return AnalysisProcesses(settings, files, **more)


@pytest.fixture(scope="module")
def processes(files: MediaFiles) -> Iterator[AnalysisProcesses]:
    """Two processes at most, which the tests share."""
    processes = made(files)
    processes.start()
    yield processes
    processes.close()


def run(processes: AnalysisProcesses, job: Job, told: list[tuple[float, str]] | None = None) -> int:
    """Run a job, and return the id of the process that it ran in, if it says so."""
    progress = (lambda share, text: None) if told is None else (lambda *one: told.append(one))
    processes.run(job, progress, threading.Event())
    return pid_of(processes, job)


def pid_of(processes: AnalysisProcesses, job: Job) -> int:
    return int((processes.files.call_folder(job.call_id) / "pid").read_text() or 0)


def appears(path: Path, timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not path.exists():
        assert time.monotonic() < deadline, f"no {path}"
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("by", "reason"),
    [
        (signal.SIGSEGV, "The analysis crashed (SIGSEGV)."),
        (signal.SIGKILL, "The analysis crashed (SIGKILL)."),
        (3, "The analysis crashed (exit status 3)."),
    ],
    ids=str,
)
def test_a_crash_is_an_error_of_the_call_and_the_next_call_is_analysed(
    processes: AnalysisProcesses, by: int, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(AnalysisCrashed) as caught:
        run(processes, Crash("crashing", by))
    assert str(caught.value) == reason
    (line,) = [r.getMessage() for r in caplog.records if "calls in it: crashing" in r.getMessage()]
    has_trace = by == signal.SIGSEGV
    assert ("jobs.py" in line) is has_trace, "the trace names what was being done"

    run(processes, Note("next"))


def test_a_crash_leaves_the_call_beside_it_alone(
    processes: AnalysisProcesses, files: MediaFiles
) -> None:
    with ThreadPoolExecutor(1) as pool:
        beside = pool.submit(run, processes, Wait("beside"))
        appears(files.call_folder("beside") / "pid")
        with pytest.raises(AnalysisCrashed):
            run(processes, Crash("crashing", signal.SIGSEGV))
        (files.call_folder("beside") / "end").touch()
        assert beside.result(20)


def test_an_analysis_ends_when_the_lease_of_its_service_does(
    processes: AnalysisProcesses, files: MediaFiles
) -> None:
    with ThreadPoolExecutor(1) as pool:
        analysed = pool.submit(run, processes, Wait("held"))
        appears(files.call_folder("held") / "pid")
        processes.hold_until(lasting_now_s() + 60)
        processes.hold_until(lasting_now_s() + 0.2)
        with pytest.raises(DatabaseDown):
            analysed.result(20)

    processes.hold_until(lasting_now_s() + 3600)
    run(processes, Note("after"))


def test_a_process_that_loads_for_longer_than_a_lease_lasts_works_if_it_was_renewed(
    files: MediaFiles,
) -> None:
    processes = made(files)
    with ThreadPoolExecutor(2) as pool:
        loading = pool.submit(processes.start)
        time.sleep(0.1)  # Loading takes longer, and what comes meanwhile waits.
        processes.hold_until(lasting_now_s() + 0.01)
        between = pool.submit(run, processes, SlowToRead("between"))
        time.sleep(0.2)
        processes.hold_until(lasting_now_s() + 60)
        loading.result()
        between.result()
    processes.close()


def test_a_process_that_loads_for_longer_than_a_lease_lasts_ends_if_it_was_not_renewed(
    files: MediaFiles,
) -> None:
    processes = made(files)
    with ThreadPoolExecutor(2) as pool:
        loading = pool.submit(processes.start)
        time.sleep(0.1)
        processes.hold_until(lasting_now_s() + 0.01)
        between = pool.submit(run, processes, Wait("unwanted"))
        loading.result()
        with pytest.raises(DatabaseDown):
            between.result(20)
    processes.close()


def test_heartbeats_do_not_wait_for_a_process_that_is_frozen(files: MediaFiles) -> None:
    processes = made(files)
    processes.start()
    pid = run(processes, Note("before"))
    os.kill(pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:

        def beat() -> None:
            for _ in range(5000):
                processes.hold_until(lasting_now_s() + 60)

        beating = pool.submit(beat)
        try:
            beating.result(20)
        finally:
            os.kill(pid, signal.SIGKILL)
    processes.close()


def test_progress_and_log_lines_arrive_in_order_from_a_process_that_is_kept(
    processes: AnalysisProcesses, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[tuple[float, str]] = []
    caplog.set_level(logging.INFO)
    pids = {run(processes, Note(f"note-{number}"), told) for number in range(3)}
    assert len(pids) == 1
    assert os.getpid() not in pids
    assert [text for _, text in told] == ["1 of 3", "2 of 3", "3 of 3"] * 3
    lines = [r.getMessage() for r in caplog.records if r.name == "bot.calls.voices"]
    assert lines == [f"call note-{number} heard" for number in range(3)]


def test_a_job_ends_when_the_service_is_told_to_stop(
    processes: AnalysisProcesses, files: MediaFiles
) -> None:
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    with pytest.raises(Cancelled):
        processes.run(Wait("stopped"), lambda share, text: None, stop)
    assert (files.call_folder("stopped") / "cancelled").exists()


def test_a_job_ends_when_its_call_is_deleted_meanwhile(
    processes: AnalysisProcesses, files: MediaFiles
) -> None:
    def progress(share: float, text: str) -> None:
        raise LookupError("no such call")

    with pytest.raises(LookupError):
        processes.run(Wait("deleted"), progress, threading.Event())
    assert (files.call_folder("deleted") / "cancelled").exists()
    assert run(processes, Note("after")) == pid_of(processes, Wait("deleted")), "it is kept"


def test_errors_arrive_as_they_were_raised(processes: AnalysisProcesses) -> None:
    with pytest.raises(UnreadableMedia, match=r"^call\.mp4: it is damaged$"):
        run(processes, Fail("failing", "ours"))
    with pytest.raises(KeyError) as foreign:
        run(processes, Fail("failing", "foreign"))
    with pytest.raises(RuntimeError, match="_Unpicklable: cannot travel") as unpicklable:
        run(processes, Fail("failing", "unpicklable"))
    for caught in (foreign, unpicklable):
        assert "jobs.py" in caught.value.__notes__[0], "the traceback of the other process"


def test_ctrl_c_and_sigterm_are_left_to_the_service(
    processes: AnalysisProcesses, files: MediaFiles
) -> None:
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(run, processes, Wait("signalled"))
        appears(files.call_folder("signalled") / "pid")
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(pid_of(processes, Wait("signalled")), number)
        time.sleep(0.2)
        (files.call_folder("signalled") / "end").touch()
        assert job.result(20)


def test_a_call_that_takes_too_much_memory_fails_with_the_setting_that_allows_more(
    files: MediaFiles,
) -> None:
    processes = made(files, max_memory_mb=700)
    try:
        with pytest.raises(MemoryExceeded, match=r"700 MB .* RAPPORT_ANALYSIS__MAX_MEMORY_MB"):
            run(processes, Grow("growing"))
        run(processes, Note("small"))
    finally:
        processes.close()


def test_a_process_is_replaced_after_some_calls_and_all_end_with_the_service(
    files: MediaFiles,
) -> None:
    processes = made(files, calls_per_process=2)
    pids = [run(processes, Note(f"call-{number}")) for number in range(4)]
    assert pids[0] == pids[1] != pids[2] == pids[3]
    processes.close()
    assert not [pid for pid in pids if psutil.pid_exists(pid)]


def test_calls_that_share_a_device_are_tried_again_one_by_one_after_a_crash(
    files: MediaFiles,
) -> None:
    processes = made(files, shares_device=True)
    try:
        with ThreadPoolExecutor(2) as pool:
            innocent = pool.submit(run, processes, Wait("innocent"))
            guilty = pool.submit(run, processes, Crash("guilty", signal.SIGSEGV, "now"))
            appears(files.call_folder("innocent") / "pid")
            appears(files.call_folder("guilty") / "began")
            shared = pid_of(processes, Wait("innocent"))
            (files.call_folder("guilty") / "now").touch()
            for job in (innocent, guilty):
                with pytest.raises(AnalysisCrashed):
                    job.result(20)
            (files.call_folder("innocent") / "pid").unlink()
            again = pool.submit(run, processes, Wait("innocent"))
            appears(files.call_folder("innocent") / "pid")
            with pytest.raises(AnalysisCrashed):
                run(processes, Crash("guilty", signal.SIGSEGV))
            alone = pid_of(processes, Wait("innocent"))
            (files.call_folder("innocent") / "end").touch()
            assert again.result(20) == alone != shared
            together = [run(processes, Note(call)) for call in ("innocent", "third")]
            assert together[0] == together[1] != alone
    finally:
        processes.close()


def test_weights_that_cannot_be_used_are_reported_at_the_start(
    files: MediaFiles, tmp_path: Path
) -> None:
    analysis = AnalysisSettings(device="cpu", weights=tmp_path / "none.safetensors")
    settings = Settings(_env_file=None, data_dir=tmp_path, analysis=analysis)
    with pytest.raises(WeightsInvalid):
        AnalysisProcesses(settings, files).start()


def test_no_process_outlives_a_service_that_is_killed(tmp_path: Path) -> None:
    script = f"""
import threading
from pathlib import Path
from bot.analysis.processes import AnalysisProcesses
from bot.settings import AnalysisSettings, Settings
from storage.errors import DatabaseDown, StorageError
from storage.files import MediaFiles
from storage.workers.clock import lasting_now_s
from tests.jobs import Wait
folder = Path({str(tmp_path)!r})
settings = Settings(_env_file=None, data_dir=folder, analysis=AnalysisSettings(device="cpu"))
processes = AnalysisProcesses(settings, MediaFiles(folder / "calls"))
processes.run(Wait("orphan"), lambda share, text: None, threading.Event())
"""
    service = subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, preexec_fn=with_default_signals
    )
    try:
        appears(tmp_path / "calls" / "orphan" / "pid", 60)
        time.sleep(0.1)
        child = psutil.Process(int((tmp_path / "calls" / "orphan" / "pid").read_text()))
    finally:
        service.kill()
        service.wait(10)
    child.wait(5)
