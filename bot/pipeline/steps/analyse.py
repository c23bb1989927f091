"""Step 2: analyse the video, read the side files, listen to each person's own audio file.

Leaves the series file, which holds all results: the steps after this one need no media.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bot.annotated.lifecycle import NAME, annotating, forget_unsettled, is_wanted
from bot.annotated.recorder import observer_options
from bot.annotated.running_names import nothing_seen
from bot.calls.corrections import as_correction
from bot.calls.manifest import Manifest, read_manifest
from bot.calls.record import Evidence, write_evidence
from bot.calls.side_files import segment_spans, with_side_files
from bot.calls.stored import analyzer_options
from bot.calls.voices import SoundFile, known_names, with_voices
from bot.pipeline.progress import Progress
from bot.pipeline.resources import Resources
from inference.attribution.corrections import Correction
from inference.errors import NoVideoStream
from inference.observer import Observer
from inference.recording import Segment, observe_recording
from inference.schema.observations import Observations
from inference.video.reader import probe
from storage.calls import corrections
from storage.engine import reading

SAME_LENGTH_S = 1.0
"""Side files stay where they were placed if the recording is as long as its file said."""
LOOKING = 0.9
"""Share of the step's progress that the video takes if there are audio files to hear as well."""


def analyse_call(resources: Resources, call_id: str, progress: Progress) -> None:
    """Observe the recording's video and audio once the process has a free slot for the call.

    Raises:
        UnreadableMedia, NoVideoStream: the recording cannot be analysed.
    """
    manifest = read_manifest(resources.files, call_id)
    paths: list[Path] = []
    starts: list[float] = []
    total_s = 0.0
    for files in manifest.segments:
        starts.append(total_s)
        if files.video is not None:
            paths.append(resources.files.resolve(files.video))
            total_s += probe(paths[-1]).duration_s or 0.0
    if not paths:
        raise NoVideoStream(
            "The recording has no video file. Switch on gallery view in Zoom's recording settings."
        )
    options = analyzer_options(resources.settings)
    looking = LOOKING if any(files.participant_audio for files in manifest.segments) else 1.0

    def observe(observer: Observer | None = None) -> Observations:
        return observe_recording(
            [Segment(path) for path in paths],
            options if observer is None else observer_options(options),
            resources.queue,
            model=resources.model,
            progress=lambda share, text: progress(looking * share, text),
            stop=resources.stop,
            observer=observer,
        )

    def complete(observations: Observations, progress: Progress) -> Evidence:
        """Add the side files, and when each person is heard in their own audio file."""
        seen = Evidence(observations, segment_starts_s=tuple(starts))
        evidence = with_side_files(seen, manifest, resources.files)
        return _with_voices(resources, evidence, manifest, progress)

    with _place(resources, progress):
        forget_unsettled(resources.files, call_id)
        if is_wanted(resources.settings):
            # Who is heard when helps to name faces while they go by, so here it comes first.
            known = complete(nothing_seen(total_s), lambda share, text: progress(0.0, text))
            known = replace(known, corrections=_corrections(resources, call_id))
            with annotating(resources.files, resources.settings, call_id, paths, known) as observer:
                observations = observe(observer)
            if abs(observations.duration_s - total_s) <= SAME_LENGTH_S:
                notes = known.observations.quality.notes
                evidence = replace(known, observations=observations).with_notes(notes)
            else:  # The file did not tell its true length: only now can everything be placed.
                evidence = complete(observations, lambda share, text: progress(looking, text))
            if observer.failure:
                note = _not_annotated(resources, call_id, observer.failure)
                evidence = evidence.with_notes((note,))
        else:
            evidence = complete(
                observe(), lambda share, text: progress(looking + (1 - looking) * share, text)
            )
    write_evidence(resources.files.series_path(call_id), evidence)


def _corrections(resources: Resources, call_id: str) -> tuple[Correction, ...]:
    with reading(resources.engine) as session:
        return tuple(map(as_correction, corrections.list_for_call(session, call_id)))


def _not_annotated(resources: Resources, call_id: str, failure: str) -> str:
    if (resources.files.media_folder(call_id) / NAME).is_file():
        return (
            f"The annotated recording is from an earlier analysis; there is no new one: {failure}"
        )
    return f"There is no annotated recording: {failure}"


def _with_voices(
    resources: Resources, evidence: Evidence, manifest: Manifest, progress: Progress
) -> Evidence:
    """Listen to each person's own audio file; the side files have said who took part."""
    sounds = [
        SoundFile(
            resources.files.resolve(sound.path),
            sound.file_name,
            start_s + sound.starts_after_s,
            start_s,
            end_s,
        )
        for files, (start_s, end_s) in zip(
            manifest.segments, segment_spans(evidence, manifest), strict=True
        )
        for sound in files.participant_audio
    ]
    if not sounds:
        return evidence
    return with_voices(
        evidence, sounds, known_names(evidence), stop=resources.stop, progress=progress
    )


@contextmanager
def _place(resources: Resources, progress: Progress) -> Iterator[None]:
    while not resources.analysing.acquire(timeout=0.5):
        progress(0.0, "waiting for another call to be analysed")
    try:
        yield
    finally:
        resources.analysing.release()
