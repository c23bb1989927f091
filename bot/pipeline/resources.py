"""What the steps need from the process, built once and passed down."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Engine

from bot.analysis.job import Analysis
from bot.analysis.turns import Turns
from bot.pipeline.starts import RunningSteps
from bot.settings import Settings
from integrations.slack.messenger import Messenger
from integrations.zoom.client import ZoomClient
from integrations.zoom.downloads import Downloader
from storage.files import MediaFiles

FETCHED_AHEAD = 2
"""Recordings that are fetched while others are analysed. One is enough where Zoom sends a recording
faster than it is analysed; more would only take up the disk, if a hundred calls come at once."""


@dataclass(frozen=True, slots=True)
class Resources:
    """Clients, engine and what analyses recordings. Constructing it opens nothing.

    `zoom` is None if no Zoom app is set up: then only what a webhook carries is known.
    `stop` is set when the process is asked to end; steps check it and stop.
    `analysing` has one place per call that may be analysed at the same time, and `on_disk` one per
    recording that may be fetched and not analysed yet. `running` are the steps in progress in this
    process. `check` raises once another process has taken over its calls.
    """

    settings: Settings
    engine: Engine
    files: MediaFiles
    zoom: ZoomClient | None
    downloader: Downloader
    messenger: Messenger
    analysis: Analysis
    link_secret: str
    analysing: Turns
    on_disk: Turns = field(default_factory=lambda: Turns(1 + FETCHED_AHEAD))
    check: Callable[[], None] = lambda: None
    stop: threading.Event = field(default_factory=threading.Event)
    running: RunningSteps = field(default_factory=RunningSteps)
