"""A whole small training and a whole evaluation, from files to files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from inference.errors import UnreadableMedia, WeightsInvalid
from inference.expression.architectures import ARCHITECTURES, build_network, start_from
from inference.expression.classifier import ExpressionClassifier, read_weights
from inference.expression.shipped import SHIPPED_WEIGHTS
from inference.expression.training.augment import AugmentOptions
from inference.expression.training.calibrate import predict_logits
from inference.expression.training.dataset import FaceSet, load_training_data
from inference.expression.training.evaluate import evaluate_expression
from inference.expression.training.model_card import describe_weights
from inference.expression.training.recipe import TrainOptions
from inference.expression.training.train import CHECKPOINT_NAME, Trainer, fit, train_expression
from inference.schema.arrays import EXPRESSIONS, U8

GENTLE = AugmentOptions(rotate_deg=3, scale=0.02, shift=0.02, erase=0.0, degrade=0.0, mix=0.0)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """PyTorch's threads wait for each other: on a machine busy with other tests that takes long."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def drawn_face(expression: int, rng: np.random.Generator) -> U8:
    """Not a face, but seven patterns that any network tells apart."""
    y, x = np.mgrid[:48, :48]
    wave = np.sin((x + rng.integers(-2, 3)) * (0.15 + 0.12 * expression)) * np.cos(y * 0.1)
    face: U8 = np.clip(127 + 90 * wave + rng.normal(0, 8, (48, 48)), 0, 255).astype(np.uint8)
    return face


@pytest.fixture(scope="module")
def faces_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "fer2013.csv"
    with path.open("w") as file:
        file.write("emotion,pixels,Usage\n")
        for usage, count in (("Training", 112), ("PublicTest", 35), ("PrivateTest", 35)):
            for i in range(count):
                pixels = " ".join(map(str, drawn_face(i % 7, rng).ravel()))
                file.write(f"{i % 7},{pixels},{usage}\n")
    return path


def options_for(data: Path, out: Path, epochs: int) -> TrainOptions:
    return TrainOptions(
        data, out, epochs=epochs, batch=16, learning_rate=0.4, device="cpu", augment=GENTLE,
        average_decay=0.9, dropout=0.0, architecture="compact",
    )  # fmt: skip


def test_training_learns_and_writes_weights_and_a_card_with_measured_numbers(
    faces_csv: Path, tmp_path: Path
) -> None:
    told: list[tuple[float, str]] = []
    path = train_expression(
        options_for(faces_csv, tmp_path, 5), lambda share, text: told.append((share, text))
    )
    assert [share for share, _ in told] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert "validation accuracy" in told[-1][1]
    classifier = ExpressionClassifier.load(path)
    accuracy = float(classifier.card.facts["accuracy_private_test"])
    assert accuracy > 0.6  # guessing gives 0.14
    card = path.with_suffix(".md").read_text()
    assert f"{100 * accuracy:.1f} ±" in card
    assert "Confusion" in card
    picture = path.with_name("expression-confusion.svg").read_text()
    assert all(f">{name}<" in picture for name in EXPRESSIONS)


def test_a_stopped_training_goes_on_as_if_it_had_not_been_stopped(
    faces_csv: Path, tmp_path: Path
) -> None:
    data = load_training_data(faces_csv)
    whole = fit(options_for(faces_csv, tmp_path / "whole", 2), data)

    class StoppedError(Exception):
        """Ctrl-C."""

    def stop(share: float, text: str) -> None:
        raise StoppedError

    halves = options_for(faces_csv, tmp_path / "halves", 2)
    with pytest.raises(StoppedError):
        fit(halves, data, stop)
    shares: list[float] = []
    resumed = fit(halves, data, lambda share, text: shares.append(share))
    assert shares == [1.0]
    for name, value in whole.average.state_dict().items():
        assert torch.allclose(value, resumed.average.state_dict()[name], atol=1e-3), name


def test_a_checkpoint_of_another_training_is_not_continued(faces_csv: Path, tmp_path: Path) -> None:
    data = load_training_data(faces_csv)
    first = options_for(faces_csv, tmp_path, 1)
    fit(first, data)
    with pytest.raises(WeightsInvalid, match="other training options"):
        fit(replace(first, balance=0.9), data)


def test_a_finished_training_can_be_given_more_epochs(faces_csv: Path, tmp_path: Path) -> None:
    data = load_training_data(faces_csv)
    fit(options_for(faces_csv, tmp_path, 1), data)
    assert [done.epoch for done in fit(options_for(faces_csv, tmp_path, 2), data).history] == [1, 2]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_learns_and_gives_probabilities(
    faces_csv: Path, architecture: str
) -> None:
    options = replace(options_for(faces_csv, faces_csv.parent, 1), architecture=architecture)
    trainer = Trainer(replace(options, part=0.15, learning_rate=0.01), few(faces_csv))
    before = {name: value.clone() for name, value in trainer.net.state_dict().items()}
    assert np.isfinite(trainer.run_epoch())
    assert any(not torch.equal(v, before[k]) for k, v in trainer.net.state_dict().items())
    logits = predict_logits(trainer.net, few(faces_csv).take(np.arange(3)), "cpu")
    assert logits.shape == (3, 2, 7)
    assert logits.softmax(2).sum(2).numpy() == pytest.approx(np.ones((3, 2)), abs=1e-5)


def few(faces_csv: Path) -> FaceSet:
    return load_training_data(faces_csv).training


def test_a_training_starts_from_weights_it_is_pointed_to(faces_csv: Path, tmp_path: Path) -> None:
    options = replace(options_for(faces_csv, tmp_path, 1), start_from=SHIPPED_WEIGHTS)
    shipped, card = read_weights(SHIPPED_WEIGHTS)
    net = Trainer(replace(options, architecture=card.architecture), few(faces_csv)).net
    own = net.state_dict()
    assert all(torch.equal(own[name], value) for name, value in shipped.state_dict().items())


def test_a_teacher_is_listened_to(faces_csv: Path, tmp_path: Path) -> None:
    """With nothing but the teacher in the targets, what it reads is what is learnt."""
    options = replace(options_for(faces_csv, tmp_path, 1), teachers=(SHIPPED_WEIGHTS,))
    trainer = Trainer(replace(options, teachers_share=1.0, balance=0.0), few(faces_csv))
    faces = trainer.images[:5][:, None].float()
    with torch.no_grad():
        taught = trainer.taught(faces, trainer.targets[:5])
    crops = faces[:, 0].numpy().astype(np.uint8)
    teacher, _ = read_weights(SHIPPED_WEIGHTS)
    with torch.no_grad():
        expected = teacher.eval()(torch.from_numpy(crops)[:, None].float()).softmax(2)
    assert taught.numpy() == pytest.approx(expected.numpy(), abs=1e-3)
    assert np.isfinite(trainer.run_epoch())


def test_colour_weights_of_a_resnet_start_a_grey_one(tmp_path: Path) -> None:
    net = build_network("transfer")
    path = tmp_path / "resnet50.safetensors"
    colour = torch.rand(64, 3, 7, 7)
    save_file({"conv1.weight": colour, "fc.weight": torch.rand(1000, 2048)}, path)
    assert start_from(net, path) == 1
    assert torch.allclose(net.state_dict()["conv1.weight"], colour.sum(1, keepdim=True))


def test_weights_of_which_nothing_fits_are_refused_as_a_start(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"encoder.weight": torch.rand(3, 3)}, path)
    with pytest.raises(WeightsInvalid, match="Nothing in"):
        start_from(build_network("compact"), path)


def test_a_weights_file_is_described_with_its_checksum(faces_csv: Path, tmp_path: Path) -> None:
    options = replace(options_for(faces_csv, tmp_path, 1), license="CC0", version="7")
    path = train_expression(options)
    found = describe_weights(path)
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (found.name, found.size_bytes) == ("expression-7", path.stat().st_size)
    assert found.fact("weights_license") == "CC0"
    assert "research use" in str(found.fact("data_license"))
    assert found.parameters == sum(p.numel() for p in build_network("compact").parameters())


@pytest.mark.parametrize("content", [b"", b"damaged"])
def test_a_damaged_checkpoint_says_to_delete_it(
    faces_csv: Path, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / CHECKPOINT_NAME).write_bytes(content)
    with pytest.raises(WeightsInvalid, match="delete it"):
        fit(options_for(faces_csv, tmp_path, 1), load_training_data(faces_csv))


@pytest.fixture(scope="module")
def shipped() -> ExpressionClassifier:
    return ExpressionClassifier.load()


def write_picture(path: Path, picture: U8) -> None:
    path.write_bytes(cv2.imencode(path.suffix, picture)[1].tobytes())


def test_crops_of_any_size_and_colour_are_evaluated_and_other_labels_counted(
    shipped: ExpressionClassifier, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    write_picture(tmp_path / "naïve 顔.png", rng.integers(0, 255, (120, 90, 3)).astype(np.uint8))
    write_picture(tmp_path / "b.jpg", rng.integers(0, 255, (20, 20)).astype(np.uint8))
    write_picture(tmp_path / "c.png", rng.integers(0, 255, (48, 48, 4)).astype(np.uint8))
    labels = tmp_path / "labels.csv"
    labels.write_text(
        "emotion,file\nHappy,naïve 顔.png\n neutral ,b.jpg\ncontempt,c.png\nSAD,c.png\n",
        encoding="utf-8",
    )
    found = evaluate_expression(tmp_path, labels, shipped, batch=2)
    assert (found.n, found.skipped) == (3, 1)
    assert sum(map(sum, found.confusion)) == 3
    assert [found.per_class[name].support for name in ("happy", "neutral", "sad")] == [1, 1, 1]
    assert found.to_json()["labels"] == list(EXPRESSIONS)


def test_only_unknown_labels_give_an_empty_evaluation(
    shipped: ExpressionClassifier, tmp_path: Path
) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("file,emotion\na.png,contempt\n")
    assert evaluate_expression(tmp_path, labels, shipped).to_json()["n"] == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"labels\.csv cannot be read"),
        ("file,label\na.png,happy\n", r"labels\.csv has no column emotion"),
        ("", r"labels\.csv has no column file and emotion"),
        ("file,emotion\na.png,happy\n", r"a\.png cannot be read"),
        ("file,emotion\nlabels.csv,happy\n", r"labels\.csv is not a picture"),
        ("file,emotion\n,happy\n", "cannot be read"),
    ],
)
def test_what_is_missing_for_an_evaluation_is_named(
    shipped: ExpressionClassifier, tmp_path: Path, text: str | None, message: str
) -> None:
    labels = tmp_path / "labels.csv"
    if text is not None:
        labels.write_text(text)
    with pytest.raises(UnreadableMedia, match=message):
        evaluate_expression(tmp_path, labels, shipped)
