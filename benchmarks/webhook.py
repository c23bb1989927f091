"""Measure how fast webhooks are answered while the service analyses two calls.

    python -m benchmarks.webhook                       # SQLite, then PostgreSQL if one answers
    python -m benchmarks.webhook --database sqlite --deliveries 2000 --at-once 4

Half of the deliveries repeat one that was sent before, and every first one starts a run (whose
recording Zoom turns out not to have), which is more work than any account causes. `rapport serve`
runs as a process with stand-ins for Zoom and Slack; PostgreSQL is the server of
RAPPORT_TEST_POSTGRES_URL, on which a database is made and dropped. At the end the inbox is read:
every answered delivery has to be in it.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from sqlalchemy import Engine

from benchmarks.clip import make_clip, repeat_clip
from benchmarks.service import database, open_database, query, wait_for
from bot.demo.process import RapportProcess
from bot.demo.stand_ins.slack import SlackStandIn
from bot.demo.stand_ins.zoom import ZoomStandIn
from bot.demo.stand_ins.zoom_meeting import FileFixture, MeetingFixture

ZOOM_LIMIT_S = 3.0
"""Zoom counts a delivery as failed after this long."""

GOAL_S = 0.3
ANALYSES = 2
CLIP_S, CLIP_TIMES = 8, 225
START_TIMEOUT_S, DECIDE_TIMEOUT_S = 120.0, 300.0


def main() -> int:
    """Print a table for each database; return 1 if a delivery was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), action="append")
    parser.add_argument("--deliveries", type=int, default=2000)
    parser.add_argument("--at-once", type=int, default=4, help="Deliveries sent at the same time.")
    options = parser.parse_args()
    is_complete = True
    with tempfile.TemporaryDirectory() as folder:
        clip = repeat_clip(
            make_clip(Path(folder) / "short.mp4", CLIP_S), Path(folder) / "long.mp4", CLIP_TIMES
        )
        for kind in options.database or ("sqlite", "postgresql"):
            with database(kind, Path(folder) / kind) as settings:
                is_complete &= measure(
                    kind, settings, Path(folder) / kind, clip, options.deliveries, options.at_once
                )
    return int(not is_complete)


def measure(
    kind: str,
    settings: dict[str, str],
    data_dir: Path,
    clip: Path,
    deliveries: int,
    at_once: int,
) -> bool:
    """Send the deliveries while two calls are analysed; return whether all are in the inbox."""
    with ZoomStandIn() as zoom, SlackStandIn() as slack:
        analysed = [meeting(f"analysed-{number}==", clip) for number in range(ANALYSES)]
        for each in analysed:
            zoom.add_meeting(each)
        bodies = made_deliveries(zoom, clip, deliveries)
        more = settings | {
            "ANALYSIS__WORKERS": str(ANALYSES),
            "CALLS__INCLUDE_INTERNAL": "true",
        }
        rapport = RapportProcess(data_dir, zoom, slack, more)
        rapport.start()
        try:
            rapport.wait_until_ready()
            address, log = rapport.url, rapport.log_path.read_text
            for each in analysed:
                zoom.send(f"{address}/webhooks/zoom", each.uuid)
            wait_for(lambda: log().count(": analyse …") >= ANALYSES, START_TIMEOUT_S, log)
            began = time.monotonic()
            answers = send(f"{address}/webhooks/zoom", zoom, bodies, at_once)
            sent_s = time.monotonic() - began
            is_busy = "analyse done" not in log()
            engine = open_database(settings, data_dir)
            kept = rows(engine)
            with suppress(TimeoutError):
                wait_for(lambda: not rows(engine)["pending"], DECIDE_TIMEOUT_S, log)
            undecided = rows(engine)["pending"]
            decided_s = time.monotonic() - began
            engine.dispose()
        finally:
            rapport.kill()
    statuses = Counter(status for status, _ in answers)
    seconds = np.array([each for _, each in answers])
    percentiles = np.percentile(seconds, (50, 95, 99, 100))
    lost = statuses[204] + ANALYSES - sum(kept.values())
    sys.stdout.write(
        f"{kind}: {len(answers)} deliveries, {at_once} at once, in {sent_s:.0f} s; two analyses "
        f"{'ran throughout' if is_busy else 'ENDED BEFORE THE LAST ONE'}\n"
        f"  answers {dict(statuses)}, lost {lost}, undecided after {decided_s:.0f} s: {undecided}\n"
        f"  ms: p50 {percentiles[0] * 1e3:.0f}, p95 {percentiles[1] * 1e3:.0f}, "
        f"p99 {percentiles[2] * 1e3:.0f} (goal {GOAL_S * 1e3:.0f}), "
        f"worst {percentiles[3] * 1e3:.0f}; over Zoom's {ZOOM_LIMIT_S:.0f} s: "
        f"{int((seconds > ZOOM_LIMIT_S).sum())}\n"
    )
    sys.stdout.flush()
    return lost == 0


def meeting(name: str, clip: Path) -> MeetingFixture:
    """Make a meeting of half an hour with one recording."""
    return MeetingFixture(
        uuid=name,
        topic="Offer",
        host_email="host@example.com",
        started_at=datetime.now(UTC) - timedelta(hours=1),
        duration_s=CLIP_S * CLIP_TIMES,
        files=[FileFixture(clip)],
    )


def made_deliveries(zoom: ZoomStandIn, clip: Path, count: int) -> list[bytes]:
    """Make bodies in a mixed order, half of them repeats, of recordings that Zoom does not have."""
    template = meeting("made-up==", clip)
    zoom.add_meeting(template)
    envelope: dict[str, Any] = json.loads(zoom.webhook_body(template.uuid))
    zoom.delete_recording(template.uuid)
    bodies = []
    for number in range(count // 2):
        envelope["payload"]["object"]["uuid"] = f"made-up-{number}=="
        for file in envelope["payload"]["object"]["recording_files"]:
            file["id"] = str(uuid.uuid4())
        bodies.append(json.dumps(envelope).encode())
    mixed = bodies * 2
    random.Random(1).shuffle(mixed)
    return mixed


def send(url: str, zoom: ZoomStandIn, bodies: list[bytes], at_once: int) -> list[tuple[int, float]]:
    """Send every body on a connection of its own, as Zoom does; return statuses and seconds."""
    certificates = httpx.create_ssl_context()  # slow to make, and not used

    def one(body: bytes) -> tuple[int, float]:
        headers = zoom.signed_headers(body)
        began = time.monotonic()
        try:
            with httpx.Client(timeout=60, trust_env=False, verify=certificates) as client:
                status = client.post(url, content=body, headers=headers).status_code
        except httpx.HTTPError:
            status = 0
        return status, time.monotonic() - began

    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(one, bodies))


def rows(engine: Engine) -> Counter[str]:
    """Count the rows of the inbox, as "pending" or "decided"."""
    counts: Counter[str] = Counter()
    for outcome, count in query(engine, "SELECT outcome, count(*) FROM inbox GROUP BY outcome"):
        counts["pending" if outcome == "pending" else "decided"] += count
    return counts


if __name__ == "__main__":
    sys.exit(main())
