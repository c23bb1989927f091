"""`rapport rescore`: stored calls are scored by another version from what was kept of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from bot.calls.record import Evidence, read_evidence, write_evidence
from bot.calls.stored import load_analysis
from bot.pipeline.rescoring import NotDone, request_rescore
from bot.pipeline.resources import Resources
from bot.pipeline.steps.store import store_call
from inference.schema.analysis import CallAnalysis
from inference.schema.meeting import RosterEntry, SpeakerTurn
from inference.schema.observations import NameLabel, Observations, View
from storage import calls
from storage.calls import corrections
from storage.engine import reading, transaction
from storage.schema.tables import Call, Participant
from tests.integration.pipeline.conftest import Service
from tests.unit.scoring.test_assess import identities, named, observed

TURNS = (SpeakerTurn(0, 40, "Ana", "Ana"), SpeakerTurn(80, 120, "Ben", "Ben"))


def seen() -> Observations:
    """Two minutes of two tiles with names: Ana smiles throughout, Ben in between."""
    faces = observed({1: "h" * 240, 2: "n" * 120 + "h" * 60 + "n" * 60})
    left, right = (0, 0, 320, 360), (320, 0, 640, 360)
    box = np.where(faces.faces.track[:, None] == 1, (100, 100, 200, 200), (420, 100, 520, 200))
    view = View(
        0, 240, "gallery", np.array([left, right], np.float32), np.arange(2, dtype=np.int32),
        np.ones(2, np.bool_),
    )  # fmt: skip
    labels = tuple(NameLabel(0, 240, 0, k, name, 1.0) for k, name in enumerate(("Ana", "Ben")))
    columns = replace(faces.faces, box=box.astype(np.float32))
    return replace(faces, faces=columns, views=(view,), labels=labels)


def told() -> Evidence:
    return Evidence(
        observations=seen(),
        turns=TURNS,
        roster=(RosterEntry("Ana", "Ana", "rep"), RosterEntry("Ben", "Ben")),
        identities=identities([named("Ana", "rep"), named("Ben")], {1: 0, 2: 1}),
        has_side_files=True,
    )


def hidden(resources: Resources) -> Resources:
    """The same service with a setting that leaves the own side unscored."""
    own = resources.settings.calls.model_copy(update={"score_own_side": False})
    return replace(resources, settings=resources.settings.model_copy(update={"calls": own}))


def stored(resources: Resources, version: int) -> str:
    """A call that an earlier version of the program stored as done, with that version's figures."""
    files = resources.files
    with transaction(resources.engine) as session:
        new = calls.NewCall("uuid==", "1", "Pilot", "ana@example.com", datetime.now(UTC))
        call_id = calls.announce(session, new).id
        calls.begin_run(session, call_id)
    write_evidence(files.series_path(call_id), replace(told(), scoring_version=version))
    store_call(resources, call_id)
    path = files.series_path(call_id)
    # As the earlier version left it: the file does not say by which version.
    write_evidence(path, replace(read_evidence(path), scoring_version=None))
    finish(resources, call_id)
    return call_id


def finish(resources: Resources, call_id: str) -> None:
    with transaction(resources.engine) as session:
        calls.set_status(session, call_id, "done")


def rescore(resources: Resources, call_id: str, version: int) -> int | None:
    """Ask for another version and run the step that the service would."""
    run = request_rescore(resources.engine, resources.files, call_id, version)
    if run is not None:
        store_call(resources, call_id)
        finish(resources, call_id)
    return run


def kept(resources: Resources, call_id: str) -> tuple[Call, CallAnalysis]:
    with reading(resources.engine) as session:
        call = calls.get_call(session, call_id)
    return call, load_analysis(resources.files, resources.settings, call)


def people(resources: Resources, call_id: str) -> list[Participant]:
    with reading(resources.engine) as session:
        return list(calls.get_participants(session, call_id))


def test_a_stored_call_follows_the_version_asked_for_and_back_again(service: Service) -> None:
    resources = service.resources
    call_id = stored(resources, 1)
    call, first = kept(resources, call_id)
    assert (call.scoring_version, first.scoring_version) == (1, 1)

    assert rescore(resources, call_id, 2) == 2
    call, second = kept(resources, call_id)
    assert (call.scoring_version, second.scoring_version) == (2, 2)
    assert first.call.engagement != second.call.engagement
    ana = people(resources, call_id)[0]
    assert ana.engagement == pytest.approx(0.825)
    assert ana.score is not None
    assert ana.score["basis"] == "listening"
    with reading(resources.engine) as session:
        assert corrections.waiting(session) == []

    assert rescore(resources, call_id, 1) == 3
    call, again = kept(resources, call_id)
    assert call.scoring_version == 1
    assert again.call == first.call
    assert again.participants[0].score == first.participants[0].score


def test_a_corrected_name_leaves_the_version_and_its_figures(service: Service) -> None:
    resources = service.resources
    call_id = stored(resources, 1)
    before = [person.engagement for person in people(resources, call_id)]
    store_call(resources, call_id)  # as after a correction
    assert kept(resources, call_id)[0].scoring_version == 1
    assert [person.engagement for person in people(resources, call_id)] == before


def test_an_analysis_that_is_lost_is_made_again_by_the_version_of_the_call(
    service: Service,
) -> None:
    resources = service.resources
    call_id = stored(resources, 1)
    first = kept(resources, call_id)[1]
    resources.files.analysis_path(call_id).unlink()
    assert kept(resources, call_id)[1].call == first.call


def test_what_a_setting_blanked_stays_blanked_in_every_version(service: Service) -> None:
    blind = hidden(service.resources)
    call_id = stored(blind, 1)
    assert rescore(blind, call_id, 2) == 2
    ana, ben = people(blind, call_id)
    assert (ana.engagement, ana.is_scored, ben.engagement is None) == (None, False, False)

    # Even with the setting gone, nothing is left to score.
    assert rescore(service.resources, call_id, 1) == 3
    ana, ben = people(service.resources, call_id)
    assert (ana.engagement, ana.is_blanked, ben.engagement is None) == (None, True, False)


def test_only_a_call_that_is_done_can_be_scored_again(service: Service) -> None:
    resources = service.resources
    call_id = stored(resources, 2)
    assert request_rescore(resources.engine, resources.files, call_id, 2) is None
    assert request_rescore(resources.engine, resources.files, call_id, 1) == 2
    with pytest.raises(NotDone, match="queued"):
        request_rescore(resources.engine, resources.files, call_id, 2)
