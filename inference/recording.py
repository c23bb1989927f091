"""A recording's files in, observations out: the `Analyzer` fed from a file, or from several."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from inference.analyzer import Analyzer, AnalyzerOptions
from inference.expression.batch_queue import DeviceQueue
from inference.faces.detector import Detector
from inference.observer import Observer
from inference.schema.observations import Frame, Observations, Quality
from inference.video.reader import DecodeOptions, FrameReader, probe

Progress = Callable[[float, str], None]
_PROGRESS_EVERY = 20
"""Samples between two reports of progress."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of a recording that Zoom wrote in several."""

    path: Path


def observe_recording(
    segments: Sequence[Segment],
    options: AnalyzerOptions,
    queue: DeviceQueue,
    *,
    model: str,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
    detector_factory: Callable[[], Detector] | None = None,
    observer: Observer | None = None,
) -> Observations:
    """See all there is to see in a recording; its segments are laid end to end.

    Args:
        segments: the files in order of time, one or more.
        queue: shared by all calls of the process.
        model: name of the weights behind the queue, kept with the observations.
        progress: called from this thread with the share done (0–1) and a short text.
        stop: set it to end with `Cancelled` within a second or two.
        observer: follows the analysis; every picture is then decoded on the processor for it.

    Raises:
        UnreadableMedia: a file cannot be read, or too much of it is lost.
        NoVideoStream: a file holds no picture.
        Cancelled: the stop flag was set.
    """
    if not segments:
        raise ValueError("a recording has at least one segment")
    report = progress or _report_nothing
    expected_s = sum(probe(segment.path).duration_s or 0.0 for segment in segments)
    offset_s = 0.0
    qualities: list[tuple[Quality, float]] = []
    decoding = DecodeOptions(
        options.samples_per_s, device=options.decode_device, max_pixels=options.max_picture_pixels
    )
    if observer is not None:  # Its pictures wait in memory: as few samples as can be run ahead.
        decoding = replace(decoding, device="cpu", queue_frames=1)
    with Analyzer(
        options, queue, model=model, stop=stop, detector_factory=detector_factory, observer=observer
    ) as analyzer:
        for segment in segments:
            reader = _reader(segment.path, decoding, offset_s, stop, analyzer, observer)
            with closing(iter(reader)) as frames:
                analyzer.push(_observed(_reported(frames, expected_s, report), analyzer, observer))
            qualities.append((reader.quality, reader.duration_s))
            offset_s += reader.duration_s
        seen = analyzer.observations(_together(qualities), offset_s)
    report(1.0, f"{_clock(offset_s)} seen")
    return seen


def _reader(
    path: Path,
    decoding: DecodeOptions,
    offset_s: float,
    stop: threading.Event | None,
    analyzer: Analyzer,
    observer: Observer | None,
) -> FrameReader:
    if observer is None:
        return FrameReader(path, decoding, offset_s, stop=stop)

    def idle() -> None:
        analyzer.flush()
        observer.stalled()

    return FrameReader(path, decoding, offset_s, stop=stop, tap=observer.picture, idle=idle)


def _observed(
    frames: Iterable[Frame], analyzer: Analyzer, observer: Observer | None
) -> Iterable[Frame]:
    for frame in frames:
        yield frame
        if observer is not None:
            observer.between(analyzer.observations)


def _reported(frames: Iterable[Frame], expected_s: float, report: Progress) -> Iterable[Frame]:
    for count, frame in enumerate(frames):
        yield frame
        if count % _PROGRESS_EVERY == 0:
            share = min(1.0, frame.t_s / expected_s) if expected_s > 0 else 0.0
            report(share, f"{_clock(frame.t_s)} of {_clock(expected_s)} seen")


def _report_nothing(share: float, text: str) -> None:
    """Take progress that nobody asked for."""


def _clock(seconds: float) -> str:
    whole = int(seconds)
    hours = f"{whole // 3600}:" if whole >= 3600 else ""
    return f"{hours}{whole // 60 % 60:02d}:{whole % 60:02d}"


def _together(parts: Sequence[tuple[Quality, float]]) -> Quality:
    """Return the quality of several segments; their lost shares count by their lengths."""
    total_s = sum(duration_s for _, duration_s in parts)
    lost_s = sum(quality.lost_share * duration_s for quality, duration_s in parts)
    qualities = [quality for quality, _ in parts]
    return Quality(
        frames_decoded=sum(q.frames_decoded for q in qualities),
        frames_sampled=sum(q.frames_sampled for q in qualities),
        frames_lost=sum(q.frames_lost for q in qualities),
        lost_share=lost_s / total_s if total_s > 0 else 0.0,
        has_audio=any(q.has_audio for q in qualities),
        notes=tuple(note for q in qualities for note in q.notes),
    )
