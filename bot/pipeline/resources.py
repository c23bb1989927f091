"""What the steps work with, built once per process and passed down."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from sqlalchemy import Engine

from bot.settings import Settings
from inference.expression.batch_queue import DeviceQueue
from integrations.slack.messenger import Messenger
from integrations.zoom.client import ZoomClient
from integrations.zoom.downloads import Downloader
from storage.files import MediaFiles


@dataclass(frozen=True, slots=True)
class Resources:
    """Clients, engine and device queue. Constructing it opens nothing.

    `zoom` is None where no Zoom app is set up: then only what a webhook carries is known.
    `stop` is set when the process is asked to end; steps look at it and leave.
    `analysing` holds one place per call that may be analysed at the same time.
    """

    settings: Settings
    engine: Engine
    files: MediaFiles
    zoom: ZoomClient | None
    downloader: Downloader
    messenger: Messenger
    queue: DeviceQueue
    model: str
    link_secret: str
    analysing: threading.Semaphore
    stop: threading.Event = field(default_factory=threading.Event)
