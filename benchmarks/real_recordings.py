"""Compare what is seen in real Zoom recordings with what a person saw in them.

    python -m benchmarks.real_recordings FOLDER
    python -m benchmarks.real_recordings FOLDER --only desktop

The recordings cannot be published. `real_recordings.json` holds the truth, written by looking at
them: per file, by its SHA-256, how many people are seen, and what kind of picture is shown from
when to when, with the place of the presenter's thumbnail. Files it does not list are skipped.

"Wrong names" puts every word that can be read on the screens on the list of participants, once
alone and once beside a TIMELINE in which somebody else speaks throughout. None of these words is a
person, so every face named after one has a wrong name.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

from benchmarks.recording import analyse
from inference.analyzer import AnalyzerOptions
from inference.attribution.attribute import attribute
from inference.boxes import overlap
from inference.name_labels.ocr import MODEL_FILE, NO_TELEMETRY
from inference.schema.arrays import F32, U8
from inference.schema.meeting import RosterEntry, SpeakerTurn
from inference.schema.observations import Observations, View

TRUTH = Path(__file__).with_suffix(".json")
SAME_PLACE = 0.7
"""A thumbnail is found where the overlap (intersection over union) with the true one is larger."""
FOUND_WITHIN_S = 2.0
WORDS_EVERY_S = 10.0
MOST_WORDS = 200
FINDER_FILE = "PP-OCRv6_det_small.onnx"
"""In the wheel of rapidocr 3.10."""
SPEAKER = "Somebody Else"


@dataclass(frozen=True, slots=True)
class Span:
    """What a person saw from one time to another."""

    from_s: float
    to_s: float
    kind: str
    thumbnail: F32 | None


@dataclass(frozen=True, slots=True)
class Figures:
    """What was right in one recording."""

    name: str
    seconds: int
    right: int
    """Seconds whose kind of picture is right."""
    delays_s: tuple[float, ...]
    """How long after it appeared each thumbnail was found; infinite if never."""
    thumbnail_s: float
    kept_s: float
    """How long thumbnails were shown, and how long of it they were known."""
    words: int
    wrong_names: int
    people: int
    true_people: int


def main() -> None:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the recordings are")
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="files whose name has this in it"
    )
    given = parser.parse_args()
    truth = json.loads(TRUTH.read_text())
    rows: list[Figures] = []
    for path in sorted(given.folder.glob("*.mp4")):
        known = truth.get(hashlib.sha256(path.read_bytes()).hexdigest())
        if known is None:
            print(f"{path.name}: not in {TRUTH.name}, skipped")
        elif given.only in path.name:
            if not rows:
                print_head()
            rows.append(compare(path, known))
            print_row(rows[-1])
    if rows:
        print_sums(rows)
    else:
        print(f"skipped: there is no recording of {TRUTH.name} in {given.folder}")


def compare(path: Path, known: dict[str, Any]) -> Figures:
    """Return what was right in one recording."""
    seen = analyse(path, AnalyzerOptions())
    spans = [
        Span(span["from_s"], span["to_s"], span["kind"], _box(span.get("thumbnail")))
        for span in known["spans"]
    ]
    kinds = list(kinds_by_second(seen, spans))
    delays, shown_s, kept_s = thumbnails(seen, spans)
    words = sorted(words_of(path) | {label.text for label in seen.labels if label.text})
    identities = attribute(seen, (), (), ())
    return Figures(
        name=path.stem,
        seconds=len(kinds),
        right=sum(kinds),
        delays_s=tuple(delays),
        thumbnail_s=shown_s,
        kept_s=kept_s,
        words=len(words),
        wrong_names=wrong_names(seen, words),
        people=len({shown.participant for shown in identities.attributions}),
        true_people=known["people"],
    )


def kinds_by_second(seen: Observations, spans: list[Span]) -> Iterator[bool]:
    """Yield for every second within a span whether its kind of picture is right."""
    for second in range(int(seen.duration_s)):
        middle = second + 0.5
        span = next((s for s in spans if s.from_s <= middle < s.to_s), None)
        if span is not None:
            yield view_at(seen, middle).kind == span.kind


def thumbnails(seen: Observations, spans: list[Span]) -> tuple[list[float], float, float]:
    """Return how late each thumbnail was found, how long they were shown, and how long known."""
    delays, shown_s, kept_s = [], 0.0, 0.0
    for span in spans:
        if span.thumbnail is None:
            continue
        times = [t for t in seen.t_s.tolist() if span.from_s <= t < span.to_s]
        found = [t for t in times if _has_tile(view_at(seen, t), span.thumbnail)]
        delays.append(found[0] - span.from_s if found else float("inf"))
        shown_s += len(times) * seen.sample_interval_s
        kept_s += len(found) * seen.sample_interval_s
    return delays, shown_s, kept_s


def view_at(seen: Observations, t_s: float) -> View:
    """Return what was believed to be shown at a time."""
    sample = max(0, int(np.searchsorted(seen.t_s, t_s, side="right")) - 1)
    return next(view for view in seen.views if view.start_sample <= sample < view.end_sample)


def wrong_names(seen: Observations, words: list[str]) -> int:
    """Return how many people were named after a word on the screen, at worst."""
    roster = [RosterEntry(name=word) for word in words[:MOST_WORDS]]
    turn = SpeakerTurn(0.0, seen.duration_s, SPEAKER)
    counts = []
    for turns in ((), (turn,)):
        found = attribute(seen, turns, (), [*roster, RosterEntry(name=SPEAKER)])
        shown = {attribution.participant for attribution in found.attributions}
        people = [found.people[index] for index in shown]
        counts.append(sum(person.is_named and person.name != SPEAKER for person in people))
    return max(counts)


def words_of(path: Path) -> set[str]:
    """Return the lines of text that can be read in pictures of a recording."""
    os.environ[NO_TELEMETRY] = "1"
    import rapidocr

    models = Path(rapidocr.__file__).parent / "models"
    reader = rapidocr.RapidOCR(
        params={
            "Global.log_level": "error",
            "Global.use_cls": False,
            "Det.model_path": str(models / FINDER_FILE),
            "Rec.model_path": str(models / MODEL_FILE),
        }
    )
    words: set[str] = set()
    for picture in _pictures(path):
        found: Any = reader(picture)
        words.update(text.strip() for text in found.txts or () if len(text.strip()) > 2)
    return words


def print_head() -> None:
    """Print the names of the columns."""
    print(
        f"{'':22}{'kind right':>18}{'thumbnail':>12}{'known':>8}"
        f"{'words':>8}{'wrong names':>13}{'people':>8}{'true':>6}"
    )


def print_row(row: Figures) -> None:
    """Print what was right in one recording."""
    kind = f"{row.right} of {row.seconds} s"
    delay = ", ".join("never" if d == float("inf") else f"{d:.1f} s" for d in row.delays_s)
    kept = f"{row.kept_s / row.thumbnail_s:.0%}" if row.thumbnail_s else ""
    print(
        f"{row.name:22}{kind:>18}{delay:>12}{kept:>8}"
        f"{row.words:>8}{row.wrong_names:>13}{row.people:>8}{row.true_people:>6}",
        flush=True,
    )


def print_sums(rows: list[Figures]) -> None:
    """Print the figures over all recordings, beside the goals."""
    seconds, right = sum(r.seconds for r in rows), sum(r.right for r in rows)
    delays = [delay for row in rows for delay in row.delays_s]
    in_time = sum(delay <= FOUND_WITHIN_S for delay in delays)
    many = sum(row.people > row.true_people + 1 for row in rows)
    print(f"kind right in {right / seconds:.1%} of {seconds} s (goal: 90 %)")
    print(f"thumbnail found within {FOUND_WITHIN_S:.0f} s: {in_time} of {len(delays)}")
    print(f"wrong names: {sum(row.wrong_names for row in rows)} (goal: 0)")
    print(f"recordings with more than one person too many: {many} of {len(rows)} (goal: 0)")


def _pictures(path: Path) -> Iterator[U8]:
    """Yield a picture (BGR) every WORDS_EVERY_S seconds."""
    due = 1.0
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.video[0]):
            if frame.time is not None and frame.time >= due:
                due = frame.time + WORDS_EVERY_S
                yield np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


def _has_tile(view: View, place: F32) -> bool:
    return any(overlap(tile, place) > SAME_PLACE for tile in view.tiles)


def _box(edges: list[float] | None) -> F32 | None:
    return None if edges is None else np.array(edges, np.float32)


if __name__ == "__main__":
    main()
