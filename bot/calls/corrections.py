"""People's corrections of who is who: checked against the call, and kept for the next run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Engine

from bot.calls.record import name_call, read_evidence
from inference.attribution.correction_requests import Refused, correction_for
from inference.attribution.corrections import Correction, NamedCall, apply_corrections
from inference.attribution.person_ids import person_ids
from storage import calls
from storage.calls import corrections
from storage.engine import reading, transaction
from storage.errors import Duplicate, Missing
from storage.files import MediaFiles
from storage.schema.tables import Call, Participant, ParticipantCorrection

TRIES = 5
"""A try fails if somebody else corrects the same call at the same moment."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """A participant as they will be reported. `run` is the run to start, or None."""

    pid: str
    name: str
    side: str
    is_new: bool
    """False if everything in the request was true already."""
    run: int | None
    current_run: int


def as_correction(row: ParticipantCorrection) -> Correction:
    """Return the stored correction in the form that the analysis applies."""
    return Correction.from_plain({"field": row.field, "value": row.new_value, **row.anchor})


def correct_participant(
    engine: Engine, files: MediaFiles, call_id: str, pid: str, changes: Mapping[str, str], by: str
) -> Corrected:
    """Store a correction of a participant, and number the run that reports the call again.

    A repeated correction is stored once. A run in progress applies the correction, or starts the
    next run when it ends.

    Args:
        engine: the database.
        files: where the call's evidence is stored.
        call_id: the call.
        pid: the participant's id, a former one, or the position as last reported.
        changes: "name" ("" removes it), "side" ("rep", "prospect" or "unknown"), or both; the name
            is applied first.
        by: who made the correction, for the audit log.

    Raises:
        Missing: there is no such call or participant.
        Refused: the call has no result to correct, or the correction contradicts what was seen.
        StorageError: the evidence is damaged, or the database did not respond.
    """
    for _ in range(TRIES):
        with reading(engine) as session:
            call = calls.get_call(session, call_id)
            people = calls.get_participants(session, call_id)
            made = [as_correction(row) for row in corrections.list_for_call(session, call_id)]
        known = len(made)
        named_call = _named_call(files, call)
        corrected = apply_corrections(named_call, made)
        index = _find(corrected, people, pid)
        said: list[corrections.NewCorrection] = []
        for field in ("name", "side"):
            if field not in changes:
                continue
            correction = correction_for(named_call, made, index, field, changes[field])
            if correction is None:
                continue
            ids = person_ids(corrected.observations, corrected.identities)[index]
            said.append(_row(correction, corrected, index, ids[0], by))
            made.append(correction)
            corrected = apply_corrections(named_call, made)
            index = _follow(corrected, ids, correction.value if field == "name" else None)
        try:
            run, current = _keep(engine, call_id, known, said)
        except Duplicate:
            continue
        person = corrected.identities.people[index]
        lasting = person_ids(corrected.observations, corrected.identities)[index][0]
        return Corrected(lasting, person.name, person.side, bool(said), run, current)
    raise Refused("Someone else is correcting this call right now: try again.")


def _named_call(files: MediaFiles, call: Call) -> NamedCall:
    if call.series_path is None:
        raise Refused("This call has no result yet to correct; its status says why.")
    evidence = read_evidence(files.resolve(call.series_path))
    if evidence.identities is None:
        again = (
            "is being analysed again" if call.status in calls.ACTIVE else "must be analysed again"
        )
        raise Refused(f"This call {again}: correct it when its status is “done”.")
    return name_call(evidence)


def _find(corrected: NamedCall, people: Sequence[Participant], pid: str) -> int:
    """Return the index of a participant among the identities."""
    row = next((row for row in people if str(row.position) == pid), None)
    identified = corrected.identities.people
    if (
        row is not None
        and not row.pid
        and [p.name for p in identified[row.position :][:1]] == [row.name]
    ):
        # Stored by an earlier version, which had no ids; the file has not changed since.
        return row.position
    wanted = row.pid if row is not None else pid
    every = person_ids(corrected.observations, corrected.identities)
    for ids in ([own[:1] for own in every], every):
        for index, own in enumerate(ids):
            if wanted in own:
                return index
    raise Missing("There is no such participant; GET /calls/{id} lists the ids.")


def _follow(corrected: NamedCall, ids: Sequence[str], name: str | None) -> int:
    """Return the index of the person with these ids: by the new name, else by the first id."""
    every = person_ids(corrected.observations, corrected.identities)
    found = [index for wanted in ids for index, own in enumerate(every) if wanted in own]
    for index in found:
        if name and corrected.identities.people[index].name.casefold() == name.casefold():
            return index
    return found[0]


def _row(
    correction: Correction, corrected: NamedCall, index: int, pid: str, by: str
) -> corrections.NewCorrection:
    person = corrected.identities.people[index]
    anchor = asdict(correction)
    field, value = str(anchor.pop("field")), str(anchor.pop("value"))
    old = person.name if field == "name" else person.side
    return corrections.NewCorrection(pid, field, old, value, anchor, by)


def _keep(
    engine: Engine, call_id: str, known: int, said: Sequence[corrections.NewCorrection]
) -> tuple[int | None, int]:
    """Store what is new; return the run to start, or None, and the number of the current run."""
    with transaction(engine) as session:
        calls.get_call(session, call_id)  # raises Missing if the call was deleted in the meantime
        if said:
            corrections.add(session, call_id, known, said)
            session.expire_all()
        # Even with nothing new: a run may have failed before it applied earlier corrections.
        is_due = calls.get_call(session, call_id).has_new_corrections
        run = calls.begin_run(session, call_id, force=True) if is_due else None
        call = calls.get_call(session, call_id)
    # A numbered run may not have been queued: the process may have died in between.
    if run is None and call.has_new_corrections and call.status == "queued":
        run = call.run
    return run, call.run
