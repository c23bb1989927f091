"""Random changes to training faces: what a camera, a codec and a turned head do to them.

Everything is done to a whole batch at once on the device where the faces are; no face takes a
separate Python step, so that a GPU is never kept waiting.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

CODEC_BLOCK_PX = 8
"""Side of the blocks that JPEG and H.264 quantise."""

SMALL_PX = (16, 20, 24, 28, 32)
"""Sizes to which faces are shrunk before they are enlarged again: tiles of a full gallery."""


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
    """Chance of each: blurred, downscaled and enlarged again, noise, codec blocks."""
    mix: float = 0.3
    """Chance that a face is mixed with another one, over all of it (mixup) or in a rectangle
    (cutmix), and its target with the other's in proportion."""


def augment(faces: Tensor, options: AugmentOptions, generator: torch.Generator) -> Tensor:
    """Return faces changed at random, each in its own way.

    Args:
        faces: float32 grey levels 0–255, (N, 1, H, H); H a multiple of 8.
        generator: the only source of chance, so that a run can be repeated; on the faces' device.

    Returns:
        The same shape and range.
    """
    faces = _warp(faces, options, generator)
    faces = _degrade(faces, options, generator)
    faces = _relight(faces, options, generator)
    return _erase(faces, options, generator)


def mix(
    faces: Tensor, targets: Tensor, options: AugmentOptions, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Mix a part of the faces with others of the batch: half of them whole, half in a rectangle.

    Args:
        faces: (N, 1, H, H).
        targets: (N, …) distributions; mixed as the faces are.

    Sources: Zhang et al. 2018, "mixup"; Yun et al. 2019, "CutMix". The other face never fills
    more than half, so that most of a target stays with the face that was drawn.
    """
    n, _, height, width = faces.shape
    order = torch.randperm(n, generator=generator, device=faces.device)
    mixed = _uniform(n, 0, 1, generator) < options.mix
    whole = _uniform(n, 0, 1, generator) < 0.5
    share = _uniform(n, 0, 0.5, generator)
    side = torch.sqrt(share)
    hidden = _rectangle(height, width, side * height, side * width, generator)
    covered = hidden.float().mean((1, 2, 3))
    share = torch.where(whole, share, covered) * mixed
    blend = torch.where(whole[:, None, None, None], share[:, None, None, None], hidden.float())
    blend = blend * mixed[:, None, None, None]
    share = share.reshape(n, *[1] * (targets.ndim - 1))
    return (
        faces * (1 - blend) + faces[order] * blend,
        targets * (1 - share) + targets[order] * share,
    )


def _uniform(n: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    draw = torch.rand(n, generator=generator, device=generator.device)
    return draw * (high - low) + low


def _warp(faces: Tensor, options: AugmentOptions, generator: torch.Generator) -> Tensor:
    n = len(faces)
    limit = options.rotate_deg * math.pi / 180
    angle = _uniform(n, -limit, limit, generator)
    zoom = torch.exp(_uniform(n, -options.scale, options.scale, generator))
    squeeze = torch.exp(_uniform(n, -options.squeeze, options.squeeze, generator))
    mirror = torch.where(_uniform(n, 0, 1, generator) < options.flip, -1.0, 1.0)
    reach = options.shift * 2
    rows = [
        torch.cos(angle) * zoom * squeeze * mirror,
        -torch.sin(angle) * zoom,
        _uniform(n, -reach, reach, generator),
        torch.sin(angle) * zoom * mirror,
        torch.cos(angle) * zoom / squeeze,
        _uniform(n, -reach, reach, generator),
    ]
    theta = torch.stack(rows, 1).reshape(n, 2, 3)
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


def _rectangle(
    height: int, width: int, tall: Tensor, wide: Tensor, generator: torch.Generator
) -> Tensor:
    """Return a mask, (N, 1, H, W), of one rectangle per face at a random place."""
    n = len(tall)
    top = _uniform(n, 0, 1, generator) * (height - tall)
    left = _uniform(n, 0, 1, generator) * (width - wide)
    rows = torch.arange(height, device=tall.device)[None, :]
    columns = torch.arange(width, device=tall.device)[None, :]
    inside_y = (rows >= top[:, None]) & (rows < (top + tall)[:, None])
    inside_x = (columns >= left[:, None]) & (columns < (left + wide)[:, None])
    return (inside_y[:, :, None] & inside_x[:, None, :])[:, None]


def _erase(faces: Tensor, options: AugmentOptions, generator: torch.Generator) -> Tensor:
    n, _, height, width = faces.shape
    hit = _uniform(n, 0, 1, generator) < options.erase
    tall = _uniform(n, 0.15, 0.45, generator) * height
    wide = _uniform(n, 0.15, 0.45, generator) * width
    level = _uniform(n, 0, 255, generator)
    hidden = _rectangle(height, width, tall, wide, generator) & hit[:, None, None, None]
    return torch.where(hidden, level[:, None, None, None], faces)


def _degrade(faces: Tensor, options: AugmentOptions, generator: torch.Generator) -> Tensor:
    """Make a part of the batch look like small, blurred, noisy, hard-compressed video."""
    n, side = len(faces), faces.shape[-1]

    def chosen() -> Tensor:
        return _uniform(n, 0, 1, generator) < options.degrade

    # Blur and resizing are linear and the same for rows and columns: one matrix per face.
    sigma = _uniform(n, 0.3, 1.6, generator) * chosen() + 1e-3
    distance = torch.arange(side, device=faces.device, dtype=torch.float32)
    gaps = (distance[:, None] - distance[None, :]) ** 2
    blur = torch.softmax(-gaps / (2 * sigma[:, None, None] ** 2), dim=2)
    pick = (_uniform(n, 0, len(SMALL_PX), generator).long() + 1) * chosen()
    resize = _resize_matrices(side).to(faces.device)[pick]
    matrix = (resize @ blur)[:, None]
    faces = matrix @ faces @ matrix.transpose(2, 3)

    deviation = _uniform(n, 0, 8, generator) * chosen()
    noise = torch.randn(faces.shape, generator=generator, device=faces.device)
    faces = (faces + noise * deviation[:, None, None, None]).clamp(0, 255)
    coarse = chosen()
    blocks = quantise_blocks(faces, _uniform(n, 6, 30, generator))
    return torch.where(coarse[:, None, None, None], blocks, faces)


@lru_cache
def _resize_matrices(side: int) -> Tensor:
    """Return matrices, (1 + sizes, H, H), that shrink H pixels to each of SMALL_PX and enlarge them
    again; the first leaves them as they are."""
    matrices = [torch.eye(side)]
    for small in SMALL_PX:
        shrink = F.interpolate(torch.eye(side)[None, None], (small, side), mode="area")[0, 0]
        enlarge = F.interpolate(
            torch.eye(small)[None, None], (side, small), mode="bilinear", align_corners=False
        )[0, 0]
        matrices.append(enlarge @ shrink)
    return torch.stack(matrices)


@lru_cache
def _cosine_basis() -> Tensor:
    """Return the orthonormal 8×8 cosine transform."""
    k = torch.arange(CODEC_BLOCK_PX, dtype=torch.float32)
    basis = torch.cos((2 * k[None, :] + 1) * k[:, None] * math.pi / (2 * CODEC_BLOCK_PX))
    basis = basis * math.sqrt(2 / CODEC_BLOCK_PX)
    basis[0] /= math.sqrt(2)
    return basis


def quantise_blocks(faces: Tensor, step: Tensor) -> Tensor:
    """Round the 8×8 cosine coefficients as JPEG and H.264 do, coarser for high frequencies.

    Args:
        faces: (N, 1, H, H) grey levels; H a multiple of 8.
        step: (N,) size of a step for the lowest frequency, in grey levels; the highest has three
            times as much, about the slope of JPEG's luminance table (ITU T.81, annex K).
    """
    n, _, height, width = faces.shape
    size = CODEC_BLOCK_PX
    basis = _cosine_basis().to(faces.device)
    k = torch.arange(size, device=faces.device, dtype=torch.float32)
    blocks = faces.reshape(n, height // size, size, width // size, size).transpose(2, 3)
    coefficients = basis @ blocks @ basis.T
    slope = 1 + 2 * (k[:, None] + k[None, :]) / (2 * (size - 1))
    steps = step[:, None, None, None, None] * slope
    coefficients = torch.round(coefficients / steps) * steps
    blocks = basis.T @ coefficients @ basis
    return blocks.transpose(2, 3).reshape(n, 1, height, width).clamp(0, 255)
