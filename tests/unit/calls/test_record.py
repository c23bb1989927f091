"""The evidence of a call: words join it as they come, and unscored faces leave it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bot.calls.manifest import MANIFEST, Manifest, SegmentFiles, read_manifest
from bot.calls.record import Evidence, name_people, read_evidence, score_evidence, write_evidence
from bot.calls.side_files import with_side_files
from bot.cli.recordings.local_files import SideFiles, with_local_sounds
from inference.assess import AssessOptions
from inference.attribution.corrections import Correction
from inference.attribution.person_ids import Sighting
from inference.schema.arrays import EXPRESSIONS
from inference.schema.meeting import RosterEntry, SpeakerTurn
from inference.schema.observations import FaceColumns, Observations, Quality
from storage.calls.column_file import read_columns, write_columns
from storage.errors import StorageError
from storage.files import MediaFiles

VTT = b"WEBVTT\n\n1\n00:00:02.000 --> 00:00:04.000\nDana: Shall we begin?\n"
CHAT = b"00:00:03\tSam:\tThe price list is here\n"
DURATION_S = 60.0


def observed() -> Observations:
    """One face, seen in every sample of a minute."""
    t_s = np.arange(0, DURATION_S, 0.5)
    count = len(t_s)
    ones = np.ones(count, np.float32)
    probs = np.full((count, len(EXPRESSIONS)), 1 / len(EXPRESSIONS), np.float32)
    faces = FaceColumns(
        sample=np.arange(count, dtype=np.int32),
        track=np.zeros(count, np.int32),
        box=np.tile(np.array([10, 10, 110, 110], np.float32), (count, 1)),
        confidence=ones,
        probs=probs,
        yaw_deg=0 * ones,
        pitch_deg=0 * ones,
        roll_deg=0 * ones,
        eye_opening=0.3 * ones,
        mouth_opening=0.1 * ones,
    )
    return Observations(t_s, 0.5, DURATION_S, 640, 360, faces, (), Quality(), "expression-1")


@pytest.fixture
def files(tmp_path: Path) -> MediaFiles:
    (tmp_path / "words.vtt").write_bytes(VTT)
    (tmp_path / "chat.txt").write_bytes(CHAT)
    return MediaFiles(tmp_path)


def test_a_late_transcript_joins_the_chat_that_came_before(files: MediaFiles) -> None:
    first = with_side_files(Evidence(observed()), Manifest((SegmentFiles(chat="chat.txt"),)), files)
    later = with_side_files(first, Manifest((SegmentFiles(transcript="words.vtt"),)), files)

    assert [(line.speaker, line.is_chat) for line in later.transcript] == [
        ("Dana", False),
        ("Sam", True),
    ]
    assert with_side_files(later, Manifest(()), files) == later, "a repeat changes nothing"


def test_words_of_a_second_segment_stand_after_the_first(files: MediaFiles) -> None:
    evidence = Evidence(observed(), segment_starts_s=(0.0, 30.0))
    manifest = Manifest((SegmentFiles(transcript="words.vtt"),) * 2)

    told = with_side_files(evidence, manifest, files)

    assert [line.start_s for line in told.transcript] == [2.0, 32.0]


def test_writing_in_the_chat_is_not_talk(files: MediaFiles) -> None:
    evidence = with_side_files(
        Evidence(observed()), Manifest((SegmentFiles(chat="chat.txt"),)), files
    )

    analysis = score_evidence(name_people(evidence), AssessOptions())

    assert analysis.call.talk_s == 0
    assert "Sam" not in [person.name for person in analysis.participants]


def test_evidence_survives_the_file(tmp_path: Path, files: MediaFiles) -> None:
    evidence = name_people(
        replace(
            Evidence(observed(), roster=(RosterEntry("Dana", "1", "rep", is_host=True),)),
            turns=(SpeakerTurn(1.0, 2.0, "Dana", "1"),),
        )
    )
    path = tmp_path / "series.npz"

    write_evidence(path, evidence)
    back = read_evidence(path)

    assert back.identities == evidence.identities
    assert (back.turns, back.roster) == (evidence.turns, evidence.roster)
    np.testing.assert_allclose(
        back.observations.faces.probs, evidence.observations.faces.probs, atol=1e-3
    )


def test_nothing_of_an_unscored_face_is_kept_and_the_name_stays() -> None:
    evidence = name_people(
        replace(
            Evidence(observed(), roster=(RosterEntry("Dana", "1", "rep"),)),
            turns=(SpeakerTurn(1.0, 20.0, "Dana", "1"),),
        )
    )
    options = AssessOptions(score_own_side=False)

    kept = replace(evidence, observations=score_evidence(evidence, options).observations)
    again = score_evidence(kept, options)

    assert np.isnan(kept.observations.faces.probs).all()
    assert np.isnan(kept.observations.faces.mouth_opening).all()
    assert [(p.name, p.side, p.is_scored) for p in again.participants] == [("Dana", "rep", False)]
    assert again.participants[0].score.engagement is None
    assert again.participants[0].score.talk.talk_s == pytest.approx(19.0)


def test_who_was_blanked_and_is_corrected_to_the_other_side_has_a_note_and_no_figure() -> None:
    evidence = name_people(
        replace(
            Evidence(observed(), roster=(RosterEntry("Dana", "1", "rep"),)),
            turns=(SpeakerTurn(1.0, 20.0, "Dana", "1"),),
        )
    )
    options = AssessOptions(score_own_side=False)
    kept = replace(evidence, observations=score_evidence(evidence, options).observations)
    said = Correction("side", "prospect", key="1", name="Dana")

    late = score_evidence(replace(kept, corrections=(said,)), options).participants[0]
    in_time = score_evidence(replace(evidence, corrections=(said,)), options).participants[0]

    assert (late.side, late.is_blanked, late.score.engagement) == ("prospect", True, None)
    assert (in_time.is_blanked, in_time.score.engagement is None) == (False, False)


def test_corrections_survive_the_file(tmp_path: Path) -> None:
    said = Correction("name", "Eve", name="Person 1", seen=(Sighting(1.5, 0.2, 0.3),))
    path = tmp_path / "series.npz"

    write_evidence(path, replace(name_people(Evidence(observed())), corrections=(said,)))

    assert read_evidence(path).corrections == (said,)


@pytest.mark.parametrize(
    "damage",
    [
        {"turns": None},
        {"turns": [{"begin": 1}]},
        {"attendees": ["Dana"]},
        {"observations": {"version": 99}},
        {"cast": {"people": 3}},
        {"corrections": [{}]},
        {"segment_starts_s": 0},
    ],
    ids=lambda damage: next(iter(damage)),
)
def test_a_damaged_file_says_to_analyse_again(tmp_path: Path, damage: dict[str, object]) -> None:
    path = tmp_path / "series.npz"
    write_evidence(path, name_people(Evidence(observed())))
    arrays, meta = read_columns(path)
    write_columns(path, arrays, meta | damage)

    with pytest.raises(StorageError, match=r"series\.npz.*analyse the call again"):
        read_evidence(path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"segments": [{"film": "a.mp4"}]}'])
def test_a_damaged_list_of_files_says_to_analyse_again(tmp_path: Path, text: str) -> None:
    files = MediaFiles(tmp_path)
    files.media_path("abc", MANIFEST).write_text(text)

    with pytest.raises(StorageError, match="analyse the call again"):
        read_manifest(files, "abc")


def test_a_folder_without_any_sound_is_told(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no sound")
    heard = with_local_sounds(Evidence(observed()), SideFiles(participant_audio=tmp_path))
    assert heard.voices == ()
    assert heard.observations.quality.notes == (
        f"The folder {tmp_path.name!r} contains no audio files.",
    )
