"""Random changes to training faces: what a camera, a codec and a turned head do to them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

CODEC_BLOCK_PX = 8
"""Side of the blocks that JPEG and H.264 quantise."""


@dataclass(frozen=True, slots=True)
class AugmentOptions:
    """How far training faces are changed. Chances are per face, 0–1; the rest are limits."""

    flip: float = 0.5
    rotate_deg: float = 10.0
    scale: float = 0.12
    shift: float = 0.06
    """Of the face's side."""
    squeeze: float = 0.05
    """Difference in scale between width and height: heads turn and faces differ."""
    brightness: float = 0.2
    """Of the full range of grey levels. Clipping at black and white is what is learnt from it."""
    contrast: float = 0.3
    gamma: float = 0.25
    erase: float = 0.3
    """Chance that a rectangle (a hand, a microphone, an overlay) hides a part."""
    degrade: float = 0.2
    """Chance of each: downscaled and enlarged again, noise, codec blocks."""


def augment(faces: Tensor, options: AugmentOptions, generator: torch.Generator) -> Tensor:
    """Give faces changed at random, each in its own way.

    Args:
        faces: float32 grey levels 0–255, (N, 1, H, H); H a multiple of 8.
        generator: the only source of chance, so that a run can be repeated.

    Returns:
        The same shape and range.
    """
    faces = _warp(faces, options, generator)
    faces = _degrade(faces, options, generator)
    faces = _relight(faces, options, generator)
    return _erase(faces, options, generator)


def _uniform(n: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.rand(n, generator=generator) * (high - low) + low


def _warp(faces: Tensor, options: AugmentOptions, generator: torch.Generator) -> Tensor:
    n = len(faces)
    limit = options.rotate_deg * math.pi / 180
    angle = _uniform(n, -limit, limit, generator)
    zoom = torch.exp(_uniform(n, -options.scale, options.scale, generator))
    squeeze = torch.exp(_uniform(n, -options.squeeze, options.squeeze, generator))
    mirror = torch.where(torch.rand(n, generator=generator) < options.flip, -1.0, 1.0)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = torch.cos(angle) * zoom * squeeze * mirror
    theta[:, 0, 1] = -torch.sin(angle) * zoom
    theta[:, 1, 0] = torch.sin(angle) * zoom * mirror
    theta[:, 1, 1] = torch.cos(angle) * zoom / squeeze
    theta[:, :, 2] = (torch.rand(n, 2, generator=generator) * 2 - 1) * options.shift * 2
    grid = F.affine_grid(theta, list(faces.shape), align_corners=False)
    return F.grid_sample(faces, grid, padding_mode="border", align_corners=False)


def _relight(faces: Tensor, options: AugmentOptions, generator: torch.Generator) -> Tensor:
    n = len(faces)
    gain = torch.exp(_uniform(n, -options.contrast, options.contrast, generator))
    shift = _uniform(n, -options.brightness, options.brightness, generator) * 255
    gamma = torch.exp(_uniform(n, -options.gamma, options.gamma, generator))
    gain, shift, gamma = (value[:, None, None, None] for value in (gain, shift, gamma))
    faces = 255 * (faces.clamp(0, 255) / 255) ** gamma
    mean = faces.mean((1, 2, 3), keepdim=True)
    return ((faces - mean) * gain + mean + shift).clamp(0, 255)


def _erase(faces: Tensor, options: AugmentOptions, generator: torch.Generator) -> Tensor:
    n, _, height, width = faces.shape
    hit = torch.rand(n, generator=generator) < options.erase
    tall = _uniform(n, 0.15, 0.45, generator) * height
    wide = _uniform(n, 0.15, 0.45, generator) * width
    top = torch.rand(n, generator=generator) * (height - tall)
    left = torch.rand(n, generator=generator) * (width - wide)
    level = torch.rand(n, generator=generator) * 255
    rows, columns = torch.arange(height)[None, :], torch.arange(width)[None, :]
    inside_y = (rows >= top[:, None]) & (rows < (top + tall)[:, None])
    inside_x = (columns >= left[:, None]) & (columns < (left + wide)[:, None])
    hidden = (inside_y[:, :, None] & inside_x[:, None, :] & hit[:, None, None])[:, None]
    return torch.where(hidden, level[:, None, None, None], faces)


def _degrade(faces: Tensor, options: AugmentOptions, generator: torch.Generator) -> Tensor:
    """Make a part of the batch look like small, noisy, hard-compressed video."""
    n, _, height, width = faces.shape
    faces = faces.clone()
    order = torch.randperm(n, generator=generator)
    for side_px, rows in zip(
        (20, 24, 28, 32), order[: int(n * options.degrade)].chunk(4), strict=False
    ):
        small = F.interpolate(faces[rows], (side_px, side_px), mode="area")
        faces[rows] = F.interpolate(small, (height, width), mode="bilinear", align_corners=False)
    noisy = torch.rand(n, generator=generator) < options.degrade
    deviation = _uniform(n, 0, 8, generator) * noisy
    noise = torch.randn(faces.shape, generator=generator)
    faces = (faces + noise * deviation[:, None, None, None]).clamp(0, 255)
    coarse = torch.rand(n, generator=generator) < options.degrade
    if coarse.any():
        step = _uniform(int(coarse.sum()), 6, 30, generator)
        faces[coarse] = quantise_blocks(faces[coarse], step)
    return faces


def quantise_blocks(faces: Tensor, step: Tensor) -> Tensor:
    """Round the 8×8 cosine coefficients as JPEG and H.264 do, coarser for high frequencies.

    Args:
        faces: (N, 1, H, H) grey levels; H a multiple of 8.
        step: (N,) size of a step for the lowest frequency, in grey levels; the highest has three
            times as much, about the slope of JPEG's luminance table (ITU T.81, annex K).
    """
    n, _, height, width = faces.shape
    size = CODEC_BLOCK_PX
    k = torch.arange(size, dtype=torch.float32)
    basis = torch.cos((2 * k[None, :] + 1) * k[:, None] * math.pi / (2 * size)) * math.sqrt(
        2 / size
    )
    basis[0] /= math.sqrt(2)
    blocks = faces.reshape(n, height // size, size, width // size, size).transpose(2, 3)
    coefficients = basis @ blocks @ basis.T
    slope = 1 + 2 * (k[:, None] + k[None, :]) / (2 * (size - 1))
    steps = step[:, None, None, None, None] * slope
    coefficients = torch.round(coefficients / steps) * steps
    blocks = basis.T @ coefficients @ basis
    return blocks.transpose(2, 3).reshape(n, 1, height, width).clamp(0, 255)
