"""A person says who somebody is: the message is edited, the report made again, the audit kept."""

from __future__ import annotations

import sqlite3
from typing import Any

from bot.demo.stand_ins.slack import SlackStandIn
from tests.acceptance.conftest import Rapport, wait_until
from tests.acceptance.test_whole_way import assert_reported_once


def people(service: Rapport, call: dict[str, Any]) -> dict[str, Any]:
    found = service.get(f"/calls/{call['id']}").json()
    return {person["name"]: person for person in found["participants"]}


def correct(service: Rapport, call: dict[str, Any], pid: str, **change: str) -> dict[str, Any]:
    answer = service.request("PATCH", f"/calls/{call['id']}/participants/{pid}", json=change)
    assert answer.status_code == 202, answer.text
    done: dict[str, Any] = answer.json()
    return done


def test_a_correction_edits_the_message_and_holds_when_the_call_is_analysed_again(
    rapport: Rapport, slack: SlackStandIn
) -> None:
    rapport.announce()
    call = rapport.wait_for("done")
    first_pdf = slack.files[0].content
    before = next(person for person in people(rapport, call).values() if not person["is_host"])

    done = correct(rapport, call, before["id"], name="Maria Okafor", side="prospect")
    assert done["workflow_id"] == f"{call['id']}.2"
    again = correct(rapport, call, before["id"], name="Maria Okafor", side="prospect")
    assert again["is_new"] is False
    rapport.wait_for("done", run=2)

    assert_reported_once(slack)
    assert slack.messages[0].edited
    assert "Maria Okafor" in str(slack.messages[0].blocks)
    assert slack.files[0].content != first_pdf
    maria = people(rapport, call)["Maria Okafor"]
    assert (maria["id"], maria["side"], maria["is_confirmed"]) == (before["id"], "prospect", True)
    audit = rapport.get(f"/calls/{call['id']}/corrections").json()["items"]
    assert [row["field"] for row in audit if row["new_value"] == "Maria Okafor"] == ["name"]

    assert rapport.request("POST", f"/calls/{call['id']}/reanalyze").status_code == 202
    rapport.wait_for("done", run=3)
    assert people(rapport, call)["Maria Okafor"]["id"] == before["id"]
    assert_reported_once(slack)

    assert rapport.request("DELETE", f"/calls/{call['id']}").status_code == 204
    assert rapport.get(f"/calls/{call['id']}/corrections").status_code == 404


def test_a_call_killed_in_its_second_run_ends_with_one_edited_message(
    embedded: Rapport, slack: SlackStandIn
) -> None:
    embedded.start()
    embedded.announce()
    call = embedded.wait_for("done")
    pid = next(iter(people(embedded, call).values()))["id"]
    slack.faults.delay("/api/chat.update", 3.0)

    correct(embedded, call, pid, name="Maria Okafor")
    wait_until(lambda: "run 2: notify …" in embedded.log, "the notify step")
    embedded.kill()
    embedded.start()

    embedded.wait_for("done", run=2)
    assert_reported_once(slack)
    assert slack.messages[0].edited
    assert "Maria Okafor" in str(slack.messages[0].blocks)
    assert embedded.log.count("run 2: store …") == 1, "finished steps are not repeated"


def test_corrections_made_during_a_run_are_reported_by_the_next(
    embedded: Rapport, slack: SlackStandIn
) -> None:
    embedded.start()
    embedded.announce()
    call = embedded.wait_for("done")
    first, second = list(people(embedded, call).values())[:2]
    slack.faults.delay("/api/chat.update", 2.0)

    correct(embedded, call, first["id"], name="Maria Okafor")
    wait_until(lambda: "run 2: notify …" in embedded.log, "the notify step")
    correct(embedded, call, second["id"], name="Lee Wu")

    embedded.wait_for("done", run=3)
    assert {"Maria Okafor", "Lee Wu"} <= people(embedded, call).keys()
    assert "Lee Wu" in str(slack.messages[0].blocks)
    assert_reported_once(slack)
    database = sqlite3.connect(embedded.data_dir / "rapport.db")
    kept = database.execute("SELECT count(*) FROM participant_corrections").fetchone()
    database.close()
    assert kept == (2,)


def test_a_correction_made_just_after_an_analysis_was_requested_is_part_of_it(
    embedded: Rapport, slack: SlackStandIn
) -> None:
    embedded.start()
    embedded.announce()
    call = embedded.wait_for("done")
    pid = next(iter(people(embedded, call).values()))["id"]

    asked = embedded.request("POST", f"/calls/{call['id']}/reanalyze").json()["workflow_id"]
    assert correct(embedded, call, pid, name="Maria Okafor")["workflow_id"] == asked

    embedded.wait_for("done", run=2)
    assert "run 2: analyse …" in embedded.log
    assert people(embedded, call)["Maria Okafor"]["is_confirmed"]
    assert_reported_once(slack)


def test_a_host_is_found_and_reported_under_the_corrected_name(
    embedded: Rapport, slack: SlackStandIn
) -> None:
    embedded.start()
    embedded.announce()
    call = embedded.wait_for("done")
    host = people(embedded, call)[call["host_name"]]

    correct(embedded, call, host["id"], name="Maria Okafor")
    embedded.wait_for("done", run=2)

    (found,) = embedded.get("/calls", participant="okafor").json()["items"]
    assert found["host_name"] == "Maria Okafor"
    assert call["host_name"] not in str(slack.messages[0].blocks)
