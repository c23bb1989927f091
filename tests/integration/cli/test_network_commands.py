"""`rapport models`, `rapport train expression` and `rapport evaluate expression --data`."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

from bot.cli.app import app
from inference.expression.shipped import SHIPPED_WEIGHTS

Run = Callable[..., Result]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Use one thread: PyTorch's threads wait for each other, which is slow on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def rapport(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    for name in list(os.environ):
        if name.startswith("RAPPORT_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def run(*words: str | Path, **settings: str) -> Result:
        env = {"COLUMNS": "100"} | {f"RAPPORT_{name}": text for name, text in settings.items()}
        return CliRunner().invoke(app, [str(word) for word in words], env=env)

    return run


@pytest.fixture
def faces_csv(tmp_path: Path) -> Path:
    """Write noise in the format of Kaggle's fer2013.csv."""
    rng = np.random.default_rng(0)
    path = tmp_path / "fer2013.csv"
    with path.open("w") as file:
        file.write("emotion,pixels,Usage\n")
        for usage in ("Training", "PublicTest", "PrivateTest"):
            for i in range(14):
                pixels = " ".join(map(str, rng.integers(0, 256, 48 * 48)))
                file.write(f"{i % 7},{pixels},{usage}\n")
    return path


def test_models_prints_the_checksum_of_the_shipped_file(rapport: Run) -> None:
    shown = rapport("models")
    assert shown.exit_code == 0
    digest = hashlib.sha256(SHIPPED_WEIGHTS.read_bytes()).hexdigest()
    assert digest in shown.stdout.replace("\n", "").replace(" ", "")
    assert "(in use)" in shown.stdout


def test_models_lists_the_operators_weights_as_those_in_use(
    rapport: Run, faces_csv: Path, tmp_path: Path
) -> None:
    trained = rapport(
        "train", "expression", "--data", faces_csv, "--out", tmp_path / "own", "--epochs", "1",
        "--architecture", "compact", "--batch", "7", "--version", "9", "--license", "CC0-1.0",
        "--device", "cpu",
    )  # fmt: skip
    assert trained.exit_code == 0, trained.output
    own = tmp_path / "own" / "expression.safetensors"
    listed = json.loads(rapport("models", "--json", ANALYSIS__WEIGHTS=str(own)).stdout)
    assert [entry["in_use"] for entry in listed] == [False, True]
    assert listed[1]["name"] == "expression-9"
    assert listed[1]["weights_license"] == "CC0-1.0"
    assert listed[1]["sha256"] == hashlib.sha256(own.read_bytes()).hexdigest()
    assert set(listed[1]["accuracy"]) == {"public_test", "private_test"}


def test_models_names_missing_weights(rapport: Run, tmp_path: Path) -> None:
    refused = rapport("models", ANALYSIS__WEIGHTS=str(tmp_path / "none.safetensors"))
    assert refused.exit_code == 1
    assert "not found" in refused.stderr


def test_a_split_is_measured_with_intervals_curves_and_pictures(
    rapport: Run, faces_csv: Path, tmp_path: Path
) -> None:
    words = ("evaluate", "expression", "--data", faces_csv, "--curves")
    result = json.loads(rapport(*words, "--pictures", tmp_path / "pictures", "--json").stdout)
    assert result["rows"]["original"]["n"] == 14
    low, high = result["rows"]["original"]["intervals"]["accuracy"]
    assert low <= result["rows"]["original"]["accuracy"] <= high
    assert [point["at"] for point in result["curves"]["size"]] == [16, 24, 32, 48, 96]
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == [
        "confusion-private_test-original.svg", "quality-private_test.svg", "size-private_test.svg",
    ]  # fmt: skip
    assert "macro F1" in rapport(*words).stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("evaluate", "expression"), "Use either --images and --labels, or --data"),
        (("evaluate", "expression", "--data", "fer2013.csv", "--split", "exam"), "no exam"),
        (
            ("train", "expression", "--data", "fer2013.csv", "--out", "o", "--architecture", "vgg"),
            "There is no architecture 'vgg'",
        ),
    ],
)
def test_impossible_requests_are_refused_with_a_sentence(
    rapport: Run, faces_csv: Path, words: tuple[str, ...], message: str
) -> None:
    refused = rapport(*words)
    assert refused.exit_code == 1
    assert message in refused.stderr
