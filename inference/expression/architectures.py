"""The architectures that can be trained by name: our own, and those of earlier tools."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from inference.errors import WeightsInvalid
from inference.expression.model import READINGS, ExpressionNet, FaceNet
from inference.schema.arrays import EXPRESSIONS

DEFAULT_ARCHITECTURE = "residual"


class PlainNet(FaceNet):
    """Stages of 3×3 convolutions, each halved in size by pooling, and one hidden layer."""

    def __init__(self, stages: tuple[tuple[int, ...], ...], normalised: bool) -> None:
        """Take the channels of every convolution, stage by stage; normalise each if asked to."""
        super().__init__(512, dropout=0.5)
        layers: list[nn.Module] = []
        channels = 1
        for stage in stages:
            for width in stage:
                layers.append(nn.Conv2d(channels, width, 3, padding=1, bias=not normalised))
                if normalised:
                    layers.append(nn.BatchNorm2d(width))
                layers.append(nn.ReLU())
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.body = nn.Sequential(*layers)
        side = 48 // 2 ** len(stages)
        self.hidden = nn.Linear(channels * side * side, 512)

    def features(self, faces: Tensor) -> Tensor:
        """Return the hidden layer."""
        return torch.relu(self.hidden(self.body(faces).flatten(1)))


class Bottleneck(nn.Module):
    """ResNet's block of 1×1, 3×3 and 1×1 convolutions (He et al. 2016), named as torchvision
    names its parts, so that its weights fit."""

    def __init__(self, channels_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, width * 4, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width * 4)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or channels_in != width * 4:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels_in, width * 4, 1, stride, bias=False), nn.BatchNorm2d(width * 4)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output: width × 4 channels, the side divided by the stride."""
        out = torch.relu(self.bn1(self.conv1(x)))
        out = torch.relu(self.bn2(self.conv2(out)))
        return torch.relu(self.bn3(self.conv3(out)) + self.downsample(x))


class ResNet50(FaceNet):
    """ResNet50 on one grey channel, with an optional hidden layer before the head."""

    def __init__(self, dropout: float, hidden: int = 0) -> None:
        """Take the width of the hidden layer, 0 for none."""
        super().__init__(hidden or 2048, dropout)
        self.conv1 = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        channels = 64
        for index, (width, count) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3))):
            blocks = []
            for block in range(count):
                stride = 2 if index and not block else 1
                blocks.append(Bottleneck(channels, width, stride))
                channels = width * 4
            setattr(self, f"layer{index + 1}", nn.Sequential(*blocks))
        self.hidden = nn.Sequential(nn.Linear(2048, hidden), nn.ReLU()) if hidden else nn.Identity()

    def features(self, faces: Tensor) -> Tensor:
        """Return the mean over the last map, through the hidden layer if there is one."""
        x = self.pool(torch.relu(self.bn1(self.conv1(faces))))
        for index in range(4):
            x = getattr(self, f"layer{index + 1}")(x)
        features: Tensor = self.hidden(x.mean((2, 3)))
        return features


ARCHITECTURES: dict[str, Callable[[float], FaceNet]] = {
    # Our own: the one that is trained by default, the smaller one that came first, and
    # one too slow for a call, to teach the others.
    "residual": partial(
        ExpressionNet, widths=(32, 64, 128, 256), blocks=(1, 2, 2, 2), fine_stem=True
    ),
    "compact": ExpressionNet,
    "teacher": partial(
        ExpressionNet, widths=(64, 128, 256, 512), blocks=(2, 2, 2, 2), fine_stem=True
    ),
    # Those of earlier tools, in the shapes they had, on our data and recipe. Their dropout of one
    # half belongs to them.
    "original": lambda _: PlainNet(((32,), (64,), (128,)), normalised=False),
    "modern": lambda _: PlainNet(((32, 64), (128,)), normalised=True),
    "regularized": lambda _: PlainNet(((32, 32), (64, 64), (128, 128)), normalised=True),
    "transfer": lambda _: ResNet50(0.5, hidden=512),
    "resnet50": ResNet50,
}
"""Name to network, given the share of dropout."""


def build_network(architecture: str, dropout: float = 0.0) -> FaceNet:
    """Return an untrained network.

    Raises:
        ValueError: there is no architecture of this name.
    """
    if architecture not in ARCHITECTURES:
        raise ValueError(
            f"There is no architecture {architecture!r}: use {', '.join(ARCHITECTURES)}."
        )
    return ARCHITECTURES[architecture](dropout)


def start_from(net: FaceNet, path: Path) -> int:
    """Take over what fits, by name and shape, from a weights file; the rest stays as it was.

    Takes files of our own and torchvision's ResNet50: three colour channels of a first
    convolution are summed to the grey one, which is what they compute for a grey picture.

    Returns:
        How many tensors were taken over.

    Raises:
        WeightsInvalid: it is not a readable safetensors file, or nothing in it fits.
    """
    try:
        given = load_file(path)
    except (SafetensorError, OSError) as exc:
        raise WeightsInvalid(f"{path} is not a readable safetensors file ({exc}).") from exc
    own = net.state_dict()
    taken = {}
    for name, value in widen_head(given).items():
        if name not in own:
            continue
        if value.ndim == 4 and value.shape[1] == 3 and own[name].shape[1] == 1:
            value = value.sum(1, keepdim=True)
        if value.shape == own[name].shape:
            taken[name] = value.to(own[name].dtype)
    if not any(name.endswith("weight") for name in taken):
        raise WeightsInvalid(f"Nothing in {path} fits this network: choose its architecture.")
    net.load_state_dict(own | taken)
    return len(taken)


def widen_head(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return weights whose head has both readings: files of version 1 have one, which answers both
    questions."""
    return {
        name: torch.cat([value] * len(READINGS))
        if name in ("head.weight", "head.bias") and len(value) == len(EXPRESSIONS)
        else value
        for name, value in state.items()
    }
