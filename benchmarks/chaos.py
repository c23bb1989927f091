"""Kill the service again and again while Zoom and Slack fail at random, and count what is left.

    python -m benchmarks.chaos                        # SQLite, then PostgreSQL if one answers
    python -m benchmarks.chaos --database sqlite --calls 100 --kills 40 --faults 0.2

Every call is announced several times. `rapport serve`, and on PostgreSQL a `rapport worker` beside
it, are killed with SIGKILL at random moments and started again; a share of the requests to Zoom and
Slack is refused, limited, delayed, or cut off in the middle. In the end each call has to be done,
or failed with a reason, with one message and one PDF, and no recording may be left but those of
failed calls, which are kept for a week. Some calls do fail: a step that is running at three kills
is not tried again. Returns 1 if anything is lost, doubled or left over. --keep keeps the data
folders, with the logs.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from sqlalchemy import Engine

from benchmarks.service import add_meetings, database, media_left, open_database, query
from bot.demo.process import RapportProcess
from bot.demo.stand_ins.faults import Fault, Faults
from bot.demo.stand_ins.slack import SlackStandIn
from bot.demo.stand_ins.zoom import ZoomStandIn

TAKEOVER_S = 10
KILL_AFTER_S = (0.5, 9.0)
"""A process is killed this long after it was started."""
ANNOUNCEMENTS = 3
END_TIMEOUT_S = 1800.0


@dataclass(frozen=True)
class Options:
    calls: int
    kills: int
    faults: float
    seed: int


class RandomFaults(Faults):
    """Faults that befall a share of all requests, instead of those that were ordered."""

    def __init__(self, share: float, seed: int) -> None:
        super().__init__()
        self.share = share
        self.counts: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._guard = threading.Lock()

    def take(self, path: str) -> Fault | None:
        """Return a random fault, or in most cases none."""
        with self._guard:
            if self._random.random() >= self.share:
                self.counts["none"] += 1
                return None
            fault = self._random.choice(
                (
                    Fault("status", status=503),
                    Fault("status", status=429, retry_after="1"),
                    Fault("drop"),
                    Fault("drop", after_bytes=self._random.randrange(1, 20_000)),
                    Fault("delay", seconds=self._random.uniform(0.1, 1.0)),
                )
            )
            self.counts[fault.kind if fault.kind != "status" else str(fault.status)] += 1
            return fault


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the counts of each database; return 1 if one of them is not as it has to be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), action="append")
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--faults", type=float, default=0.2, help="Share of requests that fail.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="Keep the data folders.")
    given = parser.parse_args(arguments)
    options = Options(given.calls, given.kills, given.faults, given.seed)
    folder = Path(tempfile.mkdtemp(prefix="rapport-chaos-"))
    is_right = True
    try:
        for kind in given.database or ("sqlite", "postgresql"):
            with database(kind, folder / kind) as settings:
                is_right &= run(kind, settings, folder / kind, options)
    finally:
        if given.keep:
            sys.stdout.write(f"kept: {folder}\n")
        else:
            shutil.rmtree(folder)
    return int(not is_right)


def run(kind: str, settings: dict[str, str], data_dir: Path, options: Options) -> bool:
    """Put all calls through on one database; return whether everything is as it has to be."""
    began = time.monotonic()
    with ZoomStandIn() as zoom, SlackStandIn() as slack:
        names = add_meetings(zoom, data_dir / "made-up", options.calls)
        more = settings | {
            "TAKEOVER_S": str(TAKEOVER_S),
            "ANALYSIS__WORKERS": "2",
            "CALLS__MIN_DURATION_S": "5",
            "CALLS__TRANSCRIPT_WAIT_S": "0",
            "CALLS__INCLUDE_INTERNAL": "true",
        }
        processes = [RapportProcess(data_dir, zoom, slack, more)]
        if kind == "postgresql":
            processes.append(RapportProcess(data_dir, zoom, slack, more, "worker"))
        try:
            for process in processes:
                process.start()
            processes[0].wait_until_ready()
            zoom.faults = RandomFaults(options.faults, options.seed)
            slack.faults = RandomFaults(options.faults, options.seed + 1)
            announcing = threading.Thread(target=announce, args=(zoom, processes[0].url, names))
            announcing.start()
            kill_some(processes, options)
            announcing.join()
            statuses = wait_for_end(settings, data_dir, len(names))
            faults = zoom.faults.counts + slack.faults.counts
        finally:
            for process in processes:
                with suppress(AssertionError):
                    process.kill()
        requests = sum(faults.values())
        sys.stdout.write(
            f"{kind}: {len(names)} calls announced {ANNOUNCEMENTS} times, {options.kills} kills, "
            f"{requests - faults['none']} of {requests} requests to Zoom and Slack failed, "
            f"{time.monotonic() - began:.0f} s\n"
        )
        return check(settings, data_dir, statuses, len(names), slack)


def announce(zoom: ZoomStandIn, url: str, names: list[str]) -> None:
    """Deliver the webhook of each call until it is accepted, several times, in a mixed order."""
    deliveries = names * ANNOUNCEMENTS
    random.Random(3).shuffle(deliveries)
    for name in deliveries:
        while True:
            with suppress(httpx.HTTPError):
                if zoom.send(f"{url}/webhooks/zoom", name).status_code == 204:
                    break
            time.sleep(0.5)  # the service is restarting; Zoom would wait for minutes


def kill_some(processes: list[RapportProcess], options: Options) -> None:
    """Kill a process at a random moment and start it again, as often as the options say."""
    chance = random.Random(options.seed)
    for number in range(options.kills):
        time.sleep(chance.uniform(*KILL_AFTER_S))  # so that kills meet every step
        process = processes[number % len(processes)]
        process.kill()
        process.start()


def wait_for_end(settings: dict[str, str], data_dir: Path, calls: int) -> Counter[str]:
    """Wait until every call has ended, or for half an hour; return how many have which status."""
    engine = open_database(settings, data_dir)
    deadline = time.monotonic() + END_TIMEOUT_S
    while True:
        rows = query(engine, "SELECT status, count(*) FROM calls GROUP BY status")
        statuses = Counter({str(status): int(count) for status, count in rows})
        is_over = statuses["done"] + statuses["failed"] + statuses["skipped"] == calls
        if (is_over and not left_to_do(engine)) or time.monotonic() > deadline:
            engine.dispose()
            return statuses
        time.sleep(1.0)  # between two looks at the database: calls take minutes


def left_to_do(engine: Engine) -> int:
    """Return how many edits and PDFs still wait for their next try."""
    return int(query(engine, "SELECT count(*) FROM call_notes WHERE retry_at IS NOT NULL")[0][0])


def check(
    settings: dict[str, str],
    data_dir: Path,
    statuses: Counter[str],
    calls: int,
    slack: SlackStandIn,
) -> bool:
    """Print what became of the calls; return whether it is what was promised."""
    engine = open_database(settings, data_dir)
    without_reason = query(
        engine, "SELECT id FROM calls WHERE status = 'failed' AND coalesce(failure, '') = ''"
    )
    reasons = query(
        engine, "SELECT failure, count(*) FROM calls WHERE status = 'failed' GROUP BY failure"
    )
    posts = [message for message in slack.messages if not message.is_reply]
    pdfs = Counter(file.thread_ts for file in slack.files)
    keys = Counter(str((message.metadata or {}).get("event_payload")) for message in posts)
    twice = [key for key, count in keys.items() if count > 1]
    pdfs_twice = sum(count > 1 for count in pdfs.values())
    ended = statuses["done"] + statuses["failed"]
    failed = {
        call_id for (call_id,) in query(engine, "SELECT id FROM calls WHERE status = 'failed'")
    }
    media = media_left(data_dir)
    left = [path for path in media if not failed.intersection(path.parts)]
    engine.dispose()
    sys.stdout.write(
        f"  done {statuses['done']}, failed {statuses['failed']}, other "
        f"{statuses.total() - ended}, unknown {calls - statuses.total()}; "
        f"failed without a reason {len(without_reason)}\n"
        f"  messages {len(posts)}, calls with more than one {len(twice)}, "
        f"PDFs {sum(pdfs.values())}, calls with more than one {pdfs_twice}\n"
        f"  recordings left {len(left)}, and {len(media) - len(left)} of failed calls, "
        "kept a week\n"
    )
    for reason, count in reasons:
        sys.stdout.write(f"  {count} × {reason}\n")
    sys.stdout.flush()
    return (
        ended == calls
        and not without_reason
        and len(posts) == calls
        and not twice
        and sum(pdfs.values()) == statuses["done"]
        and not pdfs_twice
        and not left
    )


if __name__ == "__main__":
    sys.exit(main())
