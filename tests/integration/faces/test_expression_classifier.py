"""The shipped weights on the CPU, and what happens with files that are none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from inference.errors import DeviceOutOfMemory, InferenceError, WeightsInvalid
from inference.expression.architectures import ARCHITECTURES, build_network
from inference.expression.classifier import (
    HALF_MAY_DIFFER,
    ExpressionClassifier,
    read_weights,
)
from inference.expression.model import ExpressionNet
from inference.expression.shipped import SHIPPED_WEIGHTS
from inference.expression.training.dataset import load_grid, load_training_data
from inference.expression.training.evaluate import measure_splits
from inference.schema.arrays import EXPRESSIONS
from tests.places import SHARED_DATA

HEADER = {
    "name": "expression",
    "version": "9",
    "labels": json.dumps(list(EXPRESSIONS)),
    "input_px": "48",
    "temperature": "1.5",
}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """PyTorch's threads wait for each other: on a machine busy with other tests that takes long."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def shipped() -> ExpressionClassifier:
    return ExpressionClassifier.load()


def shared_grids() -> Path:
    """FER2013's grids, which are not part of the repository."""
    folder = SHARED_DATA / "fer2013"
    if not folder.is_dir():
        pytest.skip(f"FER2013 is not at {folder}; set RAPPORT_SHARED_DATA to the data folder")
    return folder


def test_every_face_gets_probabilities_that_sum_to_one(shipped: ExpressionClassifier) -> None:
    crops = np.random.default_rng(0).integers(0, 255, (5, 48, 48)).astype(np.uint8)
    probs = shipped.classify(crops)
    assert probs.shape == (5, 7)
    assert probs.dtype == np.float32
    assert probs.sum(1) == pytest.approx(np.ones(5), abs=1e-5)
    assert probs.min() >= 0


def test_no_faces_give_no_rows(shipped: ExpressionClassifier) -> None:
    assert shipped.classify(np.zeros((0, 48, 48), np.uint8)).shape == (0, 7)


def test_a_face_is_read_the_same_alone_and_in_a_batch(shipped: ExpressionClassifier) -> None:
    crops = np.random.default_rng(1).integers(0, 255, (9, 48, 48)).astype(np.uint8)
    together = shipped.classify(crops)
    alone = np.concatenate([shipped.classify(crops[i : i + 1]) for i in range(9)])
    # Sums in another order, in bfloat16 where the CPU has it: far below what a report shows.
    assert alone == pytest.approx(together, abs=0.01)


def test_light_and_exposure_hardly_change_the_reading(shipped: ExpressionClassifier) -> None:
    y, x = np.mgrid[:48, :48]
    face = (120 + 60 * np.sin(x / 5) * np.cos(y / 7)).astype(np.uint8)
    dimmed = (face * 0.5 + 20).astype(np.uint8)
    probs = shipped.classify(np.stack([face, dimmed]))
    # Half of the grey levels are lost, which is more than a shadow costs.
    assert probs[1] == pytest.approx(probs[0], abs=0.05)


def test_black_white_and_flat_crops_give_finite_numbers(shipped: ExpressionClassifier) -> None:
    crops = np.stack([np.full((48, 48), level, np.uint8) for level in (0, 128, 255)])
    assert np.isfinite(shipped.classify(crops)).all()


@pytest.mark.parametrize(
    "crops",
    [
        np.zeros((2, 32, 32), np.uint8),
        np.zeros((2, 48, 48, 3), np.uint8),
        np.zeros((2, 48, 48), np.float32),
    ],
)
def test_crops_of_another_form_are_refused(
    shipped: ExpressionClassifier, crops: np.ndarray
) -> None:
    with pytest.raises(ValueError, match="uint8 of shape"):
        shipped.classify(crops)


def test_the_shipped_file_says_what_it_is(shipped: ExpressionClassifier) -> None:
    assert shipped.name == "expression-3"
    assert shipped.input_px == 48
    assert shipped.labels == EXPRESSIONS
    assert "FER2013" in shipped.card.facts["training_data"]
    assert all(0.3 < temperature < 5 for temperature in shipped.card.temperatures)
    assert "research use" in shipped.card.facts["data_license"]
    assert SHIPPED_WEIGHTS.stat().st_size < 8_000_000
    assert SHIPPED_WEIGHTS.with_suffix(".md").is_file()


def test_missing_weights_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WeightsInvalid, match="install Rapport again"):
        ExpressionClassifier.load(tmp_path / "none.safetensors")


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"\x00" * 4096])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsInvalid, match="not a readable safetensors"):
        ExpressionClassifier.load(path)


def test_a_cut_off_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.safetensors"
    path.write_bytes(SHIPPED_WEIGHTS.read_bytes()[:100_000])
    with pytest.raises(WeightsInvalid, match="not a readable safetensors"):
        ExpressionClassifier.load(path)


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    path = tmp_path / "expression.pt"
    torch.save(ExpressionNet().state_dict(), path)
    with pytest.raises(WeightsInvalid, match="safetensors"):
        ExpressionClassifier.load(path)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("labels", json.dumps(["happy", "sad"]), "has the labels happy, sad"),
        ("labels", json.dumps(list(reversed(EXPRESSIONS))), "has the labels neutral"),
        ("labels", "not json", "or has it damaged"),
        ("labels", None, "or has it damaged"),
        ("input_px", "64", "crops of 64 px"),
        ("temperature", "0", "temperature"),
        ("temperature", "nan", "temperature"),
        ("name", None, "or has it damaged"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(
    tmp_path: Path, key: str, value: str | None, message: str
) -> None:
    header = {k: v for k, v in {**HEADER, key: value}.items() if v is not None}
    path = tmp_path / "other.safetensors"
    save_file(ExpressionNet().state_dict(), path, metadata=header)
    with pytest.raises(WeightsInvalid, match=message):
        ExpressionClassifier.load(path)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"head.weight": torch.zeros(7, 5)}, path, metadata=HEADER)
    with pytest.raises(WeightsInvalid, match="another network"):
        ExpressionClassifier.load(path)


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    state = ExpressionNet().state_dict()
    state["head.bias"][0] = float("nan")
    path = tmp_path / "nan.safetensors"
    save_file(state, path, metadata=HEADER)
    with pytest.raises(WeightsInvalid, match="not finite"):
        ExpressionClassifier.load(path)


def test_an_unknown_device_is_named() -> None:
    with pytest.raises(InferenceError, match="abacus"):
        ExpressionClassifier.load(device="abacus")


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="this machine has an Apple GPU")
def test_an_apple_gpu_that_is_not_there_is_named() -> None:
    with pytest.raises(InferenceError, match="no Apple GPU here: set it to auto or cpu"):
        ExpressionClassifier.load(device="mps")


def test_a_kind_of_device_that_rapport_cannot_use_is_refused() -> None:
    with pytest.raises(InferenceError, match="use auto, cpu, cuda or mps"):
        ExpressionClassifier.load(device="meta")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_without_cuda_says_so_and_auto_takes_the_cpu() -> None:
    with pytest.raises(InferenceError, match="no CUDA device"):
        ExpressionClassifier.load(device="cuda")
    assert ExpressionClassifier.load(device="auto").device == "cpu"


class SmallMemoryNet(ExpressionNet):
    """A network on a device that holds `room` faces at most."""

    room = 2
    refusals = 0

    def forward(self, faces: Tensor) -> Tensor:
        """Refuse what does not fit."""
        if len(faces) > self.room:
            SmallMemoryNet.refusals += 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return super().forward(faces)


class NoMemoryNet(SmallMemoryNet):
    """A network on a full device."""

    room = 0


def test_a_batch_too_large_for_the_device_is_halved_until_it_fits() -> None:
    _, card = read_weights(SHIPPED_WEIGHTS)
    crops = np.random.default_rng(2).integers(0, 255, (7, 48, 48)).astype(np.uint8)
    torch.manual_seed(0)
    net = SmallMemoryNet()
    plain = ExpressionNet()
    plain.load_state_dict(net.state_dict())
    small = ExpressionClassifier(net, card)
    probs = small.classify(crops)
    refusals = SmallMemoryNet.refusals
    assert refusals > 0
    small.classify(crops)
    assert SmallMemoryNet.refusals == refusals  # it knows by now what fits
    assert probs == pytest.approx(ExpressionClassifier(plain, card).classify(crops), abs=0.01)


def test_what_half_precision_changes_is_measured_before_it_is_used() -> None:
    net, card = read_weights(SHIPPED_WEIGHTS)
    calm = ExpressionClassifier(net, card)
    assert 0 < calm._apart(torch.bfloat16) < 0.05
    with torch.no_grad():
        net.head.weight *= 1e38  # numbers too large for their type tell nothing
    assert ExpressionClassifier(net, card)._apart(torch.bfloat16) > HALF_MAY_DIFFER


def test_a_device_without_room_for_one_face_says_so() -> None:
    _, card = read_weights(SHIPPED_WEIGHTS)
    classifier = ExpressionClassifier(NoMemoryNet(), card)
    with pytest.raises(DeviceOutOfMemory, match="free memory"):
        classifier.classify(np.zeros((3, 48, 48), np.uint8))


def test_a_file_with_one_reading_gives_it_for_both_questions(tmp_path: Path) -> None:
    """Version 1 had one; such files still work."""
    torch.manual_seed(1)
    state = ExpressionNet().state_dict()
    state["head.weight"], state["head.bias"] = state["head.weight"][:7], state["head.bias"][:7]
    path = tmp_path / "old.safetensors"
    save_file({name: value.clone() for name, value in state.items()}, path, metadata=HEADER)
    classifier = ExpressionClassifier.load(path)
    crops = np.random.default_rng(5).integers(0, 255, (3, 48, 48)).astype(np.uint8)
    readings = classifier.read(crops)
    assert readings[:, 0] == pytest.approx(readings[:, 1])
    assert classifier.classify(crops) == pytest.approx(readings[:, 0])


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_folding_the_normalisation_changes_no_result(architecture: str) -> None:
    torch.manual_seed(3)
    net = build_network(architecture)
    faces = torch.rand(16, 1, 48, 48) * 255
    net.train()
    net(faces)  # gives the normalisation something to fold
    net.eval()
    with torch.inference_mode():
        assert torch.allclose(net(faces), net.folded()(faces), atol=1e-3)
        assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in net.folded().modules())


def test_the_shipped_weights_keep_their_accuracy_on_fer2013(shipped: ExpressionClassifier) -> None:
    found = measure_splits(load_training_data(shared_grids()), shipped)["private_test"]
    assert found["original"].n == 3589
    told = shipped.card.facts
    assert found["original"].accuracy == pytest.approx(
        float(told["accuracy_private_test"]), abs=0.003
    )
    assert found["ferplus"].accuracy == pytest.approx(
        float(told["accuracy_ferplus_private_test"]), abs=0.003
    )
    assert found["original"].accuracy >= 0.66


def test_a_mirrored_face_is_read_alike(shipped: ExpressionClassifier) -> None:
    tiles = load_grid(shared_grids(), "private_test").images[:200]
    probs = shipped.classify(tiles)
    mirrored = shipped.classify(np.ascontiguousarray(tiles[:, :, ::-1]))
    assert float(np.abs(probs - mirrored).mean()) < 0.05


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch sees no CUDA device")
def test_cpu_and_gpu_agree(shipped: ExpressionClassifier) -> None:
    crops = np.random.default_rng(4).integers(0, 255, (64, 48, 48)).astype(np.uint8)
    on_gpu = ExpressionClassifier.load(device="cuda").classify(crops)
    # TF32 in cuDNN's convolutions keeps 10 bits of mantissa, bfloat16 on the CPU 8.
    assert on_gpu == pytest.approx(shipped.classify(crops), abs=0.01)
