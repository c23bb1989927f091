"""A call's recording analysed: pictures, side files, and each person's own sound.

Everything of the `analyse` step that reads media is here, because any of it may crash a library.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path

from bot.analysis.job import AnalysisResources, Progress
from bot.annotated.lifecycle import NAME, annotating, forget_unsettled, is_wanted
from bot.annotated.recorder import observer_options
from bot.annotated.running_names import nothing_seen
from bot.calls.manifest import Manifest, read_manifest
from bot.calls.record import Evidence, write_evidence
from bot.calls.side_files import segment_spans, with_side_files
from bot.calls.stored import analyzer_options
from bot.calls.voices import SoundFile, known_names, with_voices
from bot.settings import Settings
from inference.attribution.corrections import Correction
from inference.errors import NoVideoStream
from inference.observer import Observer
from inference.recording import Segment, observe_recording
from inference.schema.observations import Observations
from inference.video.reader import probe
from storage.files import MediaFiles

SAME_LENGTH_S = 1.0
"""Side files stay where they were placed if the recording is as long as its file said."""
LOOKING = 0.9
"""Share of the step's progress that the video takes if there are audio files to hear as well."""


@dataclass(frozen=True, slots=True)
class AnalyseRecording:
    """Observe a recording's video and audio as the settings say, and write the evidence file.

    `corrections` are people's changes to who is who, which the annotated recording shows.
    """

    call_id: str
    settings: Settings
    corrections: tuple[Correction, ...] = ()

    def run(self, resources: AnalysisResources, progress: Progress, stop: threading.Event) -> None:
        """Leave the evidence file, and the annotated recording if it is wanted.

        Raises:
            UnreadableMedia, NoVideoStream: the recording cannot be analysed.
            Cancelled: the stop flag was set.
        """
        call_id, files, settings = self.call_id, resources.files, self.settings
        manifest = read_manifest(files, call_id)
        paths: list[Path] = []
        starts: list[float] = []
        total_s = 0.0
        for segment in manifest.segments:
            starts.append(total_s)
            if segment.video is not None:
                paths.append(files.resolve(segment.video))
                total_s += probe(paths[-1]).duration_s or 0.0
        if not paths:
            raise NoVideoStream(
                "The recording has no video file. Switch on gallery view in Zoom's recording "
                "settings."
            )
        options = analyzer_options(settings)
        has_sounds = any(segment.participant_audio for segment in manifest.segments)
        looking = LOOKING if has_sounds else 1.0

        def observe(observer: Observer | None = None) -> Observations:
            return observe_recording(
                [Segment(path) for path in paths],
                options if observer is None else observer_options(options),
                resources.queue,
                model=resources.model,
                progress=lambda share, text: progress(looking * share, text),
                stop=stop,
                observer=observer,
            )

        def complete(observations: Observations, progress: Progress) -> Evidence:
            """Add the side files, and when each person is heard in their own audio file."""
            seen = Evidence(observations, segment_starts_s=tuple(starts))
            evidence = with_side_files(seen, manifest, files)
            return _with_voices(files, evidence, manifest, progress, stop)

        forget_unsettled(files, call_id)
        if is_wanted(settings):
            # Who is heard when helps to name faces while they go by, so here it comes first.
            known = complete(nothing_seen(total_s), lambda share, text: progress(0.0, text))
            known = replace(known, corrections=self.corrections)
            with annotating(files, settings, call_id, paths, known) as observer:
                observations = observe(observer)
            if abs(observations.duration_s - total_s) <= SAME_LENGTH_S:
                notes = known.observations.quality.notes
                evidence = replace(known, observations=observations).with_notes(notes)
            else:  # The file did not tell its true length: only now can everything be placed.
                evidence = complete(observations, lambda share, text: progress(looking, text))
            if observer.failure:
                note = _not_annotated(files, call_id, observer.failure)
                evidence = evidence.with_notes((note,))
        else:
            evidence = complete(
                observe(), lambda share, text: progress(looking + (1 - looking) * share, text)
            )
        write_evidence(files.series_path(call_id), evidence)


def _not_annotated(files: MediaFiles, call_id: str, failure: str) -> str:
    if (files.media_folder(call_id) / NAME).is_file():
        return (
            f"The annotated recording is from an earlier analysis; there is no new one: {failure}"
        )
    return f"There is no annotated recording: {failure}"


def _with_voices(
    files: MediaFiles,
    evidence: Evidence,
    manifest: Manifest,
    progress: Progress,
    stop: threading.Event,
) -> Evidence:
    """Listen to each person's own audio file; the side files have said who took part."""
    sounds = [
        SoundFile(
            files.resolve(sound.path),
            sound.file_name,
            start_s + sound.starts_after_s,
            start_s,
            end_s,
        )
        for segment, (start_s, end_s) in zip(
            manifest.segments, segment_spans(evidence, manifest), strict=True
        )
        for sound in segment.participant_audio
    ]
    if not sounds:
        return evidence
    return with_voices(evidence, sounds, known_names(evidence), stop=stop, progress=progress)
