"""The expression network: a small residual network on grey 48×48 faces, cheap on a CPU."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from inference.types import EXPRESSIONS

INPUT_PX = 48
"""Side of the square input: FER2013's own size, so that its tiles are used as they are."""

WIDTHS = (32, 64, 128, 192)
"""Channels at 24, 12, 6 and 3 px. Plain 3×3 convolutions: depthwise ones need fewer operations
but ran slower on the CPUs we tried."""

CONTRAST_FLOOR = 8.0
"""Least standard deviation, in grey levels, that a crop is divided by: a flat crop stays flat."""


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions beside a shortcut, with a channel gate before the sum."""

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False)
        self.norm1: nn.Module = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.norm2: nn.Module = nn.BatchNorm2d(channels_out)
        self.squeeze = nn.Linear(channels_out, channels_out // 8)
        self.excite = nn.Linear(channels_out // 8, channels_out)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels_in != channels_out:
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(stride) if stride != 1 else nn.Identity(),
                nn.Conv2d(channels_in, channels_out, 1, bias=False),
                nn.BatchNorm2d(channels_out),
            )

    def forward(self, x: Tensor) -> Tensor:
        """Give the block's output: channels_out channels, the side divided by the stride."""
        out = torch.relu(self.norm1(self.conv1(x)))
        out = self.norm2(self.conv2(out))
        gate = self.excite(torch.relu(self.squeeze(out.mean((2, 3)))))
        out = out * torch.sigmoid(gate)[:, :, None, None]
        return torch.relu(out + self.shortcut(x))


class ExpressionNet(nn.Module):
    """Grey faces to one logit per expression, columns in EXPRESSIONS order."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        w24, w12, w6, w3 = WIDTHS
        self.stem = nn.Sequential(
            nn.Conv2d(1, w24, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(w24),
            nn.ReLU(),
            nn.Conv2d(w24, w24, 3, padding=1, bias=False),
            nn.BatchNorm2d(w24),
            nn.ReLU(),
        )
        self.body = nn.Sequential(
            ResidualBlock(w24, w12, stride=2),
            ResidualBlock(w12, w12),
            ResidualBlock(w12, w6, stride=2),
            ResidualBlock(w6, w6),
            ResidualBlock(w6, w3, stride=2),
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(w3, len(EXPRESSIONS))

    def forward(self, faces: Tensor) -> Tensor:
        """Give logits for faces.

        Args:
            faces: float32 grey levels 0–255, shape (N, 1, 48, 48), not normalised: each face is
                brought to mean 0 and deviation 1 here, so that light and exposure matter little.

        Returns:
            (N, 7) logits, before temperature.
        """
        mean = faces.mean((1, 2, 3), keepdim=True)
        deviation = faces.std((1, 2, 3), keepdim=True).clamp(min=CONTRAST_FLOOR)
        x = self.body(self.stem((faces - mean) / deviation))
        logits: Tensor = self.head(self.dropout(x.mean((2, 3))))
        return logits

    def folded(self) -> ExpressionNet:
        """Give a copy for inference, normalisation folded into the convolutions: the same
        results up to rounding, and faster. The network must be in eval mode."""
        net = copy.deepcopy(self)
        _fold(net.stem, 0, 1)
        _fold(net.stem, 3, 4)
        for block in net.body:
            assert isinstance(block, ResidualBlock)
            assert isinstance(block.norm1, nn.BatchNorm2d)
            assert isinstance(block.norm2, nn.BatchNorm2d)
            block.conv1 = fuse_conv_bn_eval(block.conv1, block.norm1)
            block.conv2 = fuse_conv_bn_eval(block.conv2, block.norm2)
            block.norm1, block.norm2 = nn.Identity(), nn.Identity()
            if isinstance(block.shortcut, nn.Sequential):
                _fold(block.shortcut, 1, 2)
        return net


def place(net: ExpressionNet, device: str) -> ExpressionNet:
    """Move a network to a device, laid out channels-last: what convolutions run fastest on."""
    net.to(device)
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in the stub
    return net


def _fold(parts: nn.Sequential, convolution: int, norm: int) -> None:
    """Fold the normalisation at index `norm` into the convolution at index `convolution`."""
    first, second = parts[convolution], parts[norm]
    assert isinstance(first, nn.Conv2d)
    assert isinstance(second, nn.BatchNorm2d)
    parts[convolution] = fuse_conv_bn_eval(first, second)
    parts[norm] = nn.Identity()
