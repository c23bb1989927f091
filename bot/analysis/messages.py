"""What a service and its analysis processes tell each other, pickled, over a socket.

Neither pictures nor sound nor results travel here: the evidence file holds those.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bot.analysis.job import Job
from bot.settings import Settings


@dataclass(frozen=True, slots=True)
class Start:
    """To the process, first: the settings and the folder with the files of all calls."""

    settings: Settings
    calls_folder: Path


@dataclass(frozen=True, slots=True)
class Ready:
    """From the process: it can take jobs. `error` says why it cannot, and it ends.

    `shares_device` says that its device is not the processor: all calls then share one process, so
    that batches fill and the model is on the device once.
    """

    shares_device: bool = False
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """To the process: run a job. `number` identifies it from now on."""

    number: int
    job: Job


@dataclass(frozen=True, slots=True)
class Cancel:
    """To the process: set the job's stop flag."""

    number: int


@dataclass(frozen=True, slots=True)
class HoldUntil:
    """To the process: end at this time of `lasting_now_s`, unless a later one is named before.

    A service that is frozen sends none, and another process takes over its calls: then nothing may
    write their files any more.
    """

    until_s: float


@dataclass(frozen=True, slots=True)
class Reported:
    """From the process: how far a job is."""

    number: int
    share: float
    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """From the process: a job is over, well if there is no error."""

    number: int
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Logged:
    """From the process: a line for the log, complete but for time and level."""

    logger: str
    level: int
    text: str
