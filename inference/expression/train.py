"""Training of the expression network. It can be stopped at any time and goes on where it was.

The checkpoint lies in the output folder and is written after every epoch; the same command over
the same folder continues it. The private test split is looked at once, when all is done, and for
the model card only. Faces, targets, random changes and the moving average stay on the device, so
that a GPU runs without waiting for Python.
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
from inference.expression.architectures import DEFAULT_ARCHITECTURE, build_network, start_from
from inference.expression.augment import AugmentOptions, augment, mix
from inference.expression.card import MODEL_NAME, write_card, write_weights
from inference.expression.classifier import ExpressionClassifier, resolve_device
from inference.expression.dataset import FaceSet, TrainingData, load_training_data
from inference.expression.evaluate import measure_splits
from inference.expression.model import READINGS, place
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
    """On what terms the weights may be used, as `rapport models` tells it."""
    augment: AugmentOptions = field(default_factory=AugmentOptions)

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch < 2:
            raise ValueError("epochs must be at least 1 and batch at least 2.")
        for name in ("ferplus_share", "votes_share", "balance"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie between 0 and 1.")
        if not 0 <= self.label_smoothing < 1:
            raise ValueError("label_smoothing must lie between 0 and 1.")
        if not 0 < self.part <= 1:
            raise ValueError("part must lie above 0 and not above 1.")


@dataclass(frozen=True, slots=True)
class EpochResult:
    """How one epoch ended."""

    epoch: int
    loss: float
    validation_accuracy: float


def soft_targets(faces: FaceSet, ferplus_share: float, smoothing: float) -> Tensor:
    """Give the distributions each face is trained towards, (N, 2, 7), rows sum to 1.

    In READINGS order. The label's reading learns FER2013's one label, softened by a share of the
    votes; a face that stands in the set with two labels learns the votes alone. The reading of the
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


def predict_logits(net: nn.Module, faces: FaceSet, device: str, half: bool = False) -> Tensor:
    """Give logits for all faces, (N, 2, 7), float32 on the CPU."""
    net.eval()
    images = torch.from_numpy(faces.images)[:, None]
    parts = [torch.zeros(0, len(READINGS), len(EXPRESSIONS))]
    kind = torch.device(device).type
    with torch.inference_mode(), torch.autocast(kind, torch.bfloat16, enabled=half):
        for start in range(0, len(images), 256):
            parts.append(net(images[start : start + 256].to(device).float()).float().cpu())
    return torch.cat(parts)


def validation_accuracy(logits: Tensor, faces: FaceSet) -> float:
    """Give the mean of how often each reading is right: the label, and the votes' majority."""
    guess = logits.argmax(2).numpy()
    right = [np.mean(guess[:, 0] == faces.labels)]
    majority, clear = faces.majority()
    if clear.any():
        right.append(np.mean(guess[clear, 1] == majority[clear]))
    return float(np.mean(right))


class Trainer:
    """The state of one training: network, its averaged twin, optimiser, and how far it got."""

    def __init__(self, options: TrainOptions, faces: FaceSet) -> None:
        torch.manual_seed(options.seed)  # the network's first weights and its dropout
        self.options = options
        self.device = resolve_device(options.device)
        if options.part < 1:
            kept = np.random.default_rng(options.seed).permutation(len(faces))
            faces = faces.take(np.sort(kept[: max(1, round(len(faces) * options.part))]))
        self.images = torch.from_numpy(faces.images).to(self.device)
        targets = soft_targets(faces, options.ferplus_share, options.label_smoothing)
        self.targets = targets.to(self.device)
        self.adjustment = options.balance * self.targets.mean(0).clamp(min=1e-4).log()
        self.weights = torch.tensor(
            [1 - options.votes_share, options.votes_share], device=self.device
        )
        net = build_network(options.architecture, options.dropout)
        if options.start_from is not None:
            start_from(net, options.start_from)
        self.net = place(net, self.device)
        self.average = place(build_network(options.architecture), self.device)
        self.average.load_state_dict(self.net.state_dict())
        self._forward = torch.compile(self.net) if options.compiled else self.net
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
        self.precision = torch.bfloat16
        if torch.device(self.device).type == "cuda" and not torch.cuda.is_bf16_supported():
            self.precision = torch.float16
        scaled = options.half and self.precision is torch.float16
        self.scaler = torch.amp.GradScaler(enabled=scaled)
        self.epoch = 0
        self.history: list[EpochResult] = []
        self.best_accuracy = -1.0
        self.best_state: dict[str, Tensor] = {}

    @property
    def steps_per_epoch(self) -> int:
        """Full batches in one pass; a small set gives one short batch."""
        return max(1, len(self.images) // self.options.batch)

    def run_epoch(self) -> float:
        """Train on every face once, in an order given by seed and epoch. Gives the mean loss."""
        options = self.options
        generator = torch.Generator(self.device)
        generator.manual_seed(options.seed * 100_003 + self.epoch)
        order = torch.randperm(len(self.images), generator=generator, device=self.device)
        total = torch.zeros((), device=self.device)
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
            total += self._step(*mix(faces, self.targets[rows], options.augment, generator))
            self._average(step)
        self.epoch += 1
        return float(total) / self.steps_per_epoch

    def _step(self, faces: Tensor, targets: Tensor) -> Tensor:
        kind = torch.device(self.device).type
        with torch.autocast(kind, dtype=self.precision, enabled=self.options.half):
            logits = self._forward(faces)
        log_probs = torch.log_softmax(logits.float() + self.adjustment, dim=2)
        loss = -((targets * log_probs).sum(2) @ self.weights).mean()
        self.optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.scaler.step(self.optimiser)
        self.scaler.update()
        return loss.detach()

    def _average(self, step: int) -> None:
        """Move the averaged twin towards the network; faster at first, while it knows nothing."""
        decay = min(self.options.average_decay, (1 + step) / (10 + step))
        own, twin = self.net.state_dict(), self.average.state_dict()
        names = [name for name, value in twin.items() if value.dtype.is_floating_point]
        with torch.no_grad():
            torch._foreach_lerp_(
                [twin[name] for name in names], [own[name] for name in names], 1 - decay
            )
            for name in twin.keys() - set(names):
                twin[name].copy_(own[name])

    def record(self, loss: float, accuracy: float) -> None:
        """Keep what the epoch gave, and its averaged weights if none were better."""
        self.history.append(EpochResult(self.epoch, loss, accuracy))
        if accuracy >= self.best_accuracy:
            self.best_accuracy = accuracy
            self.best_state = {k: v.cpu().clone() for k, v in self.average.state_dict().items()}

    def save(self, path: Path) -> None:
        """Write the checkpoint; a kill while writing leaves the one before."""
        state = {
            "settings": course_settings(self.options),
            "epoch": self.epoch,
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "torch_random": torch.get_rng_state(),
            "history": [asdict(result) for result in self.history],
            "best_accuracy": self.best_accuracy,
            "best_state": self.best_state,
        }
        if torch.device(self.device).type == "cuda":
            state["cuda_random"] = torch.cuda.get_rng_state(self.device)
        part = path.with_suffix(".part")
        torch.save(state, part)
        os.replace(part, path)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint written with the same options.

        Only the number of epochs may differ: the learning rate then takes the new course from the
        epoch that was reached.

        Raises:
            WeightsInvalid: it is damaged, or was written with other options.
        """
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            if state["settings"] != course_settings(self.options):
                raise WeightsInvalid(
                    f"{path} was written with other training options: use an empty output folder,"
                    " or give the options of the first run."
                )
            self.net.load_state_dict(state["net"])
            self.average.load_state_dict(state["average"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.scaler.load_state_dict(state["scaler"])
            torch.set_rng_state(state["torch_random"].cpu())
            if "cuda_random" in state and torch.device(self.device).type == "cuda":
                torch.cuda.set_rng_state(state["cuda_random"].cpu(), self.device)
            self.epoch = int(state["epoch"])
            self.history = [EpochResult(**result) for result in state["history"]]
            self.best_accuracy = float(state["best_accuracy"])
            self.best_state = {name: value.cpu() for name, value in state["best_state"].items()}
        except _DAMAGED as exc:
            raise WeightsInvalid(f"{path} is damaged: delete it to train from the start.") from exc


_NOT_OF_THE_COURSE = (
    "data", "out", "device", "threads", "version", "license", "epochs", "compiled",
)  # fmt: skip


def course_settings(options: TrainOptions) -> str:
    """Give everything that tells two runs apart, as JSON; not how many epochs are planned."""
    settings = asdict(options)
    settings["start_from"] = options.start_from and options.start_from.name
    for name in _NOT_OF_THE_COURSE:
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
    while trainer.epoch < options.epochs:
        loss = trainer.run_epoch()
        logits = predict_logits(trainer.average, data.public_test, trainer.device, options.half)
        accuracy = validation_accuracy(logits, data.public_test)
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

    The epoch is chosen and the temperatures fitted on the validation split. A run that was
    stopped goes on at its last checkpoint.

    Args:
        options: see TrainOptions.
        on_progress: told after every epoch.

    Returns:
        The weights file; expression.md and the picture of the confusion lie beside it.

    Raises:
        UnreadableMedia: the training data is missing or damaged.
        WeightsInvalid: the checkpoint in the output folder belongs to other options, or the
            weights to start from do not fit.
        InferenceError: the training diverged, or the device does not exist.
    """
    data = load_training_data(options.data)
    trainer = fit(options, data, on_progress)
    return finish(options, data, trainer)


def finish(options: TrainOptions, data: TrainingData, trainer: Trainer) -> Path:
    """Write weights and card of what a trainer has reached so far."""
    net = build_network(options.architecture)
    net.load_state_dict(trainer.best_state)
    logits = predict_logits(net, data.public_test, "cpu")
    temperatures = fit_temperatures(logits, data.public_test)
    weights = options.out / f"{MODEL_NAME}.safetensors"
    facts = {
        "version": options.version,
        "architecture": options.architecture,
        "training_data": data.source,
        "data_license": data.license,
        "weights_license": options.license,
        "epochs": str(trainer.epoch),
        "settings": course_settings(options),
    }
    write_weights(weights, net, temperatures, facts)
    figures = measure_splits(data, ExpressionClassifier.load(weights))
    for split, measured in figures.items():
        facts[f"accuracy_{split}"] = f"{measured['original'].accuracy:.4f}"
        facts[f"macro_f1_{split}"] = f"{measured['original'].macro_f1:.4f}"
        if "ferplus" in measured:
            facts[f"accuracy_ferplus_{split}"] = f"{measured['ferplus'].accuracy:.4f}"
    write_weights(weights, net, temperatures, facts)
    write_card(weights, figures)
    return weights


def fit_temperatures(logits: Tensor, faces: FaceSet) -> tuple[float, float]:
    """Give a temperature for each reading: the label's, and the votes' where there are any."""
    label = fit_temperature(logits[:, 0], torch.from_numpy(faces.labels))
    majority, clear = faces.majority()
    if not clear.any():
        return label, label
    rows = torch.from_numpy(clear)
    return label, fit_temperature(logits[rows, 1], torch.from_numpy(majority)[rows])
