"""Training of the expression network. It can be stopped at any time and goes on where it was.

The checkpoint lies in the output folder and is written after every epoch; the same command over
the same folder continues it. The private test split is looked at once, when all is done, and for
the model card only. Faces, targets, random changes and the moving average stay on the device, so
that a GPU runs without waiting for Python.
"""

from __future__ import annotations

import math
import os
import pickle
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from inference.errors import InferenceError, WeightsInvalid
from inference.expression.architectures import build_network, start_from
from inference.expression.classifier import (
    ExpressionClassifier,
    read_weights,
    resolve_device,
)
from inference.expression.model import place
from inference.expression.training.augment import augment, mix
from inference.expression.training.calibrate import fit_temperatures, predict_logits
from inference.expression.training.dataset import FaceSet, TrainingData, load_training_data
from inference.expression.training.evaluate import measure_splits
from inference.expression.training.model_card import MODEL_NAME, write_card, write_weights
from inference.expression.training.recipe import (
    TrainOptions,
    course_settings,
    learning_rate_at,
    soft_targets,
)

CHECKPOINT_NAME = "checkpoint.pt"
Progress = Callable[[float, str], None]
"""Share done, 0–1, and a short text."""

_DAMAGED = (
    pickle.UnpicklingError, RuntimeError, KeyError, TypeError, ValueError, EOFError, OSError,
)  # fmt: skip
"""What `torch.load` and `load_state_dict` raise on files that are no checkpoint of ours."""


@dataclass(frozen=True, slots=True)
class EpochResult:
    """How one epoch ended."""

    epoch: int
    loss: float
    validation_accuracy: float


def validation_accuracy(logits: Tensor, faces: FaceSet) -> float:
    """Return the mean of how often each reading is right: the label, and the votes' majority."""
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
        self.teachers = [
            place(read_weights(path)[0].eval().folded(), self.device) for path in options.teachers
        ]
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
            targets = self.taught(faces, targets)
            logits = self._forward(faces)
        log_probs = torch.log_softmax(logits.float() + self.adjustment, dim=2)
        loss = -((targets * log_probs).sum(2) @ self.weights).mean()
        self.optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.scaler.step(self.optimiser)
        self.scaler.update()
        return loss.detach()

    def taught(self, faces: Tensor, targets: Tensor) -> Tensor:
        """Mix into the targets what the teachers read in the same, changed, faces."""
        if not self.teachers:
            return targets
        with torch.no_grad():
            read = [torch.softmax(net(faces).float() + self.adjustment, 2) for net in self.teachers]
        return torch.lerp(targets, torch.stack(read).mean(0), self.options.teachers_share)

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
        on_progress: called after every epoch.

    Returns:
        The weights file; expression.md and the picture of the confusion lie beside it.

    Raises:
        UnreadableMedia: the training data is missing or damaged.
        WeightsInvalid: the checkpoint in the output folder belongs to other options, or the
            weights to start from do not fit, or a teacher's cannot be read.
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
