"""Put many calls through one service, and see whether memory, descriptors and disk stay flat.

    python -m benchmarks.soak                         # 200 calls on SQLite
    python -m benchmarks.soak --database postgresql --calls 200

Calls are announced one after another, two at a time in work. After every tenth of them a line
shows the resident memory of the service and of its analysis processes, their open descriptors, and
the bytes in the data folder: of the recordings, of the history that is kept on purpose (databases,
reports, series; by call), and of all else.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

from benchmarks.service import MEDIA, add_meetings, database, open_database, query, wait_for
from bot.demo.process import RapportProcess
from bot.demo.stand_ins.slack import SlackStandIn
from bot.demo.stand_ins.zoom import ZoomStandIn

AT_ONCE = 3
CALL_TIMEOUT_S = 120.0
HISTORY = ("*.db", "*.db-wal", "*.db-shm", "*.pdf", "*.npz", "*.json")
MIB = 2**20


@dataclass(frozen=True)
class Usage:
    """What the service used at one moment. Memory and disk in bytes."""

    service: int
    analysis: int
    descriptors: int
    media: int
    history: int
    other: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for each tenth of the calls, and the growth from the second to the last."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--calls", type=int, default=200)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="rapport-soak-") as folder:
        data_dir = Path(folder) / given.database
        with database(given.database, data_dir) as settings:
            return run(settings, data_dir, given.calls)


def run(settings: dict[str, str], data_dir: Path, calls: int) -> int:
    """Put the calls through; return 1 unless all of them are done."""
    began = time.monotonic()
    with ZoomStandIn() as zoom, SlackStandIn() as slack:
        names = add_meetings(zoom, data_dir.parent / "made-up", calls)
        more = settings | {
            "ANALYSIS__WORKERS": "2",
            "CALLS__MIN_DURATION_S": "5",
            "CALLS__TRANSCRIPT_WAIT_S": "0",
            "CALLS__INCLUDE_INTERNAL": "true",
        }
        rapport = RapportProcess(data_dir, zoom, slack, more)
        rapport.start()
        try:
            rapport.wait_until_ready()
            engine = open_database(settings, data_dir)

            def done() -> int:
                rows = query(engine, "SELECT count(*) FROM calls WHERE status = 'done'")
                return int(rows[0][0])

            sys.stdout.write(
                "calls  service MiB  analysis MiB  descriptors  recordings MiB  "
                "history kB/call  other kB\n"
            )
            usages = []
            for number, name in enumerate(names, start=1):
                zoom.send(f"{rapport.url}/webhooks/zoom", name)
                at_once = 0 if number % max(1, calls // 10) == 0 else AT_ONCE
                enough = number - at_once
                wait_for(partial(has, done, enough), CALL_TIMEOUT_S, rapport.log_path.read_text)
                if at_once == 0:
                    time.sleep(
                        2.0
                    )  # memory is freed and files are deleted just after a call is done
                    usages.append(usage(rapport.pid, data_dir))
                    show(number, usages[-1])
                zoom.requests.clear()
            ended = done()
            engine.dispose()
        finally:
            rapport.stop()
        posts = sum(not message.is_reply for message in slack.messages)
    first, last = usages[min(1, len(usages) - 1)], usages[-1]
    sys.stdout.write(
        f"{ended} of {calls} done, {posts} messages, {len(slack.files)} PDFs, "
        f"{time.monotonic() - began:.0f} s\n"
        f"from the second line to the last: service {growth(first.service, last.service)}, "
        f"analysis {growth(first.analysis, last.analysis)}, descriptors "
        f"{last.descriptors - first.descriptors:+d}, recordings and other "
        f"{last.media + last.other - first.media - first.other:+d} bytes\n"
    )
    return int(ended != calls)


def has(done: Callable[[], int], enough: int) -> bool:
    """Return whether enough calls are done."""
    return done() >= enough


def show(number: int, used: Usage) -> None:
    """Print one line of the table."""
    sys.stdout.write(
        f"{number:5d}  {used.service / MIB:11.0f}  {used.analysis / MIB:12.0f}  "
        f"{used.descriptors:11d}  {used.media / MIB:14.1f}  {used.history / number / 1e3:15.0f}  "
        f"{used.other / 1e3:8.0f}\n"
    )
    sys.stdout.flush()


def growth(before: int, after: int) -> str:
    """Return a growth in percent."""
    return f"{(after / before - 1) * 100 if before else 0:+.1f} %"


def usage(pid: int, data_dir: Path) -> Usage:
    """Measure a process, its children and the data folder."""
    process = psutil.Process(pid)
    files = [path for path in data_dir.rglob("*") if path.is_file() and path.suffix != ".log"]
    sizes = dict.fromkeys(("media", "history", "other"), 0)
    for path in files:
        with suppress(FileNotFoundError):
            sizes[kind_of(path)] += path.stat().st_size
    return Usage(
        service=process.memory_info().rss,
        analysis=sum(child.memory_info().rss for child in process.children()),
        descriptors=process.num_fds(),
        **sizes,
    )


def kind_of(path: Path) -> str:
    """Return which of the three a file of the data folder is."""
    if any(path.match(kind) for kind in MEDIA):
        return "media"
    return "history" if any(path.match(kind) for kind in HISTORY) else "other"


if __name__ == "__main__":
    sys.exit(main())
