"""The expression network: a small residual network on grey 48×48 faces, cheap on a CPU."""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from inference.schema.arrays import EXPRESSIONS

INPUT_PX = 48
"""Side of the square input: FER2013's own size, so that its tiles are used as they are."""

READINGS = ("label", "votes")
"""The two questions that a network answers for every face: which label FER2013's one annotator
gave, and how ten annotators (FER+) vote. They are two because their answers differ: the majority of
FER+ names FER2013's label for 65 % of the faces, so that one answer cannot be good at both.
Reports use the second."""

CONTRAST_FLOOR = 8.0
"""Least standard deviation, in grey levels, that a crop is divided by: a flat crop stays flat."""


class FaceNet(nn.Module):
    """What every architecture is: grey faces in, two readings out.

    A subclass defines `features` and says how wide they are. A normalisation that is listed right
    after a convolution must normalise that convolution's output (`folded` relies on it).
    """

    def __init__(self, width: int, dropout: float) -> None:
        """Take the width of the features, and the share of them that is dropped in training."""
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, len(READINGS) * len(EXPRESSIONS))

    def features(self, faces: Tensor) -> Tensor:
        """Return (N, width) for standardised faces, (N, 1, 48, 48)."""
        raise NotImplementedError

    def forward(self, faces: Tensor) -> Tensor:
        """Return logits for faces.

        Args:
            faces: float32 grey levels 0–255, shape (N, 1, 48, 48), not normalised: each face is
                brought to mean 0 and deviation 1 here, so that light and exposure matter little.

        Returns:
            (N, 2, 7) logits before temperature: READINGS, then EXPRESSIONS.
        """
        mean = faces.mean((1, 2, 3), keepdim=True)
        deviation = faces.std((1, 2, 3), keepdim=True).clamp(min=CONTRAST_FLOOR)
        features = self.dropout(self.features((faces - mean) / deviation))
        logits: Tensor = self.head(features)
        return logits.reshape(-1, len(READINGS), len(EXPRESSIONS))

    def folded(self) -> FaceNet:
        """Return a copy for inference, normalisation folded into the convolutions: the same
        results up to rounding, and faster. The network must be in eval mode."""
        net = copy.deepcopy(self)
        for part in list(net.modules()):
            children = list(part.named_children())
            for (name, first), (after, second) in pairwise(children):
                if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                    setattr(part, name, fuse_conv_bn_eval(first, second))
                    setattr(part, after, nn.Identity())
        return net


Net = TypeVar("Net", bound=FaceNet)


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
        """Return the block's output: channels_out channels, the side divided by the stride."""
        out = torch.relu(self.norm1(self.conv1(x)))
        out = self.norm2(self.conv2(out))
        gate = self.excite(torch.relu(self.squeeze(out.mean((2, 3)))))
        out = out * torch.sigmoid(gate)[:, :, None, None]
        return torch.relu(out + self.shortcut(x))


class ExpressionNet(FaceNet):
    """The network of our own. Plain 3×3 convolutions: depthwise ones need fewer operations but ran
    slower on the CPUs we tried."""

    def __init__(
        self,
        dropout: float = 0.0,
        widths: tuple[int, ...] = (32, 64, 128, 192),
        blocks: tuple[int, ...] = (0, 2, 2, 1),
        fine_stem: bool = False,
    ) -> None:
        """Take the shape.

        Args:
            dropout: share of the features dropped in training.
            widths: channels at 24, 12, 6 and 3 px.
            blocks: residual blocks at each of these sizes; only the first may be 0.
            fine_stem: look at 48 px with 3×3 first; otherwise a 5×5 goes to 24 px at once.
        """
        super().__init__(widths[-1], dropout)
        first = widths[0]
        if fine_stem:
            stem = [nn.Conv2d(1, first, 3, padding=1, bias=False), nn.BatchNorm2d(first), nn.ReLU(),
                    nn.Conv2d(first, first, 3, stride=2, padding=1, bias=False)]  # fmt: skip
        else:
            stem = [nn.Conv2d(1, first, 5, stride=2, padding=2, bias=False), nn.BatchNorm2d(first),
                    nn.ReLU(), nn.Conv2d(first, first, 3, padding=1, bias=False)]  # fmt: skip
        self.stem = nn.Sequential(*stem, nn.BatchNorm2d(first), nn.ReLU())
        body: list[nn.Module] = []
        channels = first
        for stage, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            for block in range(count):
                stride = 2 if stage and not block else 1
                body.append(ResidualBlock(channels, width, stride))
                channels = width
        self.body = nn.Sequential(*body)

    def features(self, faces: Tensor) -> Tensor:
        """Return the mean over the last, 3×3, map."""
        features: Tensor = self.body(self.stem(faces)).mean((2, 3))
        return features


def place(net: Net, device: str) -> Net:
    """Move a network to a device, laid out channels-last: what convolutions run fastest on."""
    net.to(device)
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in the stub
    return net
