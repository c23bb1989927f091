"""Whoever may not be scored is hidden in the annotated recording, in every picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bot.annotated.recorder import Recorder, observer_options
from bot.annotated.redaction import wrongly_shown
from bot.annotated.running_names import naming_with, nothing_seen
from bot.calls.record import Evidence, name_people, score_evidence
from inference.analyzer import AnalyzerOptions
from inference.assess import AssessOptions
from inference.attribution.attribute import Identities
from inference.expression.batch_queue import DeviceQueue
from inference.observer import SeenSample
from inference.recording import Segment, observe_recording
from inference.schema.arrays import U8
from inference.schema.observations import Observations
from tests import media
from tests.integration.annotated.conftest import (
    BOX,
    LEFT,
    SIZE,
    Finder,
    annotate,
    detail,
    painted,
    pictures,
)


def test_while_nobody_is_known_every_face_is_hidden_in_every_picture(
    clip: Path, tmp_path: Path, queue: DeviceQueue
) -> None:
    options = AssessOptions(score_own_side=False)
    for held in (256_000_000, 1):
        made = annotate([clip], tmp_path / "out.mp4", queue, options, held_bytes=held)
        clearest = max(detail(old, face) for _, old in pictures(clip) for face in range(2))
        for at, new in pictures(made.path):
            for face in range(2):
                assert detail(new, face) < 0.12 * clearest, f"face {face} at {float(at):.2f} s"
        assert made.recorder.sightings() == ()


def left_is_theirs(seen: Observations) -> tuple[Observations, Identities]:
    """The left face, which is track 0, is a prospect's, any other our own side's."""
    faces, identities = naming_with(Evidence(nothing_seen(8.0)))(seen)
    left = next((tie.participant for tie in identities.attributions if tie.track == 0), -1)
    people = [
        replace(
            person,
            name=f"Nomen {k}",
            key=f"k{k}",
            is_named=True,
            side="prospect" if k == left else "rep",
            confidence=1.0,
        )
        for k, person in enumerate(identities.people)
    ]
    return faces, replace(identities, people=tuple(people))


def hiding(path: Path, out: Path, queue: DeviceQueue) -> tuple[Observations, Recorder]:
    options = AssessOptions(score_own_side=False)
    recorder = Recorder([path], out, left_is_theirs, options, 2.0)
    seen = observe_recording(
        [Segment(path)],
        observer_options(AnalyzerOptions(read_labels=False, assess=options)),
        queue,
        model="test-1",
        detector_factory=Finder,
        observer=recorder,
    )
    recorder.finish()
    return seen, recorder


def test_only_a_known_person_of_the_other_side_is_shown(
    clip: Path, tmp_path: Path, queue: DeviceQueue
) -> None:
    options = AssessOptions(score_own_side=False)
    seen, recorder = hiding(clip, tmp_path / "out.mp4", queue)
    clearest = max(detail(old, 0) for _, old in pictures(clip))
    shown = []
    for at, new in pictures(tmp_path / "out.mp4"):
        assert detail(new, 1) < 0.12 * clearest
        if detail(new, 0) > 0.5 * clearest:
            shown.append(float(at))
    assert 2 < min(shown) < 4, "from when the person was named"
    assert max(shown) - min(shown) > 1
    sightings = recorder.sightings()
    assert {round(at.x * SIZE[0] - LEFT - BOX / 2) // 20 for at in sightings} <= {-1, 0}
    told = name_people(Evidence(seen))
    # The call as a whole does not know who it is: what was shown is not borne out.
    assert wrongly_shown(score_evidence(told, options), sightings) is not None
    assert wrongly_shown(score_evidence(told, AssessOptions()), sightings) is None


def test_somebody_who_sits_down_beside_them_is_hidden_at_once(
    tmp_path: Path, queue: DeviceQueue
) -> None:
    one, both = painted(1), painted(2)

    def joined(number: int, width_px: int, height_px: int) -> U8:
        return (one if number < 130 else both)(number, width_px, height_px)

    path = media.write_clip(
        tmp_path / "in.mp4", seconds=8, width_px=SIZE[0], height_px=SIZE[1], paint=joined
    )
    hiding(path, tmp_path / "out.mp4", queue)
    clearest = max(detail(old, 0) for _, old in pictures(path))
    shown = []
    for at, new in pictures(tmp_path / "out.mp4"):
        assert detail(new, 1) < 0.12 * clearest, f"{float(at):.2f} s"
        shown.append(detail(new, 0) > 0.5 * clearest)
    assert sum(shown) > 50, "the other one is shown before and after"


class Unlooked:
    """An observer that does not get the samples between 3 and 6 s, as if those were damaged."""

    def __init__(self, recorder: Recorder) -> None:
        self.picture, self.between = recorder.picture, recorder.between
        self.stalled, self._recorder = recorder.stalled, recorder

    def sample(self, seen: SeenSample) -> None:
        if not 3 < seen.t_s < 6:
            self._recorder.sample(seen)


def test_pictures_that_nobody_looked_at_are_hidden(tmp_path: Path, queue: DeviceQueue) -> None:
    one, both = painted(1), painted(2)

    def passed_by(number: int, width_px: int, height_px: int) -> U8:
        return (both if 90 <= number < 140 else one)(number, width_px, height_px)

    path = media.write_clip(
        tmp_path / "in.mp4", seconds=8, width_px=SIZE[0], height_px=SIZE[1], paint=passed_by
    )
    options = AssessOptions(score_own_side=False)
    recorder = Recorder([path], tmp_path / "out.mp4", left_is_theirs, options, 2.0)
    observe_recording(
        [Segment(path)], observer_options(AnalyzerOptions(read_labels=False, assess=options)),
        queue, model="test-1", detector_factory=Finder, observer=Unlooked(recorder),
    )  # fmt: skip
    recorder.finish()
    clearest = max(detail(old, 0) for _, old in pictures(path))
    made = [
        (float(at), detail(new, 0), detail(new, 1)) for at, new in pictures(tmp_path / "out.mp4")
    ]
    assert max(right for _, _, right in made) < 0.12 * clearest
    assert all(left > 0.5 * clearest for at, left, _ in made if 6 <= at < 7.4), "then looked at"
