"""Each kind of evidence names rightly alone; contradictions and bad input name nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from inference.attribution.attribute import Identities, attribute
from inference.schema.meeting import RosterEntry, SpeakerTurn, TranscriptLine
from inference.schema.observations import NameLabel, Observations, View
from tests.unit.attribution.test_attribute import (
    NAMES,
    converse,
    following_call,
    gallery_call,
    names_by_track,
    plain_call,
    shifted,
)

FULL_NAMES = ["Ann Lee", "Bob Stone", "Cy Young", "Di Prima", "Ed Wood", "Flo Hyman"]
ROSTER = [RosterEntry(name) for name in FULL_NAMES]


def labelled(
    call: Observations, texts: Sequence[str], first: int = 0, end: int | None = None
) -> Observations:
    """The call with a name drawn on each tile of its first view."""
    end = len(call.t_s) if end is None else end
    labels = [NameLabel(first, end, 0, tile, text, 0.9) for tile, text in enumerate(texts) if text]
    return replace(call, labels=call.labels + tuple(labels))


def silent_gallery(faces: int, samples: int = 240) -> Observations:
    """Faces that show nothing but themselves, each in a tile of its own."""
    call = plain_call([(k, 0, samples) for k in range(faces)], samples)
    tiles = call.views[0].tiles[:faces]
    return replace(call, views=(replace(call.views[0], tiles=tiles),))


def with_cameras(
    call: Observations, cameras: Sequence[int], has_video: Sequence[bool]
) -> Observations:
    view = replace(
        call.views[0], cameras=np.array(cameras, np.int32), has_video=np.array(has_video, np.bool_)
    )
    return replace(call, views=(view, *call.views[1:]))


def room_of_two() -> Observations:
    """Two faces in the left tile, one in the right."""
    call = plain_call([(0, 0, 240), (1, 0, 240), (2, 0, 240)], 240)
    box = call.faces.box.copy()
    box[call.faces.track == 0] = (5, 200, 85, 300)
    box[call.faces.track == 1] = (100, 200, 180, 300)
    box[call.faces.track == 2] = (240, 200, 330, 300)
    view = replace(call.views[0], tiles=call.views[0].tiles[:2])
    return replace(call, faces=replace(call.faces, box=box), views=(view,))


def confidences(identities: Identities) -> dict[int, float]:
    return {a.track: a.confidence for a in identities.attributions}


class TestEachKindAlone:
    def test_labels_name_faces_that_never_speak(self) -> None:
        texts = ["Ann Lee", "Bob Stone (Guest)", "Cy You…"]
        identities = attribute(labelled(silent_gallery(3), texts), [], [], ROSTER)
        assert names_by_track(identities) == {0: "Ann Lee", 1: "Bob Stone", 2: "Cy Young"}
        assert min(confidences(identities).values()) >= 0.95

    def test_mouths_name_faces_without_a_label(self) -> None:
        turns = converse(np.random.default_rng(0), 240, NAMES[:3])
        call = gallery_call(0, 240, NAMES[:3], turns)
        assert names_by_track(attribute(call, turns, [], [])) == dict(enumerate(NAMES[:3]))

    def test_a_persons_own_sound_file_names_where_the_turns_are_someone_elses(self) -> None:
        rng = np.random.default_rng(0)
        voices = converse(rng, 240, NAMES[:3])
        call = gallery_call(0, 240, NAMES[:3], voices)
        foreign = converse(rng, 240, NAMES[:3])
        identities = attribute(call, foreign, [], [], voices)
        assert names_by_track(identities) == dict(enumerate(NAMES[:3]))

    def test_a_picture_that_follows_the_speaker_names_cameras_without_a_mouth(self) -> None:
        turns = converse(np.random.default_rng(0), 400, NAMES[:3], mean_s=12)
        call, owners = following_call(0, 400, turns)
        call.faces.mouth_opening[:] = np.nan
        cameras = [NAMES.index(owners[track]) for track in range(len(call.views))]
        views = [
            replace(view, cameras=np.array([camera], np.int32))
            for view, camera in zip(call.views, cameras, strict=True)
        ]
        found = names_by_track(attribute(replace(call, views=tuple(views)), turns, [], []))
        assert set(found.items()) <= set(owners.items())
        assert len(found) >= 0.9 * len(call.views)

    def test_neither_labels_nor_turns_name_nobody(self) -> None:
        turns = converse(np.random.default_rng(0), 240, NAMES[:3])
        call = gallery_call(0, 240, NAMES[:3], turns)
        identities = attribute(call, [], [], [RosterEntry(name) for name in NAMES])
        assert {person.is_named for person in identities.people} == {False}

    def test_nobody_is_named_after_a_person_who_was_not_in_the_call_yet(self) -> None:
        late = [replace(ROSTER[0], stays=((90.0, 120.0),)), *ROSTER[1:]]
        identities = attribute(labelled(silent_gallery(2), ["Ann Lee", "Bob Stone"]), [], [], late)
        assert names_by_track(identities) == {1: "Bob Stone"}

    def test_who_comes_back_is_one_person_with_two_cameras(self) -> None:
        call = plain_call([(0, 0, 40), (1, 60, 120)], 120)
        tile = call.views[0].tiles[:1]
        box = call.faces.box.copy()
        box[:, 0], box[:, 2] = 40, 130
        views = (View(0, 50, "gallery", tile), View(50, 120, "gallery", tile))
        labels = (NameLabel(0, 50, 0, 0, "Ann Lee", 0.9), NameLabel(50, 120, 1, 0, "Ann Lee", 0.9))
        call = replace(call, views=views, labels=labels, faces=replace(call.faces, box=box))
        identities = attribute(call, [], [], ROSTER)
        assert [person.name for person in identities.people] == ["Ann Lee"]
        assert len(identities.attributions) == 2


class TestContradictions:
    def test_a_label_and_a_mouth_of_different_people_leave_the_face_unnamed(self) -> None:
        turns = converse(np.random.default_rng(0), 400, FULL_NAMES[:2])
        call = gallery_call(0, 400, FULL_NAMES[:2], turns)
        crossed = labelled(call, [FULL_NAMES[1], FULL_NAMES[0]])
        assert names_by_track(attribute(crossed, turns, [], ROSTER)) == {}

    def test_a_label_and_a_mouth_that_agree_are_surer_than_either(self) -> None:
        turns = converse(np.random.default_rng(0), 240, FULL_NAMES[:3])
        call = gallery_call(0, 240, FULL_NAMES[:3], turns)
        both = attribute(labelled(call, FULL_NAMES[:3]), turns, [], ROSTER)
        alone = attribute(call, turns, [], ROSTER)
        assert names_by_track(both) == dict(enumerate(FULL_NAMES[:3]))
        assert min(confidences(both).values()) > min(confidences(alone).values())

    def test_two_tiles_with_one_name_at_the_same_time_are_both_unnamed(self) -> None:
        call = labelled(silent_gallery(2), ["Ann Lee", "Ann Lee"])
        assert names_by_track(attribute(call, [], [], ROSTER)) == {}

    def test_two_people_of_one_name_stay_unnamed_where_only_labels_tell(self) -> None:
        both = [RosterEntry("Ann Lee", "k1"), RosterEntry("Ann Lee", "k2")]
        call = labelled(silent_gallery(2), ["Ann Lee", "Ann Lee"])
        assert names_by_track(attribute(call, [], [], both)) == {}


class TestProperties:
    def test_renaming_people_changes_names_alone(self) -> None:
        turns = converse(np.random.default_rng(5), 240, NAMES[:3])
        call = gallery_call(5, 240, NAMES[:3], turns)
        new = {"Ann": "Zoe Quill", "Bob": "Yan Hu", "Cy": "Xi Ma"}
        renamed = [replace(turn, speaker=new[turn.speaker]) for turn in turns]
        before, after = attribute(call, turns, [], []), attribute(call, renamed, [], [])
        assert after.attributions == before.attributions
        assert [new.get(p.name, p.name) for p in before.people] == [p.name for p in after.people]

    def test_the_order_of_turns_and_roster_does_not_matter(self) -> None:
        turns = converse(np.random.default_rng(5), 240, FULL_NAMES[:3])
        call = labelled(gallery_call(5, 240, FULL_NAMES[:3], turns), ["", "Bob Stone", ""])
        forth = attribute(call, turns, [], ROSTER)
        back = attribute(call, turns[::-1], [], ROSTER[::-1])
        assert names_by_track(back) == names_by_track(forth)
        assert list(confidences(back).values()) == pytest.approx(list(confidences(forth).values()))

    def test_faces_seen_together_never_have_one_name(self) -> None:
        rng = np.random.default_rng(9)
        for seed in range(8):
            turns = converse(rng, 120, FULL_NAMES[:3])
            faces = [FULL_NAMES[k] for k in rng.integers(0, 3, 4)]
            texts = [FULL_NAMES[k] if rng.random() < 0.5 else "" for k in rng.integers(0, 3, 4)]
            call = labelled(gallery_call(seed, 120, faces, turns), texts)
            named = list(names_by_track(attribute(call, turns, [], ROSTER)).values())
            assert len(named) == len(set(named))


class TestRooms:
    def test_faces_of_a_room_have_no_name_but_tell_the_room(self) -> None:
        known = [RosterEntry("Conference Room"), RosterEntry("Ann Lee")]
        call = labelled(room_of_two(), ["Conference Room", "Ann Lee"])
        identities = attribute(call, [], [], known)
        assert names_by_track(identities) == {2: "Ann Lee"}
        in_room = [person for person in identities.people if person.room]
        assert [person.name for person in in_room] == [
            "Person 1 (Conference Room)",
            "Person 2 (Conference Room)",
        ]
        assert {(p.room, p.is_named, p.confidence) for p in in_room} == {
            ("Conference Room", False, 0.0)
        }

    def test_a_room_nobody_can_name_has_people_without_a_room(self) -> None:
        identities = attribute(room_of_two(), [], [], ROSTER)
        assert [person.name for person in identities.people] == ["Person 1", "Person 2", "Person 3"]


class TestWithoutVideo:
    def test_a_name_on_a_tile_without_video_is_a_person_who_is_there(self) -> None:
        call = with_cameras(silent_gallery(1), [0], [True])
        tiles = np.array([[0, 0, 190, 700], [200, 0, 390, 700]], np.float32)
        view = View(
            0, 240, "gallery", tiles, np.array([0, 1], np.int32), np.array([True, False], np.bool_)
        )
        call = labelled(replace(call, views=(view,)), ["Ann Lee", "Bob Stone"])
        people = {p.name: p for p in attribute(call, [], [], ROSTER).people}
        assert people["Bob Stone"].camera_off_s == pytest.approx(120.0)
        ((start_s, end_s),) = people["Bob Stone"].camera_off
        assert [start_s, end_s] == pytest.approx([0.0, 120.0])
        assert (people["Ann Lee"].camera_off_s, people["Ann Lee"].camera_off) == (0.0, ())

    def test_without_word_of_video_nothing_is_told(self) -> None:
        call = labelled(silent_gallery(1), ["Ann Lee"])
        (ann,) = attribute(call, [], [], ROSTER).people
        assert ann.camera_off_s is None


class TestBadInput:
    def test_turns_of_another_meeting_leave_labels_their_say(self) -> None:
        rng = np.random.default_rng(0)
        call = gallery_call(0, 240, FULL_NAMES[:3], converse(rng, 240, FULL_NAMES[:3]))
        foreign = converse(rng, 240, FULL_NAMES[:3])
        identities = attribute(labelled(call, ["Ann Lee", "", ""]), foreign, [], ROSTER)
        assert names_by_track(identities) == {0: "Ann Lee"}

    def test_turns_shifted_by_minutes_leave_labels_their_say(self) -> None:
        turns = converse(np.random.default_rng(1), 400, FULL_NAMES[:3])
        call = labelled(gallery_call(1, 400, FULL_NAMES[:3], turns), ["", "Bob Stone", ""])
        identities = attribute(call, shifted(turns, 150, 400), [], ROSTER)
        assert names_by_track(identities) == {1: "Bob Stone"}

    def test_names_that_match_nobody_name_nobody(self) -> None:
        call = labelled(silent_gallery(3), ["Quentin Vos", "iPad von Ute", "Anneliese Kahn"])
        assert names_by_track(attribute(call, [], [], ROSTER)) == {}

    def test_a_label_of_somebody_else_keeps_the_only_one_on_the_roster_from_the_only_face(
        self,
    ) -> None:
        call = labelled(plain_call([(0, 0, 40)]), ["Quentin Vos"])
        assert names_by_track(attribute(call, [], [], ROSTER[:1])) == {}

    def test_two_people_who_exchange_names_midway_are_not_named_by_labels(self) -> None:
        call = labelled(silent_gallery(2), ["Ann Lee", "Bob Stone"], 0, 120)
        call = labelled(call, ["Bob Stone", "Ann Lee"], 120, 240)
        assert names_by_track(attribute(call, [], [], ROSTER)) == {}

    def test_an_exchange_that_was_read_on_one_tile_alone_names_neither(self) -> None:
        call = labelled(silent_gallery(3), ["Bob Stone", "", "Cy Young"])
        call = labelled(call, ["", "Bob Stone"], 0, 120)
        call = labelled(call, ["", "Ann Lee"], 120, 240)
        assert names_by_track(attribute(call, [], [], ROSTER)) == {2: "Cy Young"}

    def test_turns_with_exchanged_names_name_nobody_wrongly(self) -> None:
        turns = converse(np.random.default_rng(2), 400, FULL_NAMES[:2])
        call = labelled(gallery_call(2, 400, FULL_NAMES[:2], turns), ["Ann Lee", "Bob Stone"])
        swap = {"Ann Lee": "Bob Stone", "Bob Stone": "Ann Lee"}
        late = [
            replace(turn, speaker=swap[turn.speaker]) if turn.start_s > 200 else turn
            for turn in turns
        ]
        found = names_by_track(attribute(call, late, [], ROSTER))
        assert set(found.items()) <= {(0, "Ann Lee"), (1, "Bob Stone")}

    def test_a_scrap_of_text_over_bright_video_does_not_unname_a_label(self) -> None:
        call = labelled(silent_gallery(2), ["Ann Lee", "Bob Stone"], 0, 200)
        call = labelled(call, ["|'~", "80b 5t0"], 200, 240)
        identities = attribute(call, [], [], ROSTER)
        assert names_by_track(identities) == {0: "Ann Lee", 1: "Bob Stone"}

    def test_letters_read_from_the_video_of_a_call_without_labels_do_not_unname_a_mouth(
        self,
    ) -> None:
        turns = converse(np.random.default_rng(0), 240, FULL_NAMES[:3])
        call = gallery_call(0, 240, FULL_NAMES[:3], turns)
        stray = NameLabel(0, 80, 0, 0, "bo", 0.74)
        identities = attribute(replace(call, labels=(stray,)), turns, [], ROSTER)
        assert names_by_track(identities) == dict(enumerate(FULL_NAMES[:3]))

    def test_a_pattern_read_as_two_letters_does_not_make_a_face_a_strangers(self) -> None:
        turns = converse(np.random.default_rng(0), 240, FULL_NAMES[:3])
        call = gallery_call(0, 240, FULL_NAMES[:3], turns)
        found = names_by_track(attribute(labelled(call, ["AS", "11", "da"]), turns, [], ROSTER))
        assert found == dict(enumerate(FULL_NAMES[:3]))

    def test_turns_of_people_who_are_not_in_the_picture_do_not_name_labelled_faces(self) -> None:
        turns = converse(np.random.default_rng(0), 240, FULL_NAMES[:3])
        call = gallery_call(0, 240, FULL_NAMES[:3], turns)
        call = labelled(call, ["Quentin Vos", "Ute Brahms", "Zoe Adeyemi"])
        assert names_by_track(attribute(call, turns, [], ROSTER)) == {}

    def test_nor_where_the_picture_follows_them(self) -> None:
        turns = converse(np.random.default_rng(0), 400, FULL_NAMES[:2], mean_s=12)
        call, owners = following_call(0, 400, turns)
        cameras = [FULL_NAMES.index(owners[track]) for track in range(len(call.views))]
        views = tuple(
            replace(view, cameras=np.array([camera], np.int32))
            for view, camera in zip(call.views, cameras, strict=True)
        )
        strangers = ["Quentin Vos", "Ute Brahms"]
        labels = tuple(
            NameLabel(view.start_sample, view.end_sample, k, 0, strangers[camera], 0.9)
            for k, (view, camera) in enumerate(zip(views, cameras, strict=True))
        )
        call = replace(call, views=views, labels=labels)
        assert names_by_track(attribute(call, turns, [], ROSTER)) == {}

    def test_one_speaker_of_another_meeting_is_not_the_only_face_of_a_gallery(self) -> None:
        turns = [SpeakerTurn(5.0 * k, 5.0 * k + 3, "Zed Ott") for k in range(20)]
        assert names_by_track(attribute(silent_gallery(1), turns, [], ROSTER)) == {}

    def test_names_of_the_transcript_are_known_too(self) -> None:
        lines = [TranscriptLine(1, 3, "Bob Stone", "Hello.")]
        turns = [SpeakerTurn(1, 3, "Ann Lee")]
        call = labelled(silent_gallery(2), ["Ann Lee", "Bob Stone"])
        found = names_by_track(attribute(call, turns, lines, []))
        assert found == {0: "Ann Lee", 1: "Bob Stone"}

    def test_turns_out_of_range_and_empty_names_do_no_harm(self) -> None:
        turns = [
            SpeakerTurn(-5, 2, ""), SpeakerTurn(9, 3, "Ann Lee"),
            SpeakerTurn(float("nan"), 4, "Bob Stone"), SpeakerTurn(1e6, 2e6, "Cy Young"),
        ]  # fmt: skip
        assert names_by_track(attribute(silent_gallery(2), turns, [], ROSTER)) == {}


def test_people_without_video_are_there_over_many_layouts() -> None:
    rng = np.random.default_rng(0)
    names = [f"{chr(65 + k)}{k:02d} Person" for k in range(25)]
    tiles = np.array([[180 * (k % 5), 100 * (k // 5)] * 2 for k in range(20)], np.float32)
    tiles[:, 2:] += (170, 90)
    off = np.zeros(20, np.bool_)
    views, labels = [], []
    for k in range(40):
        cameras = np.sort(rng.choice(25, 20, replace=False)).astype(np.int32)
        views.append(View(6 * k, 6 * k + 6, "gallery", tiles, cameras, off))
        labels += [
            NameLabel(6 * k, 6 * k + 6, k, tile, names[camera], 0.9)
            for tile, camera in enumerate(cameras)
        ]
    call = replace(plain_call([], 240), views=tuple(views), labels=tuple(labels))
    identities = attribute(call, [], [], [RosterEntry(name) for name in names])
    assert sorted(person.name for person in identities.people) == names
    assert all(person.camera_off_s for person in identities.people)
