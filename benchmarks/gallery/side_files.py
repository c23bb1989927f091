"""The recording's side files: TIMELINE, transcript, participants list, and the truth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from benchmarks.gallery.plan import Plan

STARTED_AT = datetime(2026, 9, 10, 13, 0, 5, tzinfo=UTC)
TIMELINE_LAG_S = (0.2, 0.6)
"""How late an entry is in the TIMELINE."""
SHORT_TURN_S, SHORT_TURN_LOST = 0.8, 0.6
"""Turns shorter than this are missing from the TIMELINE in this share of cases."""
CUE_S = 5.0
WORDS_PER_S = 2.4
FIRST_USER_ID = 16_778_240
USER_ID_STEP = 1024
"""Zoom's ids within a meeting ascend in steps of 1024 as people join."""

_TALK = (
    "well the notes came in on Monday and we looked at every one of them so I would say that the "
    "price is fine for one depot but not yet for six of them and my people still type all of it by "
    "hand which takes two days a week and that is what I want to get rid of before the spring if "
    "we can agree on the dates and on who calls whom when something breaks at night"
)


@dataclass(frozen=True, slots=True)
class Roster:
    """The side files' names and ids for the people of a plan."""

    plan: Plan
    user_ids: tuple[tuple[int, ...], ...]
    """One id per stay of each person, in the order of joining."""

    @staticmethod
    def of(plan: Plan) -> Roster:
        """Assign an id to every stay of everybody."""
        people = range(len(plan.scenario.people))
        joins = sorted(
            (start, who) for who in people for start, _ in plan.scenario.stays(who, plan.seconds)
        )
        ids: list[list[int]] = [[] for _ in people]
        for order, (_, who) in enumerate(joins):
            ids[who].append(FIRST_USER_ID + order * USER_ID_STEP)
        return Roster(plan, tuple(tuple(stays) for stays in ids))

    def name(self, who: int, at_s: float) -> str:
        """Return the display name at that time."""
        return self.plan.scenario.people[self.plan.holder(who, at_s)].name

    def user_id(self, who: int, at_s: float) -> int:
        """Return the id of the stay at that time; after the end, that of the last one."""
        stays = self.plan.scenario.stays(who, self.plan.seconds)
        began = sum(start <= at_s for start, _ in stays)
        return self.user_ids[who][max(0, began - 1)]


def timeline(roster: Roster, rng: np.random.Generator, shift_s: float = 0.0) -> dict[str, Any]:
    """Build Zoom's TIMELINE: an entry whenever the speakers change."""
    spans: list[tuple[float, float, int]] = []
    for turn in roster.plan.turns:
        is_short = turn.end_s - turn.start_s < SHORT_TURN_S
        late = [float(rng.uniform(*TIMELINE_LAG_S)) for _ in range(2)]
        if not (is_short and rng.random() < SHORT_TURN_LOST):
            spans.append((turn.start_s + late[0], turn.end_s + late[1], turn.who))
    edges = sorted({round(edge, 3) for start, end, _ in spans for edge in (start, end)})
    entries: list[dict[str, Any]] = []
    before: list[int] | None = None
    for at_s in edges:
        speaking = sorted({who for start, end, who in spans if start - 1e-3 <= at_s < end - 1e-3})
        if speaking == before or at_s + shift_s >= roster.plan.seconds:
            continue
        before = speaking
        users = [_timeline_user(roster, who, at_s) for who in speaking]
        entries.append({"ts": clock(at_s + shift_s), "users": users})
    return {"timeline": entries, "version": 100}


def _timeline_user(roster: Roster, who: int, at_s: float) -> dict[str, Any]:
    person = roster.plan.scenario.people[who]
    return {
        "username": roster.name(who, at_s),
        "multiple_people": False,
        "user_id": roster.user_id(who, at_s),
        "zoom_userid": f"demo_{who:02d}" if person.is_account else "",
        "client_type": 1,
        "email_address": person.email if person.is_account else "",
        "avatar_url": "",
    }


def transcript(roster: Roster, rng: np.random.Generator, shift_s: float = 0.0) -> str:
    """Build Zoom's transcript: WebVTT with the display name before the words."""
    cues: list[str] = []
    vocabulary = _TALK.split()
    for turn in roster.plan.turns:
        at_s = turn.start_s
        while at_s < turn.end_s - 0.2:
            end_s = at_s + CUE_S if turn.end_s - at_s > 1.3 * CUE_S else turn.end_s
            count = max(1, round((end_s - at_s) * WORDS_PER_S))
            first = int(rng.integers(len(vocabulary)))
            words = " ".join(vocabulary[(first + k) % len(vocabulary)] for k in range(count))
            said = "Mm-hm." if turn.is_aside else words[0].upper() + words[1:] + "."
            if at_s + shift_s < roster.plan.seconds:
                name = roster.name(turn.who, at_s)
                until = clock(min(end_s + shift_s, roster.plan.seconds))
                cues.append(f"{clock(at_s + shift_s)} --> {until}\n{name}: {said}\n")
            at_s = end_s
    numbered = (f"{number}\n{cue}" for number, cue in enumerate(cues, start=1))
    return "WEBVTT\n\n" + "\n".join(numbered)


def participants(roster: Roster) -> dict[str, Any]:
    """Build Zoom's list of past participants, a row per stay, and the recording's start."""
    rows = []
    for who, person in enumerate(roster.plan.scenario.people):
        for number, (start, end) in enumerate(roster.plan.scenario.stays(who, roster.plan.seconds)):
            rows.append(
                {
                    "id": f"demo_{who:02d}" if person.is_account else "",
                    "name": person.name,
                    "user_id": str(roster.user_ids[who][number]),
                    "user_email": person.email if person.is_account else "",
                    "join_time": wall_clock(start),
                    "leave_time": wall_clock(end),
                    "duration": round(end) - round(start),
                    "status": "in_meeting",
                    "internal_user": person.is_account,
                }
            )
    rows.sort(key=lambda row: (row["join_time"], int(str(row["user_id"]))))
    return {"start_time": wall_clock(0.0), "participants": rows}


def truth(plan: Plan) -> dict[str, Any]:
    """Build the truth: whose tile is where each second, every change, and who speaks when."""
    people = plan.scenario.people
    spoken = [round(plan.spoken_s(who), 2) for who in range(len(people))]
    faces = []
    for at_s in range(int(plan.seconds)):
        for tile in plan.stage(at_s).tiles:
            if tile.has_video:
                person = people[tile.who]
                row = {
                    "t_s": float(at_s),
                    "name": person.name,
                    "box": list(plan.finished_box(tile.box)),
                    "label": plan.label(tile.who, tile.box, at_s),
                    "speaks_s": spoken[tile.who],
                }
                faces.append(row | ({"people": person.faces} if person.faces > 1 else {}))
    layouts = [
        {
            "start_s": round(stage.start_s, 3),
            "end_s": round(stage.end_s, 3),
            "kind": stage.kind,
            "tiles": [list(plan.finished_box(tile.box)) for tile in stage.tiles],
            "names": [people[tile.who].name for tile in stage.tiles],
            "has_video": [tile.has_video for tile in stage.tiles],
        }
        for stage in plan.stages
    ]
    changes = [stage.start_s for stage in plan.stages[1:]]
    if plan.scenario.swaps_labels is not None:
        changes.append(plan.seconds / 2)
    return {
        "scenario": plan.scenario.name,
        "participants": [
            {"name": person.name, "side": person.side, "speaks_s": spoken[who]}
            for who, person in enumerate(people)
        ],
        "faces": faces,
        "layouts": layouts,
        "changes": [round(at_s, 3) for at_s in sorted(changes)],
        "speaking": [
            {
                "name": people[turn.who].name,
                "start_s": round(turn.start_s, 3),
                "end_s": round(turn.end_s, 3),
            }
            for turn in plan.turns
        ],
    }


def clock(at_s: float) -> str:
    """Format seconds as Zoom's HH:MM:SS.mmm."""
    ms = round(at_s * 1000)
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"


def wall_clock(at_s: float) -> str:
    """Format a time in the recording as Zoom's time of day: UTC, whole seconds."""
    return (STARTED_AT + timedelta(seconds=round(at_s))).strftime("%Y-%m-%dT%H:%M:%SZ")
