"""The benchmark of naming in small: made recordings in, the right names or none out."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.attribution import Bench, Cell
from inference.attribution.evaluation.metrics import AttributionEvaluation


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return _bench(tmp_path_factory.mktemp("short"), seconds=24)


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return _bench(tmp_path_factory.mktemp("long"), seconds=150)


def _bench(folder: Path, seconds: float) -> Bench:
    return Bench(folder, seconds, people=None, faces=None, seed=0, fps=4)


def _shares(found: AttributionEvaluation) -> dict[str, float]:
    shares = found.naming.shares()
    assert None not in shares.values(), "no face of anybody was found"
    return {name: share or 0.0 for name, share in shares.items()}


@pytest.mark.parametrize("scenario", ["gallery_changes", "speaker_strip", "share_gallery"])
def test_labels_name_everybody_in_every_layout(short: Bench, scenario: str) -> None:
    found = short.measure(Cell(scenario, labels=True))
    assert _shares(found)["right"] >= 0.97
    assert _shares(found)["wrong"] < 0.005
    assert not found.swaps


def test_moving_mouths_name_who_speaks_in_a_gallery_without_labels(long: Bench) -> None:
    found = long.measure(Cell("gallery", "360p", labels=False))
    assert found.speakers is not None
    assert (found.speakers.shares()["right"] or 0) >= 0.85
    assert _shares(found)["wrong"] < 0.01


def test_a_speaker_view_names_people_without_labels(long: Bench) -> None:
    found = long.measure(Cell("speaker", "360p", labels=False))
    assert _shares(found)["right"] >= 0.95


def test_nobody_is_named_without_labels_or_a_timeline(long: Bench) -> None:
    found = long.measure(Cell("gallery", "360p", labels=False, told="nothing"))
    assert _shares(found)["unknown"] == 1.0


@pytest.mark.parametrize(
    "scenario",
    ["unknown_names", "exchanged_names", "bright", "mirrored", "upside_down", "rotated", "tiny"],
)
def test_bad_pictures_and_bad_lists_never_give_a_wrong_name(short: Bench, scenario: str) -> None:
    found = short.measure(Cell(scenario))
    assert _shares(found)["wrong"] < 0.005
