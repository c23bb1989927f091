"""Targets, schedule, calibration and the random changes of training, on tiny tensors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.expression.training.augment import AugmentOptions, augment, mix, quantise_blocks
from inference.expression.training.calibrate import fit_temperature
from inference.expression.training.dataset import FaceSet
from inference.expression.training.recipe import TrainOptions, learning_rate_at, soft_targets

HERE = Path()


def two_faces() -> FaceSet:
    soft = np.full((2, 7), np.nan, np.float32)
    soft[0] = [0, 0, 0, 0.5, 0, 0, 0.5]
    no = np.zeros(2, bool)
    return FaceSet(np.zeros((2, 48, 48), np.uint8), np.array([3, 0]), soft, no, no)


def test_votes_are_mixed_into_the_target_where_there_are_any() -> None:
    targets = soft_targets(two_faces(), ferplus_share=0.4, smoothing=0.0)
    assert targets[0, 0].tolist() == pytest.approx([0, 0, 0, 0.8, 0, 0, 0.2])
    assert targets[0, 1].tolist() == pytest.approx([0, 0, 0, 0.5, 0, 0, 0.5])
    assert targets[1].tolist() == [[1, 0, 0, 0, 0, 0, 0]] * 2


def test_a_face_with_two_labels_learns_the_votes_alone() -> None:
    faces = replace(two_faces(), ambiguous=np.array([True, False]))
    targets = soft_targets(faces, ferplus_share=0.1, smoothing=0.0)
    assert targets[0, 0].tolist() == pytest.approx([0, 0, 0, 0.5, 0, 0, 0.5])


def test_smoothed_targets_still_sum_to_one() -> None:
    targets = soft_targets(two_faces(), ferplus_share=0.4, smoothing=0.1)
    assert targets.sum(2).numpy() == pytest.approx(np.ones((2, 2)))
    assert float(targets[:, 0].min()) == pytest.approx(0.1 / 7)


def test_the_learning_rate_rises_then_falls_to_almost_nothing() -> None:
    options = TrainOptions(HERE, HERE, epochs=10, learning_rate=0.1, warmup_epochs=1)
    rates = [learning_rate_at(step, 100, options, 10) for step in range(100)]
    assert rates[0] < rates[5] < rates[10] == pytest.approx(0.1)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 <= rates[-1] < 0.001


def test_a_larger_batch_learns_with_a_larger_rate() -> None:
    small = TrainOptions(HERE, HERE, batch=128)
    large = TrainOptions(HERE, HERE, batch=256)
    assert learning_rate_at(50, 100, large, 1) == 2 * learning_rate_at(50, 100, small, 1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_undoes_too_much_or_too_little_confidence(temperature: float) -> None:
    generator = torch.Generator().manual_seed(0)
    honest = torch.randn(4000, 7, generator=generator) * 2
    labels = torch.multinomial(torch.softmax(honest, 1), 1, generator=generator)[:, 0]
    assert fit_temperature(honest * temperature, labels) == pytest.approx(temperature, rel=0.08)


def test_changed_faces_keep_shape_and_range_and_repeat_with_the_same_seed() -> None:
    faces = torch.randint(0, 256, (40, 1, 48, 48)).float()
    options = AugmentOptions(erase=1.0, degrade=1.0)
    first = augment(faces, options, torch.Generator().manual_seed(5))
    again = augment(faces, options, torch.Generator().manual_seed(5))
    other = augment(faces, options, torch.Generator().manual_seed(6))
    assert first.shape == faces.shape
    assert float(first.min()) >= 0
    assert float(first.max()) <= 255
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_with_everything_off_faces_stay_as_they_are_apart_from_the_flip() -> None:
    still = AugmentOptions(
        flip=1.0, rotate_deg=0, scale=0, shift=0, squeeze=0, brightness=0, contrast=0, gamma=0,
        erase=0, degrade=0,
    )  # fmt: skip
    faces = torch.randint(0, 256, (4, 1, 48, 48)).float()
    changed = augment(faces, still, torch.Generator().manual_seed(0))
    assert torch.allclose(changed, faces.flip(3), atol=0.05)


def test_mixed_faces_have_targets_mixed_in_the_same_share() -> None:
    faces = torch.zeros(60, 1, 48, 48)
    faces[30:] = 200
    targets = (faces[:, 0, 0, :1] / 200)[:, :, None]
    mixed, shares = mix(faces, targets, AugmentOptions(mix=1.0), torch.Generator().manual_seed(2))
    assert mixed.mean((1, 2, 3)).numpy() / 200 == pytest.approx(shares[:, 0, 0].numpy(), abs=1e-5)
    assert float((shares - targets).abs().max()) <= 0.5 + 0.03
    unmixed, same = mix(faces, targets, AugmentOptions(mix=0.0), torch.Generator().manual_seed(2))
    assert torch.equal(unmixed, faces)
    assert torch.equal(same, targets)


def test_codec_blocks_keep_flat_areas_and_lose_detail() -> None:
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(2, 1, 48, 48, generator=generator) * 40 + 100
    coarse = quantise_blocks(noise, torch.tensor([40.0, 1.0]))
    assert float(coarse[0].std()) < 0.7 * float(noise[0].std())
    assert torch.allclose(coarse[1], noise[1], atol=4)
    flat = torch.full((1, 1, 48, 48), 120.0)
    assert torch.allclose(quantise_blocks(flat, torch.tensor([8.0])), flat, atol=1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"batch": 1},
        {"ferplus_share": 1.5},
        {"label_smoothing": 1.0},
        {"votes_share": -0.1},
        {"balance": 2.0},
        {"part": 0.0},
    ],
)
def test_options_that_cannot_work_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        TrainOptions(HERE, HERE, **wrong)  # type: ignore[arg-type]
