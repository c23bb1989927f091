"""The commands that say how the service stands: `status`, and `calls list`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from bot.cli.terminal import fail, out, read_settings

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlmodel import Session

    from bot.monitoring.overview import Disk, Process, Queue, Work
    from bot.settings import Settings
    from storage.schema.tables import Call

calls_app = typer.Typer(help="List calls.", no_args_is_help=True)

SHOWN = 10
"""Lines of each kind; the rest is counted."""
LONG_WAIT_S = 3600
HELD_UP_S = 60
FEW_DAYS = 14.0


@contextmanager
def _database() -> Iterator[tuple[Settings, Engine]]:
    """Open the settings' database as it is; looking changes nothing."""
    from storage import migrate
    from storage.engine import open_engine
    from storage.errors import StorageError

    settings = read_settings()
    url = settings.resolved_database_url
    try:
        if problem := migrate.schema_problem(url):
            raise fail(problem)
        engine = open_engine(url)
        try:
            yield settings, engine
        finally:
            engine.dispose()
    except StorageError as exc:
        raise fail(str(exc)) from exc


def status() -> None:
    """Show what runs, waits and failed, the processes and the disk, and what to do.

    The exit status is 1 if something needs attention, else 0.
    """
    from bot.monitoring.overview import read_disk, read_processes, read_queue
    from storage import calls
    from storage.engine import reading

    with _database() as (settings, engine):
        with reading(engine) as session:
            queue = read_queue(session)
            failed = calls.failed_calls(session)
            processes = read_processes(session, settings.takeover_s)
            folder = _other_folder(session, settings)
        disk = read_disk(engine, settings)
    _show_processes(processes)
    _show_queue(queue)
    _show_failed(list(failed))
    _show_disk(disk)
    to_do = [*folder, *_to_do(processes, queue, len(failed), disk)]
    _heading("What to do")
    for line in to_do or ["Nothing."]:
        _line(line)
    if to_do:
        raise typer.Exit(1)


@calls_app.command("list")
def calls_list(
    failed: Annotated[bool, typer.Option("--failed", help="Only calls that failed.")] = False,
    limit: Annotated[
        int, typer.Option(min=1, max=10_000, help="Number of calls to show, latest first.")
    ] = 20,
) -> None:
    """Show the latest calls with their status, and why they failed or were skipped."""
    from storage.calls import CallFilter, find_calls
    from storage.engine import reading

    with _database() as (_, engine), reading(engine) as session:
        wanted = CallFilter(status="failed" if failed else None)
        found = find_calls(session, wanted, limit=limit)
    if not found.items:
        out.print("No call has failed." if failed else "There are no calls yet.")
        return
    for call in found.items:
        _call_line(call, f"{call.started_at:%Y-%m-%d %H:%M} UTC  {call.status}")
    if found.next_cursor is not None:
        out.print(f"There are more: see --limit (now {limit}).")
    if failed:
        out.print(Text(AGAIN), soft_wrap=True)


AGAIN = (
    "Once the cause is fixed, analyse a call again: POST /api/v1/calls/ID/reanalyze with an API "
    "key, or `rapport inbox list` and `rapport inbox replay NUMBER`."
)


def _show_processes(processes: list[Process]) -> None:
    _heading("Processes")
    for process in processes:
        state = "running" if process.is_running else "not running"
        _line(f"{process.name}: {state}, heartbeat {_span(process.heartbeat_age_s)} ago")
    if not processes:
        _line("None has worked here in the last week.")


def _show_queue(queue: Queue) -> None:
    _heading("Calls")
    counts = [f"{count} {status}" for status, count in sorted(queue.counts.items())]
    _line(", ".join(counts) or "none yet")
    for title, works in (("Running", queue.running), ("Waiting for a free worker", queue.queued)):
        if works:
            _heading(title)
        for work in works[:SHOWN]:
            _call_line(work.call, _where(work))
        _more(len(works), "`rapport calls list` shows all")
    if queue.webhooks:
        _line(f"{queue.webhooks} webhooks not processed yet; see `rapport inbox list`")


def _where(work: Work) -> str:
    lasting = f"for {_span(_age_s(work.call.updated_at))}"
    if not work.step:
        return f"run {work.call.run}, {lasting}"
    said = f": {work.detail}" if work.detail else ""
    return f"run {work.call.run}, {lasting}, {work.step} {work.share:.0%}{said}"


def _show_failed(failed: list[Call]) -> None:
    if not failed:
        return
    _heading("Failed")
    for call in failed[:SHOWN]:
        _call_line(call, f"{_span(_age_s(call.updated_at))} ago")
    _more(len(failed), "`rapport calls list --failed` shows all")


def _show_disk(disk: Disk) -> None:
    _heading("Disk")
    free = f"{disk.free_bytes / 1e9:.1f} GB free, {disk.reserve_bytes / 1e9:.1f} GB of it reserved"
    if disk.days_left is None or disk.bytes_per_day is None:
        _line(f"{free}; too few calls in the last two weeks to say how long that lasts")
        return
    days = f"{disk.days_left:,.0f} days" if disk.days_left < 3650 else "more than ten years"
    _line(f"{free}; enough for {days} at {disk.bytes_per_day / 1e6:.1f} MB a day")


def _other_folder(session: Session, settings: Settings) -> list[str]:
    """Return what to do if the data folder is not the one that belongs to the database."""
    from storage.errors import OtherFolder
    from storage.workers.installation import check_folder

    try:
        check_folder(session, settings.data_dir)
    except OtherFolder as exc:
        return [str(exc)]
    return []


def _to_do(processes: list[Process], queue: Queue, failed: int, disk: Disk) -> Iterator[str]:
    running = [process for process in processes if process.is_running]
    if not running:
        yield "No process is running: start `rapport serve`."
    oldest = queue.oldest_at
    if running and oldest is not None and _age_s(oldest) > LONG_WAIT_S:
        yield (
            f"A call has waited for {_span(_age_s(oldest))}: start another `rapport worker` with "
            "its own RAPPORT_EXECUTOR_ID, or raise RAPPORT_ANALYSIS__WORKERS if memory allows."
        )
    held_up = [work for work in queue.running if _is_held_up(work)]
    if held_up:
        calls_ = "1 call waits" if len(held_up) == 1 else f"{len(held_up)} calls wait"
        yield (
            f"{calls_} after an error, to be tried again: the line above says why. Once the cause "
            "is fixed, the next try goes on."
        )
    if failed:
        yield f"{failed} failed: each line above says why. {AGAIN}"
    if disk.free_bytes < disk.reserve_bytes:
        yield "Downloads have stopped: free disk space, or lower RAPPORT_ZOOM__DISK_RESERVE_BYTES."
    elif disk.days_left is not None and disk.days_left < FEW_DAYS:
        yield (
            f"The disk is full in {disk.days_left:.0f} days: add space, set "
            "RAPPORT_RETENTION_DAYS, or unset RAPPORT_KEEP_RECORDINGS."
        )


def _is_held_up(work: Work) -> bool:
    # A shorter wait is a hiccup that nobody has to look at.
    return work.is_retrying and _age_s(work.call.updated_at) > HELD_UP_S


def _call_line(call: Call, state: str) -> None:
    out.print(Text.assemble("  ", (call.id, "bold"), "  ", state, "  ", call.topic), soft_wrap=True)
    if why := call.failure or call.skipped_reason:
        out.print(Text(f"      {why}", style="dim"), soft_wrap=True)


def _heading(text: str) -> None:
    out.print(Text(text, style="bold underline"))


def _line(text: str) -> None:
    out.print(Text(f"  {text}"), soft_wrap=True)


def _more(count: int, where: str) -> None:
    if count > SHOWN:
        _line(f"and {count - SHOWN} more; {where}")


def _age_s(moment: datetime) -> float:
    from storage.schema.columns import utc_now

    return max(0.0, (utc_now() - moment).total_seconds())


def _span(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
