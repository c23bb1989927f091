"""The annotated recording of a stored call: made during its analysis, released by its scores.

It keeps a temporary name until the scores confirm that everyone it shows may be shown; then it
replaces an earlier one atomically. It is stored with the recording and deleted with it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from bot.annotated.encoder import AnnotateFailed
from bot.annotated.recorder import Recorder
from bot.annotated.redaction import wrongly_shown
from bot.annotated.running_names import naming_with
from bot.calls.privacy import assess_options, shows_everyone
from bot.calls.record import Evidence
from bot.settings import Settings
from bot.text import words
from inference.assess import AssessOptions
from inference.attribution.person_ids import Sighting
from inference.errors import InferenceError
from inference.observer import SeenSample
from inference.schema.analysis import CallAnalysis
from inference.schema.observations import Observations
from inference.video.picture import ObservedPicture
from storage.files import MediaFiles, write_atomically

log = logging.getLogger(__name__)

NAME, SHOWN = "annotated.mp4", "annotated.json"
WAITING, SHOWN_WAITING = "annotated.waiting.mp4", "annotated.waiting.json"
PART = "annotated.mp4.part"


class IsolatedObserver:
    """An observer whose failure ends the annotated recording but not the analysis."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self.failure = ""

    def picture(self, picture: ObservedPicture, is_over: Callable[[], bool]) -> None:
        """See `Observer`."""
        if not self.failure:
            self._recorder.picture(picture, is_over)

    def sample(self, seen: SeenSample) -> None:
        """See `Observer`."""
        self._try(lambda: self._recorder.sample(seen))

    def between(self, look: Callable[[], Observations]) -> None:
        """See `Observer`."""
        self._try(lambda: self._recorder.between(look))

    def stalled(self) -> None:
        """See `Observer`."""
        self._try(self._recorder.stalled)

    def finish(self) -> None:
        """Complete the file unless something failed."""
        self._try(self._recorder.finish)

    def _try(self, do: Callable[[], None]) -> None:
        if self.failure:
            return
        try:
            do()
        except AnnotateFailed as exc:
            self.failure = str(exc)
        except InferenceError:
            raise  # from the analysis itself, which `look` calls
        except Exception:  # The edge: whatever it is, it must not cost the call its analysis.
            log.exception("the annotated recording failed")
            self.failure = "It could not be made; Rapport's log has the cause."
        if self.failure:
            self._recorder.drop()


def is_wanted(settings: Settings) -> bool:
    """Return whether recordings are annotated: that is switched on, and recordings are kept."""
    return settings.analysis.annotate and settings.keep_recordings


def forget_unsettled(files: MediaFiles, call_id: str) -> None:
    """Delete what an earlier analysis left unreleased; a released recording stays."""
    folder = files.media_folder(call_id, make=False)
    for name in (WAITING, SHOWN_WAITING, PART):
        (folder / name).unlink(missing_ok=True)


@contextmanager
def annotating(
    files: MediaFiles,
    settings: Settings,
    call_id: str,
    paths: Sequence[Path],
    evidence: Evidence,
) -> Iterator[IsolatedObserver]:
    """Yield the observer for a call's analysis; afterwards the recording waits for the scores.

    Args:
        files: where the call's files are.
        settings: how recordings are sampled, and who may be shown.
        call_id: the call.
        paths: its video files.
        evidence: what is known before the first frame: side files, voices, corrections.
    """
    options = assess_options(settings)
    part = files.media_path(call_id, PART)
    recorder = Recorder(
        paths,
        part,
        naming_with(evidence),
        options,
        settings.analysis.samples_per_s,
        has_room=lambda: files.free_bytes() > settings.zoom.disk_reserve_bytes,
        max_pixels=settings.analysis.max_picture_pixels,
        has_boxes=settings.analysis.annotate_boxes,
    )
    observer = IsolatedObserver(recorder)
    try:
        yield observer
        observer.finish()
        if not observer.failure and part.is_file():
            shown = [asdict(at) for at in recorder.sightings()]
            text = json.dumps({"shows_all": shows_everyone(options), "shown": shown})
            write_atomically(files.media_path(call_id, SHOWN_WAITING), text.encode())
            part.replace(files.media_path(call_id, WAITING))
    finally:
        recorder.drop()
    if observer.failure:
        log.warning("call %s: no annotated recording: %s", call_id, observer.failure)


def settle(files: MediaFiles, call_id: str, analysis: CallAnalysis, options: AssessOptions) -> None:
    """Release a waiting annotated recording, and delete one that may no longer be shown."""
    folder = files.media_folder(call_id, make=False)
    for waiting, name in ((SHOWN_WAITING, SHOWN), (WAITING, NAME)):
        if (folder / WAITING).exists() and (folder / waiting).exists():
            (folder / waiting).replace(folder / name)
    if shows_everyone(options) or not (folder / NAME).exists():
        return
    shows_all, shown = _shown(folder / SHOWN)
    wrong = wrongly_shown(analysis, shown)
    if shows_all or wrong is not None:
        (folder / NAME).unlink(missing_ok=True)
        at = "" if wrong is None else f": the face at {words.clock(wrong.t_s)} may not be shown"
        log.warning("call %s: the annotated recording was deleted%s", call_id, at)


def find(files: MediaFiles, settings: Settings, call_id: str) -> Path | None:
    """Return the call's annotated recording, or None if there is none that may be shown."""
    folder = files.media_folder(call_id, make=False)
    path = folder / NAME
    if not path.is_file():
        return None
    if not shows_everyone(assess_options(settings)) and _shown(folder / SHOWN)[0]:
        return None
    return path


def why_missing(settings: Settings) -> str:
    """Return a sentence on why a call has no annotated recording, and what to do."""
    again = "then analyse the call again (POST /api/v1/calls/{id}/reanalyze)"
    if not settings.analysis.annotate:
        keeping = "" if settings.keep_recordings else " and RAPPORT_KEEP_RECORDINGS=true"
        return (
            "This call has no annotated recording: set RAPPORT_ANALYSIS__ANNOTATE=true"
            f"{keeping}, {again}."
        )
    if not settings.keep_recordings:
        return (
            "This call has no annotated recording, because recordings are not kept: set "
            f"RAPPORT_KEEP_RECORDINGS=true, {again}."
        )
    return (
        "This call has no annotated recording: the call was analysed before that was switched on "
        "or is not analysed yet, or the recording failed or was deleted and the log says why. "
        "Analyse the call again."
    )


def _shown(path: Path) -> tuple[bool, list[Sighting]]:
    """Return whether all faces are shown, and those noted; an unreadable file counts as all."""
    try:
        stored = json.loads(path.read_bytes())
        return bool(stored["shows_all"]), [Sighting(**row) for row in stored["shown"]]
    except (OSError, ValueError, KeyError, TypeError):
        return True, []
