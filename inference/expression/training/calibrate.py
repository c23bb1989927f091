"""Temperatures: they make a network's probabilities mean what they say."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inference.expression.model import READINGS
from inference.expression.training.dataset import FaceSet
from inference.schema.arrays import EXPRESSIONS

TEMPERATURES = (0.3, 5.0)
"""Span in which the temperature is sought."""


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Return the temperature under which the logits' probabilities fit the labels best.

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


def fit_temperatures(logits: Tensor, faces: FaceSet) -> tuple[float, float]:
    """Return a temperature for each reading: the label's, and the votes' where there are any."""
    label = fit_temperature(logits[:, 0], torch.from_numpy(faces.labels))
    majority, clear = faces.majority()
    if not clear.any():
        return label, label
    rows = torch.from_numpy(clear)
    return label, fit_temperature(logits[rows, 1], torch.from_numpy(majority)[rows])


def predict_logits(net: nn.Module, faces: FaceSet, device: str, half: bool = False) -> Tensor:
    """Return logits for all faces, (N, 2, 7), float32 on the CPU."""
    net.eval()
    images = torch.from_numpy(faces.images)[:, None]
    parts = [torch.zeros(0, len(READINGS), len(EXPRESSIONS))]
    kind = torch.device(device).type
    with torch.inference_mode(), torch.autocast(kind, torch.bfloat16, enabled=half):
        for start in range(0, len(images), 256):
            parts.append(net(images[start : start + 256].to(device).float()).float().cpu())
    return torch.cat(parts)
