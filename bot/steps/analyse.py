"""Step 2: look at every picture of the recording; leaves the evidence file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.call_view import assess_options
from bot.evidence import Evidence, write_evidence
from bot.media import read_manifest
from bot.parts import Parts
from bot.progress import Progress
from inference.analyzer import AnalyzerOptions, Segment, observe_recording
from inference.decode import probe
from inference.errors import NoVideoStream


def analyse_call(parts: Parts, call_id: str, progress: Progress) -> None:
    """Observe the recording's pictures, one call per free place of the process.

    Raises:
        UnreadableMedia, NoVideoStream: the recording cannot be analysed.
    """
    manifest = read_manifest(parts.files, call_id)
    paths: list[Path] = []
    starts: list[float] = []
    total_s = 0.0
    for files in manifest.segments:
        starts.append(total_s)
        if files.video is not None:
            paths.append(parts.files.resolve(files.video))
            total_s += probe(paths[-1]).duration_s or 0.0
    if not paths:
        raise NoVideoStream(
            "The recording has no video file. Switch on gallery view in Zoom's recording settings."
        )
    settings = parts.settings.analysis
    options = AnalyzerOptions(
        samples_per_s=settings.samples_per_s,
        min_face_px=settings.min_face_px,
        assess=assess_options(parts.settings),
    )
    with _place(parts, progress):
        observations = observe_recording(
            [Segment(path) for path in paths],
            options,
            parts.queue,
            model=parts.model,
            progress=progress,
            stop=parts.stop,
        )
    write_evidence(
        parts.files.series_path(call_id), Evidence(observations, segment_starts_s=tuple(starts))
    )


@contextmanager
def _place(parts: Parts, progress: Progress) -> Iterator[None]:
    while not parts.analysing.acquire(timeout=0.5):
        progress(0.0, "waiting for another call to be analysed")
    try:
        yield
    finally:
        parts.analysing.release()
