"""Training of the expression network. It can be stopped at any time and goes on where it was.

The checkpoint lies in the output folder and is written after every epoch; the same command over
the same folder continues it. The private test split is looked at once, when all is done, and for
the model card only.
"""

from __future__ import annotations

import json
import math
import os
import pickle
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inference.errors import InferenceError, WeightsInvalid
from inference.expression.augment import AugmentOptions, augment
from inference.expression.card import MODEL_NAME, measure_splits, write_card, write_weights
from inference.expression.classifier import ExpressionClassifier, resolve_device
from inference.expression.dataset import FaceSet, TrainingData, load_training_data
from inference.expression.evaluate import calibration_error
from inference.expression.model import ExpressionNet, place
from inference.types import EXPRESSIONS

CHECKPOINT_NAME = "checkpoint.pt"
Progress = Callable[[float, str], None]
"""Share done, 0–1, and a short text."""

_DAMAGED = (
    pickle.UnpicklingError, RuntimeError, KeyError, TypeError, ValueError, EOFError, OSError,
)  # fmt: skip
"""What `torch.load` and `load_state_dict` raise on files that are no checkpoint of ours."""

TEMPERATURES = (0.3, 5.0)
"""Span in which the temperature is sought."""


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """What to learn from, where to write, and how."""

    data: Path
    """Grids, a fer2013.csv or a folder per expression (dataset.load_training_data)."""
    out: Path
    """Receives expression.safetensors, expression.md and the checkpoint."""
    epochs: int = 50
    batch: int = 128
    learning_rate: float = 0.1
    """Peak, for a batch of 128; rises over `warmup_epochs`, then falls along a cosine to 0."""
    warmup_epochs: float = 1.0
    weight_decay: float = 5e-4
    ferplus_share: float = 0.4
    """Share of the FER+ votes in the target, the rest is FER2013's own label. 0–1."""
    label_smoothing: float = 0.05
    dropout: float = 0.2
    average_decay: float = 0.998
    """Of the moving average of the weights, per step; the average is what ships."""
    seed: int = 7
    device: str = "auto"
    half: bool = True
    """Compute in bfloat16 where it is safe; weights stay float32."""
    threads: int | None = None
    """CPU threads; None leaves PyTorch's own choice."""
    version: str = "1"
    augment: AugmentOptions = field(default_factory=AugmentOptions)

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch < 2:
            raise ValueError("epochs must be at least 1 and batch at least 2.")
        if not 0 <= self.ferplus_share <= 1:
            raise ValueError("ferplus_share must lie between 0 and 1.")
        if not 0 <= self.label_smoothing < 1:
            raise ValueError("label_smoothing must lie between 0 and 1.")


@dataclass(frozen=True, slots=True)
class EpochResult:
    """How one epoch ended."""

    epoch: int
    loss: float
    validation_accuracy: float


def soft_targets(faces: FaceSet, ferplus_share: float, smoothing: float) -> Tensor:
    """Give the distribution each face is trained towards, (N, 7), rows sum to 1.

    FER2013 has one label per face, which another person often would not have given; FER+ has ten
    votes. Both are mixed; faces without votes keep their label alone.
    """
    classes = len(EXPRESSIONS)
    targets = F.one_hot(torch.from_numpy(faces.labels), classes).float()
    votes = torch.from_numpy(faces.soft)
    voted = torch.isfinite(votes[:, 0])
    targets[voted] = (1 - ferplus_share) * targets[voted] + ferplus_share * votes[voted]
    return targets * (1 - smoothing) + smoothing / classes


def learning_rate_at(step: int, steps: int, options: TrainOptions, steps_per_epoch: int) -> float:
    """Give the learning rate of one step: a linear rise, then half a cosine down to 0."""
    peak = options.learning_rate * options.batch / 128
    rise = min(steps - 1, round(options.warmup_epochs * steps_per_epoch))
    if step < rise:
        return peak * (step + 1) / (rise + 1)
    return peak * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Give the temperature under which the logits' probabilities fit the labels best.

    Minimises the negative log likelihood over one number by golden-section search; accuracy does
    not change. (Guo et al. 2017, "On Calibration of Modern Neural Networks".)
    """
    ratio = (math.sqrt(5) - 1) / 2
    low, high = (math.log(limit) for limit in TEMPERATURES)

    def loss(log_t: float) -> float:
        return float(F.cross_entropy(logits / math.exp(log_t), labels))

    for _ in range(40):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, right) if loss(left) < loss(right) else (left, high)
    return math.exp((low + high) / 2)


def predict_logits(net: nn.Module, faces: FaceSet, device: str) -> Tensor:
    """Give logits for all faces, float32 on the CPU."""
    net.eval()
    images = torch.from_numpy(faces.images)[:, None]
    parts = []
    with torch.inference_mode():
        for start in range(0, len(images), 256):
            parts.append(net(images[start : start + 256].to(device).float()).cpu())
    return torch.cat(parts) if parts else torch.zeros(0, len(EXPRESSIONS))


class Trainer:
    """The state of one training: network, its averaged twin, optimiser, and how far it got."""

    def __init__(self, options: TrainOptions, faces: FaceSet) -> None:
        torch.manual_seed(options.seed)  # the network's first weights and its dropout
        self.options = options
        self.device = resolve_device(options.device)
        self.faces = faces
        self.images = torch.from_numpy(faces.images)
        self.targets = soft_targets(faces, options.ferplus_share, options.label_smoothing)
        self.net = place(ExpressionNet(options.dropout), self.device)
        self.average = place(ExpressionNet(), self.device)
        self.average.load_state_dict(self.net.state_dict())
        groups: list[dict[str, Any]] = [
            {
                "params": [p for p in self.net.parameters() if p.ndim > 1],
                "weight_decay": options.weight_decay,
            },
            {"params": [p for p in self.net.parameters() if p.ndim <= 1]},
        ]
        self.optimiser = torch.optim.SGD(
            groups,
            lr=options.learning_rate,
            momentum=0.9,
            nesterov=True,
        )
        self.epoch = 0
        self.history: list[EpochResult] = []
        self.best_accuracy = -1.0
        self.best_state: dict[str, Tensor] = {}

    @property
    def steps_per_epoch(self) -> int:
        """Full batches in one pass; a small set gives one short batch."""
        return max(1, len(self.faces) // self.options.batch)

    def run_epoch(self) -> float:
        """Train on every face once, in an order given by seed and epoch. Gives the mean loss."""
        options = self.options
        generator = torch.Generator().manual_seed(options.seed * 100_003 + self.epoch)
        order = torch.randperm(len(self.faces), generator=generator)
        total = 0.0
        self.net.train()
        for i in range(self.steps_per_epoch):
            rows = order[i * options.batch : (i + 1) * options.batch]
            step = self.epoch * self.steps_per_epoch + i
            rate = learning_rate_at(
                step, options.epochs * self.steps_per_epoch, options, self.steps_per_epoch
            )
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            faces = augment(self.images[rows][:, None].float(), options.augment, generator)
            total += self._step(faces.to(self.device), self.targets[rows].to(self.device))
            self._average(step)
        self.epoch += 1
        return total / self.steps_per_epoch

    def _step(self, faces: Tensor, targets: Tensor) -> float:
        kind = torch.device(self.device).type
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=self.options.half):
            logits = self.net(faces)
        loss = F.cross_entropy(logits.float(), targets)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        return float(loss.detach())

    def _average(self, step: int) -> None:
        """Move the averaged twin towards the network; faster at first, while it knows nothing."""
        decay = min(self.options.average_decay, (1 + step) / (10 + step))
        with torch.no_grad():
            own = self.net.state_dict()
            for name, value in self.average.state_dict().items():
                if value.dtype.is_floating_point:
                    value.lerp_(own[name], 1 - decay)
                else:
                    value.copy_(own[name])

    def record(self, loss: float, accuracy: float) -> None:
        """Keep what the epoch gave, and its averaged weights if none were better."""
        self.history.append(EpochResult(self.epoch, loss, accuracy))
        if accuracy >= self.best_accuracy:
            self.best_accuracy = accuracy
            self.best_state = {k: v.cpu().clone() for k, v in self.average.state_dict().items()}

    def save(self, path: Path) -> None:
        """Write the checkpoint; a kill while writing leaves the one before."""
        state = {
            "settings": _settings_text(self.options),
            "epoch": self.epoch,
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "torch_random": torch.get_rng_state(),
            "history": [asdict(result) for result in self.history],
            "best_accuracy": self.best_accuracy,
            "best_state": self.best_state,
        }
        part = path.with_suffix(".part")
        torch.save(state, part)
        os.replace(part, path)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint written with the same options.

        Raises:
            WeightsInvalid: it is damaged, or was written with other options.
        """
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            if state["settings"] != _settings_text(self.options):
                raise WeightsInvalid(
                    f"{path} was written with other training options: use an empty output folder,"
                    " or give the options of the first run."
                )
            self.net.load_state_dict(state["net"])
            self.average.load_state_dict(state["average"])
            self.optimiser.load_state_dict(state["optimiser"])
            torch.set_rng_state(state["torch_random"].cpu())
            self.epoch = int(state["epoch"])
            self.history = [EpochResult(**result) for result in state["history"]]
            self.best_accuracy = float(state["best_accuracy"])
            self.best_state = {name: value.cpu() for name, value in state["best_state"].items()}
        except _DAMAGED as exc:
            raise WeightsInvalid(f"{path} is damaged: delete it to train from the start.") from exc


def _settings_text(options: TrainOptions) -> str:
    """Everything that the course of the training depends on, to tell two runs apart."""
    settings = asdict(options)
    for name in ("data", "out", "device", "threads", "version"):
        del settings[name]
    return json.dumps(settings, sort_keys=True)


def fit(options: TrainOptions, data: TrainingData, on_progress: Progress | None = None) -> Trainer:
    """Run all epochs that are not done yet, with a checkpoint after each.

    Raises:
        WeightsInvalid: the checkpoint in the output folder does not belong to these options.
    """
    options.out.mkdir(parents=True, exist_ok=True)
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    trainer = Trainer(options, data.training.take(~data.training.not_a_face))
    checkpoint = options.out / CHECKPOINT_NAME
    if checkpoint.is_file():
        trainer.resume(checkpoint)
    labels = data.public_test.labels
    while trainer.epoch < options.epochs:
        loss = trainer.run_epoch()
        logits = predict_logits(trainer.average, data.public_test, trainer.device)
        accuracy = float(np.mean(logits.argmax(1).numpy() == labels))
        if not math.isfinite(loss):
            raise InferenceError(
                f"Training diverged in epoch {trainer.epoch}: lower the learning rate."
            )
        trainer.record(loss, accuracy)
        trainer.save(checkpoint)
        if on_progress is not None:
            on_progress(
                trainer.epoch / options.epochs,
                f"epoch {trainer.epoch} of {options.epochs}: loss {loss:.3f},"
                f" validation accuracy {accuracy:.1%}",
            )
    return trainer


def train_expression(options: TrainOptions, on_progress: Progress | None = None) -> Path:
    """Train, choose the best epoch, calibrate, measure, and write weights and model card.

    The epoch is chosen and the temperature fitted on the validation split. A run that was
    stopped goes on at its last checkpoint.

    Args:
        options: see TrainOptions.
        on_progress: told after every epoch.

    Returns:
        The weights file; expression.md lies beside it.

    Raises:
        UnreadableMedia: the training data is missing or damaged.
        WeightsInvalid: the checkpoint in the output folder belongs to other options.
        InferenceError: the training diverged, or the device does not exist.
    """
    data = load_training_data(options.data)
    trainer = fit(options, data, on_progress)
    return finish(options, data, trainer)


def finish(options: TrainOptions, data: TrainingData, trainer: Trainer) -> Path:
    """Write weights and card of what a trainer has reached so far."""
    net = ExpressionNet()
    net.load_state_dict(trainer.best_state)
    labels = torch.from_numpy(data.public_test.labels)
    temperature = fit_temperature(predict_logits(net, data.public_test, "cpu"), labels)
    weights = options.out / f"{MODEL_NAME}.safetensors"
    facts = {"version": options.version, "training_data": data.source}
    write_weights(weights, net, temperature, facts)
    figures = measure_splits(data, ExpressionClassifier.load(weights))
    for split, measured in figures.items():
        facts[f"accuracy_{split}"] = f"{measured.original.accuracy:.4f}"
    write_weights(weights, net, temperature, facts)
    classifier = ExpressionClassifier.load(weights)
    write_card(
        weights.with_suffix(".md"),
        figures,
        name=classifier.name,
        temperature=temperature,
        ece_untempered=_ece_untempered(net, data),
        source=data.source,
        settings=_settings_text(options),
        epochs=trainer.epoch,
    )
    return weights


def _ece_untempered(net: ExpressionNet, data: TrainingData) -> dict[str, float]:
    found = {}
    for split, faces in (("public_test", data.public_test), ("private_test", data.private_test)):
        if faces is not None:
            probs = torch.softmax(predict_logits(net, faces, "cpu"), 1).numpy()
            found[split] = calibration_error(probs, faces.labels)
    return found
