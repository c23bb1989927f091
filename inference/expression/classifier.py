"""The trained expression network, ready to use: weights in, probabilities out."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.nn import functional as F

from inference.errors import DeviceOutOfMemory, InferenceError, WeightsInvalid
from inference.expression.architectures import build_network, widen_head
from inference.expression.model import INPUT_PX, READINGS, FaceNet, place
from inference.expression.shipped import SHIPPED_WEIGHTS
from inference.schema.arrays import EXPRESSIONS, F32, U8

HALF_MAY_DIFFER = 0.01
"""Half precision is used on a card where it changes no probability of 64 made-up faces by more."""


@dataclass(frozen=True, slots=True)
class WeightsCard:
    """What the header of a weights file says about it."""

    name: str
    version: str
    labels: tuple[str, ...]
    input_px: int
    temperatures: tuple[float, float]
    """One per reading: it divides the logits, so that the probabilities mean what they say."""
    architecture: str
    facts: dict[str, str]
    """The rest of the header: training data, licence, measured accuracy."""


class ExpressionClassifier:
    """Computes probabilities per expression of face crops. One thread at a time per instance."""

    labels = EXPRESSIONS

    def __init__(self, net: FaceNet, card: WeightsCard, device: str = "cpu") -> None:
        """Take a network and what its header says; `load` makes one from a file."""
        self.card = card
        self.device = resolve_device(device)
        self._net = place(net.eval().folded(), self.device)
        self._temperatures = torch.tensor(card.temperatures, device=self.device)[:, None]
        self._kind = torch.device(self.device).type
        self._precision: torch.dtype | None = None
        if computes_in_bfloat16(self.device):
            self._precision = torch.bfloat16
        elif self._kind == "cuda" and self._apart(torch.float16) <= HALF_MAY_DIFFER:
            self._precision = torch.float16
        self._room = sys.maxsize

    @classmethod
    def load(
        cls, path: Path | None = None, device: str = "cpu", threads: int | None = None
    ) -> ExpressionClassifier:
        """Read weights and put them on a device.

        Args:
            path: a safetensors file written by train.py; None for the weights that ship.
            device: "cpu", "cuda", "cuda:1" …, "mps", or "auto": the NVIDIA card where there is one.
            threads: PyTorch's CPU threads, for the whole process; None leaves them. One is best
                beside decoding and detection: PyTorch's threads wait for one another, and on two
                cores busy with other work two threads took six times as long as one.

        Raises:
            WeightsInvalid: the file is missing, damaged, or made for another network.
            InferenceError: the device does not exist.
        """
        if threads is not None:
            torch.set_num_threads(threads)
        net, card = read_weights(path or SHIPPED_WEIGHTS)
        return cls(net, card, device)

    @property
    def name(self) -> str:
        """Name and version of the weights, such as "expression-1"."""
        return f"{self.card.name}-{self.card.version}"

    @property
    def input_px(self) -> int:
        """Side of the square crops that `classify` takes."""
        return self.card.input_px

    def classify(self, crops: U8) -> F32:
        """Return each face crop a probability over `labels`: how people would vote.

        The reading of the votes, because it says how a face looks to most people; FER2013's label
        says which word somebody searched for when the picture was found.

        Args:
            crops: uint8 grey, shape (N, input_px, input_px), framed as `face_crop` does. N may
                be 0.

        Returns:
            float32, shape (N, 7), rows sum to 1, columns in `labels` order.

        Raises:
            DeviceOutOfMemory: even one crop did not fit.
            ValueError: the crops have another shape or type.
        """
        return self.read(crops)[:, READINGS.index("votes")]

    def read(self, crops: U8) -> F32:
        """Return both readings of each face crop apart: (N, 2, 7), in READINGS order.

        A batch that does not fit into the device's memory is halved until it does; no larger one
        is tried again. Arguments and errors as for `classify`.
        """
        if crops.shape[1:] != (self.input_px, self.input_px) or crops.dtype != np.uint8:
            raise ValueError(
                f"crops must be uint8 of shape (N, {self.input_px}, {self.input_px}), not"
                f" {crops.dtype} of shape {crops.shape}."
            )
        if len(crops) == 0:
            return np.zeros((0, len(READINGS), len(self.labels)), np.float32)
        probs: list[F32] = []
        start = 0
        while start < len(crops):
            batch = crops[start : start + self._room]
            try:
                probs.append(self._read_batch(batch))
            except RuntimeError as exc:
                if not _is_out_of_memory(exc):
                    raise InferenceError(
                        f"The expression network failed on {self.device}: {exc}"
                    ) from exc
                if len(batch) == 1:
                    raise DeviceOutOfMemory(
                        f"One face crop did not fit into the memory of {self.device}: free memory"
                        " there, or set the device to cpu."
                    ) from exc
                self._room = len(batch) // 2
                continue
            start += len(batch)
        return np.concatenate(probs)

    def _read_batch(self, crops: U8) -> F32:
        faces = torch.from_numpy(np.ascontiguousarray(crops))[:, None]
        if self._kind == "cuda":  # from page-locked memory the card fetches them directly
            faces = faces.pin_memory()
        probs = self._probs(faces.to(self.device, non_blocking=True), self._precision)
        return np.asarray(probs.cpu().numpy(), np.float32)

    @torch.inference_mode()
    def _probs(self, faces: Tensor, precision: torch.dtype | None) -> Tensor:
        with torch.autocast(self._kind, precision, enabled=precision is not None):
            logits: Tensor = self._net(faces.float())
        return torch.softmax(logits.float() / self._temperatures, dim=2)

    def _apart(self, precision: torch.dtype) -> float:
        """Return the largest change of probability that a precision makes on synthetic faces."""
        chance = torch.Generator().manual_seed(0)
        coarse = torch.rand((64, 1, 8, 8), generator=chance) * 255
        faces = F.interpolate(coarse, size=self.input_px, mode="bicubic").clamp(0, 255)
        faces = faces.to(self.device)
        apart = self._probs(faces, precision) - self._probs(faces, None)
        return float(apart.abs().max().nan_to_num(torch.inf))


def read_weights(path: Path) -> tuple[FaceNet, WeightsCard]:
    """Read a weights file: the network in float32 on the CPU, and what its header says.

    Raises:
        WeightsInvalid: missing, damaged, not safetensors, other labels, other input or shapes.
    """
    if not path.is_file():
        raise WeightsInvalid(
            f"Expression weights not found at {path}: install Rapport again, or train them with"
            " `rapport train`."
        )
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as exc:
        raise WeightsInvalid(
            f"{path} is not a readable safetensors file ({exc}): install Rapport again, or train"
            " the weights again."
        ) from exc
    card = _read_header(header, path)
    try:
        net = build_network(card.architecture)
        net.load_state_dict({k: _widen(value) for k, value in widen_head(state).items()})
    except (RuntimeError, ValueError) as exc:
        raise WeightsInvalid(
            f"{path} holds weights of another network: use the file that came with this version,"
            " or train it again."
        ) from exc
    if not all(bool(torch.isfinite(value).all()) for value in net.state_dict().values()):
        raise WeightsInvalid(f"{path} holds numbers that are not finite: train it again.")
    return net, card


def computes_in_bfloat16(device: str) -> bool:
    """Return whether convolutions run on a CPU that multiplies bfloat16 natively.

    There it halves the time; probabilities differ by 0.0005 on average and 0.015 at most. Elsewhere
    bfloat16 would be emulated, and slower than float32.
    """
    return torch.device(device).type == "cpu" and bool(
        torch.cpu.get_capabilities().get("avx512_bf16", False)
    )


def resolve_device(device: str) -> str:
    """Return the device that "auto" means here, or `device` itself if it exists.

    "auto" never means an Apple GPU: nobody has compared its results with the CPU's yet.

    Raises:
        InferenceError: PyTorch has no such device on this machine.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(device).type
    except RuntimeError as exc:
        raise InferenceError(f"There is no device {device!r}: use auto, cpu, cuda or mps.") from exc
    if kind == "cuda" and not torch.cuda.is_available():
        raise InferenceError(
            "The device is set to cuda, but PyTorch sees no CUDA device here: set it to auto or"
            " cpu, or install PyTorch with CUDA."
        )
    if kind == "mps" and not torch.backends.mps.is_available():
        raise InferenceError(
            "The device is set to mps, but PyTorch sees no Apple GPU here: set it to auto or cpu."
        )
    if kind not in ("cpu", "cuda", "mps"):
        raise InferenceError(f"Rapport does not run on {device!r}: use auto, cpu, cuda or mps.")
    return device


def _widen(value: Tensor) -> Tensor:
    """Half precision is for the disk only."""
    return value.float() if value.dtype.is_floating_point else value


def _read_header(header: dict[str, str], path: Path) -> WeightsCard:
    advice = "use the file that came with this version, or train it again."
    try:
        labels = tuple(json.loads(header["labels"]))
        card = WeightsCard(
            name=header["name"],
            version=header["version"],
            labels=labels,
            input_px=int(header["input_px"]),
            temperatures=(
                float(header["temperature"]),
                float(header.get("temperature_votes", header["temperature"])),
            ),
            architecture=header.get("architecture", "compact"),
            facts={key: value for key, value in header.items() if key not in _CARD_FIELDS},
        )
    except (KeyError, ValueError, TypeError) as exc:
        raise WeightsInvalid(
            f"The header of {path} lacks {exc} or has it damaged: {advice}"
        ) from exc
    if card.labels != EXPRESSIONS:
        raise WeightsInvalid(f"{path} has the labels {', '.join(map(str, labels))}: {advice}")
    if card.input_px != INPUT_PX:
        raise WeightsInvalid(f"{path} is for crops of {card.input_px} px: {advice}")
    for temperature in card.temperatures:
        if not (math.isfinite(temperature) and temperature > 0):
            raise WeightsInvalid(f"{path} has the temperature {temperature}: {advice}")
    return card


_CARD_FIELDS = frozenset(
    {"name", "version", "labels", "input_px", "temperature", "temperature_votes", "architecture"}
)


def _is_out_of_memory(exc: RuntimeError) -> bool:
    """CUDA has a class for it; the CPU's allocator raises a plain RuntimeError with this text."""
    return isinstance(exc, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(exc)
