"""The recipe of a training: its options, the targets of the faces, and the course of the rate."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from inference.expression.architectures import DEFAULT_ARCHITECTURE
from inference.expression.training.augment import AugmentOptions
from inference.expression.training.dataset import FaceSet
from inference.schema.arrays import EXPRESSIONS


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """What to learn from, where to write, and how."""

    data: Path
    """Grids, a fer2013.csv or a folder per expression (dataset.load_training_data)."""
    out: Path
    """Receives expression.safetensors, expression.md, a picture and the checkpoint."""
    architecture: str = DEFAULT_ARCHITECTURE
    """A name in architectures.ARCHITECTURES."""
    start_from: Path | None = None
    """A safetensors file whose fitting weights are the first ones; nothing is downloaded."""
    epochs: int = 50
    batch: int = 128
    learning_rate: float = 0.1
    """Peak, for a batch of 128; rises over `warmup_epochs`, then falls along a cosine to 0."""
    warmup_epochs: float = 1.0
    weight_decay: float = 5e-4
    votes_share: float = 0.5
    """Share of the reading of the votes in the loss; the rest is the reading of the label. 0–1."""
    ferplus_share: float = 0.15
    """Share of the FER+ votes in the target of the label's reading. 0–1."""
    balance: float = 0.3
    """How far rare expressions are made up for: this much of the logarithm of each expression's
    share is added to the logits in training (Menon et al. 2021, "Long-tail learning via logit
    adjustment"). 0 leaves the data's own shares, 1 aims at equal recall."""
    label_smoothing: float = 0.05
    dropout: float = 0.2
    """Of our own networks; those of earlier tools bring theirs."""
    average_decay: float = 0.998
    """Of the moving average of the weights, per step; the average is what ships."""
    teachers: tuple[Path, ...] = ()
    """Weights of networks that were trained before, usually larger ones: what they read together
    becomes a part of every target (Hinton et al. 2015, "Distilling the Knowledge")."""
    teachers_share: float = 0.6
    """That part, 0–1; without teachers it counts for nothing."""
    part: float = 1.0
    """Share of the training faces that is used, drawn with the seed: to compare quickly."""
    seed: int = 7
    device: str = "auto"
    half: bool = True
    """Compute in bfloat16 (float16 on GPUs without it) where it is safe; weights stay float32."""
    compiled: bool = False
    """Let torch.compile fuse the network: pays on a GPU, needs a compiler."""
    threads: int | None = None
    """CPU threads; None leaves PyTorch's own choice."""
    version: str = "1"
    license: str = "not stated by the trainer"
    """On what terms the weights may be used, as `rapport models` shows it."""
    augment: AugmentOptions = field(default_factory=AugmentOptions)

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch < 2:
            raise ValueError("epochs must be at least 1 and batch at least 2.")
        for name in ("ferplus_share", "votes_share", "teachers_share", "balance"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be between 0 and 1.")
        if not 0 <= self.label_smoothing < 1:
            raise ValueError("label_smoothing must be between 0 and 1.")
        if not 0 < self.part <= 1:
            raise ValueError("part must be above 0 and at most 1.")


_NOT_OF_THE_COURSE = (
    "data", "out", "device", "threads", "version", "license", "epochs", "compiled",
)  # fmt: skip


def course_settings(options: TrainOptions) -> str:
    """Return everything that distinguishes two runs, as JSON; not how many epochs are planned."""
    settings = asdict(options)
    settings["start_from"] = options.start_from and options.start_from.name
    settings["teachers"] = [path.name for path in options.teachers]
    for name in _NOT_OF_THE_COURSE:
        del settings[name]
    return json.dumps(settings, sort_keys=True)


def soft_targets(faces: FaceSet, ferplus_share: float, smoothing: float) -> Tensor:
    """Return the distributions each face is trained towards, (N, 2, 7), rows sum to 1.

    In READINGS order. The label's reading learns FER2013's one label, softened by a share of the
    votes; a face that is in the set with two labels learns the votes alone. The reading of the
    votes learns them as they are. Without votes, both learn the label.
    """
    classes = len(EXPRESSIONS)
    label = F.one_hot(torch.from_numpy(faces.labels), classes).float()
    votes = torch.from_numpy(faces.soft)
    voted = torch.isfinite(votes[:, :1])
    votes = torch.where(voted, votes, label)
    share = torch.full((len(faces), 1), ferplus_share)
    share[torch.from_numpy(faces.ambiguous)] = 1.0
    mixed = torch.lerp(label, votes, share)
    return torch.stack([mixed * (1 - smoothing) + smoothing / classes, votes], 1)


def learning_rate_at(step: int, steps: int, options: TrainOptions, steps_per_epoch: int) -> float:
    """Return the learning rate of one step: a linear rise, then half a cosine down to 0."""
    peak = options.learning_rate * options.batch / 128
    rise = min(steps - 1, round(options.warmup_epochs * steps_per_epoch))
    if step < rise:
        return peak * (step + 1) / (rise + 1)
    return peak * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))
