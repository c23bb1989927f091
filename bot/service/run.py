"""Builds the service's resources from the settings and runs them: one process, one executor id."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import signal
import socket
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
from dbos import DBOS
from rich.console import Console
from sqlalchemy import Engine

from bot.analysis.processes import AnalysisProcesses
from bot.analysis.turns import Turns
from bot.api.app import create_app
from bot.monitoring.log_format import LogFormat, formatter
from bot.pipeline.deliveries import Deliveries
from bot.pipeline.intake import Intake
from bot.pipeline.resources import FETCHED_AHEAD, Resources
from bot.pipeline.starts import take_back
from bot.pipeline.workflow import QUEUE, WORKFLOW_VERSION, CallPipeline
from bot.service.data_folder import open_database, prepare_data_folder
from bot.service.executors import Executor, NameTaken
from bot.service.http_server import HttpServer, open_listener
from bot.service.quiet_log import limit_repeats
from bot.service.schedule import Housekeeping, start_schedules
from bot.service.stopping import StopRequest, exit_at_once, exit_soon
from bot.settings import Settings, unknown_settings
from inference.errors import InferenceError
from integrations.slack.client import SlackMessenger
from integrations.slack.messenger import Messenger
from integrations.slack.outbox import Outbox
from integrations.zoom.client import ZoomClient
from integrations.zoom.downloads import Downloader
from storage.access import keys
from storage.engine import BUSY_TIMEOUT_MS, reading, transaction
from storage.errors import StorageError
from storage.files import MediaFiles, kept_text
from storage.workers.installation import check_marker, claim_folder

log = logging.getLogger(__name__)

MOST_OPEN_CALLS = 100
"""Maximum number of runs open at once in a process. Most of them wait; few are analysed."""


class CannotStart(Exception):
    """The process cannot run with its settings; the message says what to do."""


def run_service(settings: Settings, *, with_api: bool) -> int:
    """Run until SIGTERM or Ctrl-C, and return the exit status.

    On a signal, requests get two seconds, steps see the stop flag, and the process then exits:
    the next start repeats the steps that were in progress.
    """
    _set_up_logging(settings.log_level, settings.log_format)
    for name in unknown_settings():
        log.warning("%s is not a Rapport setting and has no effect", name)
    stop_requested = StopRequest()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop_requested.set())
    console = Console(stderr=True)
    try:
        _make_data_dir(settings)
        # Before anything is started or made: the address may be taken.
        listener = _listener(settings) if with_api else None
        with open_database(settings) as engine:
            folder_id = claim_folder(engine, settings.data_dir)
            name = settings.executor_id or f"{folder_id}-{'serve' if with_api else 'worker'}"
            executor = Executor(engine, settings.data_dir, name, settings.takeover_s, exit_at_once)

            def check() -> None:
                executor.check()
                check_marker(settings.data_dir, folder_id)

            with executor.hold(stop_requested.wait):
                _run(settings, engine, executor, listener, stop_requested, check)
    except (CannotStart, NameTaken, StorageError, InferenceError, OSError) as exc:
        console.print(f"[red]Error:[/red] {exc}", highlight=False, soft_wrap=True)
        return 1
    return 0


def _run(
    settings: Settings,
    engine: Engine,
    executor: Executor,
    listener: socket.socket | None,
    stop_requested: StopRequest,
    check: Callable[[], None],
) -> None:
    resources = build_resources(settings, engine, check)
    executor.tell_until(resources.analysis.hold_until)
    launch_workflows(settings, executor.id)
    pipeline = CallPipeline(resources)
    intake = Intake(engine, settings, pipeline)
    housekeeping = Housekeeping(resources, intake, pipeline)
    DBOS.launch()
    DBOS.register_queue(
        QUEUE,
        worker_concurrency=MOST_OPEN_CALLS,
        polling_interval_sec=0.5,
        on_conflict="always_update",
    )
    executor.take_over()
    intake.handle_pending()
    schedules = start_schedules(settings, resources, intake, housekeeping, executor)
    server = None
    if listener is not None:
        _show_first_key(engine)
        deliveries = Deliveries(engine, intake)
        deliveries.start()
        app = create_app(resources, pipeline, deliveries)
        server = HttpServer(app, listener, settings.trusted_proxies, at_end=stop_requested.set)
        server.start()
        log.info("Listening on http://%s:%d", settings.host, listener.getsockname()[1])
    log.info("Rapport is running; stop it with Ctrl-C")
    stop_requested.wait()
    status = 0
    if server is not None and server.has_ended.is_set():
        # Without an API the process would look alive but receive no webhooks: let it restart.
        log.error("The HTTP server stopped unexpectedly; Rapport exits so that it can restart.")
        status = 1
    exit_soon(status)
    log.info("Stopping. Work in progress resumes at the next start.")
    resources.stop.set()
    for turns in (resources.on_disk, resources.analysing):
        turns.close()
    take_back(engine, resources.running)
    if server is not None:
        server.should_exit = True
    schedules.shutdown(wait=False)
    DBOS.destroy()
    # Threads in the middle of a step are abandoned: every step can be repeated.
    resources.analysis.close()
    executor.release()
    logging.shutdown()
    sys.stdout.flush()
    os._exit(status)


def build_resources(settings: Settings, engine: Engine, check: Callable[[], None]) -> Resources:
    """Build clients and folders from the settings, and start the first process of the analysis.

    No service is called. `check` raises once this process may change nothing any more.

    Raises:
        InferenceError: the weights or the device cannot be used.
    """
    http = httpx.Client(timeout=httpx.Timeout(30.0, connect=10.0), follow_redirects=False)
    files = MediaFiles(settings.data_dir.resolve() / "calls", check)
    analysis = AnalysisProcesses(settings, files)
    analysis.start()
    return Resources(
        settings=settings,
        engine=engine,
        files=files,
        zoom=zoom_client(settings, http),
        downloader=Downloader(
            http,
            allowed_hosts=settings.zoom.download_hosts,
            insecure_hosts=settings.zoom.insecure_hosts,
            reserve_bytes=settings.zoom.disk_reserve_bytes,
        ),
        messenger=messenger(settings, check),
        analysis=analysis,
        link_secret=_link_secret(settings),
        analysing=Turns(settings.analysis.workers, "another call to be analysed"),
        on_disk=Turns(settings.analysis.workers + FETCHED_AHEAD, "another call to be analysed"),
        check=check,
    )


def zoom_client(settings: Settings, http: httpx.Client) -> ZoomClient | None:
    """Return a client for the Zoom app, or None if it is not set up."""
    zoom = settings.zoom
    if not (zoom.account_id and zoom.client_id and zoom.client_secret):
        return None
    return ZoomClient(
        http,
        account_id=zoom.account_id,
        client_id=zoom.client_id,
        client_secret=zoom.client_secret.get_secret_value(),
        api_url=zoom.api_url,
        oauth_url=zoom.oauth_url,
    )


def messenger(settings: Settings, check: Callable[[], None] = lambda: None) -> Messenger:
    """Return a Slack messenger, or the outbox folder if no token is set.

    `check` is called before anything is posted.
    """
    if settings.slack.token is None:
        return Outbox(settings.data_dir / "outbox", check=check)
    token = settings.slack.token.get_secret_value()
    return SlackMessenger(token, settings.slack.api_url, check=check)


def launch_workflows(settings: Settings, executor_id: str) -> None:
    """Configure the workflow engine: a SQLite file next to ours, or the same PostgreSQL."""
    url = settings.resolved_database_url
    if url.startswith("sqlite"):
        path = (settings.data_dir / "workflows.db").resolve()
        _write_ahead(path)
        url = f"sqlite:///{path}"
    DBOS(
        config={
            "name": "rapport",
            "system_database_url": url.replace("postgresql+psycopg://", "postgresql://"),
            "application_version": WORKFLOW_VERSION,
            "executor_id": executor_id,
            "log_level": "WARNING",
            "notification_listener_polling_interval_sec": 0.5,
            "sys_db_idle_transaction_timeout_sec": settings.takeover_s,
        }
    )


def _write_ahead(path: Path) -> None:
    """Set the engine's file to WAL, which it keeps: a writer then does not stop the readers."""
    with contextlib.closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_MS / 1000)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")


def _make_data_dir(settings: Settings) -> None:
    try:
        prepare_data_folder(settings.data_dir)
    except OSError as exc:
        raise CannotStart(
            f"{settings.data_dir} cannot be used ({exc.strerror}): set RAPPORT_DATA_DIR."
        ) from exc


def _link_secret(settings: Settings) -> str:
    if settings.link_secret is not None:
        return settings.link_secret.get_secret_value()
    return kept_text(settings.data_dir / "link-secret", lambda: secrets.token_urlsafe(32))


def _listener(settings: Settings) -> socket.socket:
    try:
        return open_listener(settings.host, settings.port)
    except OSError as exc:
        raise CannotStart(
            f"Cannot listen on {settings.host}:{settings.port}: {exc.strerror}. "
            "Choose another port with --port or RAPPORT_PORT."
        ) from exc


def _show_first_key(engine: Engine) -> None:
    """Make and print a key if there is none; never into a file or a log, which others may read."""
    with reading(engine) as session:
        if keys.list(session):
            return
    if not sys.stdout.isatty():
        log.warning("There is no API key yet; `rapport keys add NAME` makes one")
        return
    with transaction(engine) as session:
        token = keys.create(session, "first")
    sys.stdout.write(f"Your API key, shown once: {token}\n")
    sys.stdout.flush()


def _set_up_logging(level: str, kind: LogFormat) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(kind))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in ("httpx", "httpcore", "apscheduler", "alembic", "uvicorn"):
        # Their messages contain recording URLs, or repeat ours.
        logging.getLogger(name).setLevel(logging.WARNING)
    # The workflow engine brings a handler with another format, unless there is one.
    logging.getLogger("dbos").handlers = [handler]
    logging.getLogger("dbos").propagate = False
    limit_repeats()
