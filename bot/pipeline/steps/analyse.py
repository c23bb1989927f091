"""Step 2: analyse the video, read the side files, listen to each person's own audio file.

Leaves the series file, which holds all results: the steps after this one need no media.
"""

from __future__ import annotations

from bot.analysis.recording_job import AnalyseRecording
from bot.annotated.lifecycle import is_wanted
from bot.calls.corrections import as_correction
from bot.pipeline.progress import Progress
from bot.pipeline.resources import Resources
from inference.attribution.corrections import Correction
from storage.calls import corrections
from storage.engine import reading


def analyse_call(resources: Resources, call_id: str, progress: Progress) -> None:
    """Observe the recording's video and audio, in the service in a process made for that.

    Raises:
        UnreadableMedia, NoVideoStream: the recording cannot be analysed.
        AnalysisCrashed: that process ended in the middle of it.
        Cancelled: the stop flag was set.
    """
    known = _corrections(resources, call_id) if is_wanted(resources.settings) else ()
    job = AnalyseRecording(call_id, resources.settings, known)
    resources.analysis.run(job, progress, resources.stop)


def _corrections(resources: Resources, call_id: str) -> tuple[Correction, ...]:
    with reading(resources.engine) as session:
        return tuple(map(as_correction, corrections.list_for_call(session, call_id)))
