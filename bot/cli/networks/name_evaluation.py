"""`rapport evaluate attribution`: compares two JSON files; prints an object or a table."""

from __future__ import annotations

import json
from pathlib import Path

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from inference.attribution.evaluation.metrics import (
    AttributionEvaluation,
    Naming,
    evaluate_attribution,
)
from inference.attribution.evaluation.truth import WrongFile


def evaluate_files(truth: Path, result: Path) -> AttributionEvaluation:
    """Compare the files.

    Raises:
        WrongFile: one of them is missing, not JSON, or has the wrong shape.
    """
    return evaluate_attribution(_content(truth, "truth"), _content(result, "result"))


def print_evaluation(found: AttributionEvaluation, console: Console) -> None:
    """Print the figures as tables; a dash marks what the files do not contain."""
    console.print(evaluation_table(found))


def evaluation_table(found: AttributionEvaluation) -> RenderableType:
    """Return the figures by kind of face-second, with the overall figures below."""
    naming = Table("", "right", "wrong", "unknown", "face-seconds", box=box.SIMPLE_HEAD)
    _add(naming, "everybody", found.naming)
    if found.speakers is not None:
        _add(naming, "speakers of 20 s or more", found.speakers)
    for name in sorted(found.people):
        _add(naming, name, found.people[name])
    rest = Table.grid(padding=(0, 2))
    for what, value in (
        ("wrong with a confidence of 0.95 or more", _seconds(found.confidently_wrong_s)),
        ("named, but not a participant (counted as wrong)", _seconds(found.no_participant_named_s)),
        ("not a participant, not named", _seconds(found.no_participant_s)),
        ("no name in the truth, not named", _seconds(found.unnamed_s)),
        ("tiles where no face was found", _seconds(found.not_seen_s)),
        ("left out around changes", _seconds(found.left_out_s)),
        ("track swaps", "–" if found.swaps is None else str(found.swaps)),
        ("track swaps per hour", _number(found.swaps_per_h)),
        ("views with the right type", _share(found.kind_right)),
        ("views with the right layout", _share(found.layout_right)),
        ("names read right", _share(found.names_read_right)),
        ("names read wrong", _share(found.names_read_wrong)),
        ("seconds per minute of video, wall clock", _number(found.wall_s_per_min)),
        ("seconds per minute of video, CPU", _number(found.cpu_s_per_min)),
        ("naming's share of CPU time", _share(found.naming_share_of_cpu)),
    ):
        rest.add_row(what, Text(value, justify="right"))
    return Group(naming, rest)


def _add(table: Table, what: str, naming: Naming) -> None:
    shares = naming.shares()
    total_s = naming.right_s + naming.wrong_s + naming.unknown_s
    # As Text: a name may look like Rich's markup.
    readable = what.encode("utf-8", "replace").decode()  # half a surrogate pair cannot be printed
    table.add_row(
        Text(readable), *(_share(share, 2) for share in shares.values()), f"{total_s:.0f}"
    )


def _share(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:.{digits}%}"


def _seconds(value: float) -> str:
    return f"{value:.1f} s"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _content(path: Path, which: str) -> object:
    try:
        content: object = json.loads(path.read_bytes())
    except OSError as exc:
        raise WrongFile(f"The {which} {path} could not be read: {exc.strerror}.") from exc
    except (ValueError, RecursionError) as exc:
        raise WrongFile(f"The {which} {path} is not JSON.") from exc
    return content
