"""The figures of the service as Prometheus reads them (text format 0.0.4).

Counts are of this process since its start; what is in the database and the data folder is of the
whole installation.

Source of the format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from importlib import metadata
from types import TracebackType

from bot.monitoring.overview import Process, Queue
from integrations.errors import IntegrationError
from storage.schema.columns import utc_now

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

WEBHOOK_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0)
"""Zoom repeats a delivery that is not answered within three seconds."""
SERVICES = {"integrations.slack": "slack", "integrations.zoom": "zoom"}
STATUSES = ("queued", "running", "waiting", "done", "failed", "skipped")

Labels = Mapping[str, str]
Sample = tuple[str, Labels, float]


class Figures:
    """What this process counts. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._errors: Counter[tuple[str, str]] = Counter()
        self._webhooks: Counter[float] = Counter()
        self._webhook_count = 0
        self._webhook_s = 0.0

    def count_error(self, error: BaseException) -> None:
        """Count an error that Slack or Zoom caused; others are left alone."""
        service = _service(error.__traceback__) if isinstance(error, IntegrationError) else ""
        if service:
            with self._lock:
                self._errors[service, type(error).__name__] += 1

    def time_webhook(self, seconds: float) -> None:
        """Count a signed webhook that was answered, with the time it took."""
        with self._lock:
            self._webhook_count += 1
            self._webhook_s += seconds
            for bound in WEBHOOK_BUCKETS_S:
                self._webhooks[bound] += seconds <= bound

    def errors(self) -> list[Sample]:
        """Return the number of errors of each service and kind."""
        with self._lock:
            counted = sorted(self._errors.items())
        return [
            ("rapport_service_errors_total", {"service": service, "error": error}, count)
            for (service, error), count in counted
        ]

    def webhooks(self) -> list[Sample]:
        """Return the histogram of the webhooks' times."""
        name = "rapport_webhook_seconds"
        with self._lock:
            found: list[Sample] = [
                (f"{name}_bucket", {"le": f"{bound:g}"}, self._webhooks[bound])
                for bound in WEBHOOK_BUCKETS_S
            ]
            found.append((f"{name}_bucket", {"le": "+Inf"}, self._webhook_count))
            found.append((f"{name}_sum", {}, self._webhook_s))
            found.append((f"{name}_count", {}, self._webhook_count))
        return found


figures = Figures()
"""One per process, like its log."""


def _service(traceback: TracebackType | None) -> str:
    """Return which service's client raised an error, by the innermost frame of either."""
    found = ""
    while traceback is not None:
        module = str(traceback.tb_frame.f_globals.get("__name__", ""))
        for package, service in SERVICES.items():
            if module.startswith(package):
                found = service
        traceback = traceback.tb_next
    return found


def metrics_text(
    queue: Queue,
    processes: Iterable[Process],
    refused: Mapping[str, int],
    free_bytes: int,
    counted: Figures = figures,
) -> str:
    """Return all figures in Prometheus' text format."""
    oldest = queue.oldest_at
    age_s = 0.0 if oldest is None else max(0.0, (utc_now() - oldest).total_seconds())
    known = list(processes)
    up: list[Sample] = [
        ("rapport_process_up", {"process": each.name}, each.is_running) for each in known
    ]
    heartbeats: list[Sample] = [
        ("rapport_process_heartbeat_age_seconds", {"process": each.name}, each.heartbeat_age_s)
        for each in known
    ]
    families: list[tuple[str, str, str, list[Sample]]] = [
        ("rapport_info", "gauge", "The version that answers.",
         [("rapport_info", {"version": metadata.version("rapport")}, 1)]),
        ("rapport_calls", "gauge", "Calls in each status.",
         [("rapport_calls", {"status": s}, queue.counts.get(s, 0)) for s in STATUSES]),
        ("rapport_queue_length", "gauge", "Calls that wait for a worker.",
         [("rapport_queue_length", {}, len(queue.queued))]),
        ("rapport_queue_oldest_seconds", "gauge",
         "How long the call or webhook that has waited longest has waited; 0 if none does.",
         [("rapport_queue_oldest_seconds", {}, age_s)]),
        ("rapport_webhooks_pending", "gauge", "Stored webhooks that are not processed yet.",
         [("rapport_webhooks_pending", {}, queue.webhooks)]),
        ("rapport_webhook_seconds", "histogram",
         "Time until a signed webhook is stored and answered.", counted.webhooks()),
        ("rapport_webhooks_refused_total", "counter", "Webhooks refused since the start.",
         [("rapport_webhooks_refused_total", {"reason": reason}, count)
          for reason, count in sorted(refused.items())]),
        ("rapport_service_errors_total", "counter",
         "Errors of Slack and Zoom that this process met since its start.", counted.errors()),
        ("rapport_process_up", "gauge", "Whether a process of this installation runs.", up),
        ("rapport_process_heartbeat_age_seconds", "gauge", "Time since its last heartbeat.",
         heartbeats),
        ("rapport_disk_free_bytes", "gauge", "Free space on the data folder's disk.",
         [("rapport_disk_free_bytes", {}, free_bytes)]),
    ]  # fmt: skip
    lines = []
    for name, kind, meaning, samples in families:
        lines += [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
        lines += [
            f"{sample}{_labels(labels)} {float(value)!r}" for sample, labels, value in samples
        ]
    return "\n".join(lines) + "\n"


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items()) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
