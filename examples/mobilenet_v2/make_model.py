"""Write MobileNetV2 (width 1.0, 1,000 classes), scripted, with arguments to run it on."""

import argparse
from pathlib import Path

import torch
from torch import Tensor, nn

CLASSES = 1000
LAST_CHANNELS = 1280

STAGES = (
    # expansion, channels out, blocks, stride of the first block (table 2 of the MobileNetV2 paper)
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def conv_bn(
    channels: int, out_channels: int, *, kernel: int = 1, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    """Return a convolution that keeps the size (up to its stride), and its normalisation."""
    conv = nn.Conv2d(
        channels, out_channels, kernel, stride, padding=kernel // 2, groups=groups, bias=False
    )
    nn.init.kaiming_normal_(conv.weight, mode="fan_out")
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels))


class InvertedResidual(nn.Module):
    """Widen, filter each channel by itself, narrow; add the input where the shapes agree."""

    def __init__(self, channels: int, out_channels: int, *, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = channels * expansion
        layers: list[nn.Module] = []
        if expansion != 1:
            layers += [conv_bn(channels, hidden), nn.ReLU6()]
        layers += [conv_bn(hidden, hidden, kernel=3, stride=stride, groups=hidden), nn.ReLU6()]
        layers += [conv_bn(hidden, out_channels)]
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and channels == out_channels

    def forward(self, features: Tensor) -> Tensor:
        """Return N x out_channels x H/stride x W/stride."""
        narrowed: Tensor = self.layers(features)
        return features + narrowed if self.residual else narrowed


class MobileNetV2(nn.Module):
    """The network of Sandler et al., 2018: 3.5 million parameters, 17 residual blocks."""

    def __init__(self) -> None:
        super().__init__()
        channels = 32
        layers: list[nn.Module] = [conv_bn(3, channels, kernel=3, stride=2), nn.ReLU6()]
        for expansion, out_channels, blocks, first_stride in STAGES:
            for block in range(blocks):
                stride = first_stride if block == 0 else 1
                layers.append(
                    InvertedResidual(channels, out_channels, stride=stride, expansion=expansion)
                )
                channels = out_channels
        layers += [conv_bn(channels, LAST_CHANNELS), nn.ReLU6()]
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(LAST_CHANNELS, CLASSES))

    def forward(self, image: Tensor) -> Tensor:
        """Return class scores, N x 1000, of images, N x 3 x 224 x 224."""
        scores: Tensor = self.classifier(self.pool(self.features(image)).flatten(1))
        return scores


def make_inputs() -> tuple[Tensor]:
    """Return the arguments of one call, the same on every machine."""
    generator = torch.Generator().manual_seed(1)
    return (torch.rand(1, 3, 224, 224, generator=generator),)


def make_model() -> torch.jit.ScriptModule:
    """Return the scripted model with seeded, untrained weights."""
    torch.manual_seed(0)
    return torch.jit.script(MobileNetV2().eval())


def main() -> None:
    """Write `model.pt` and `inputs.pt` into the folder named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="OUTDIR", help="made if missing")
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    make_model().save(str(folder / "model.pt"))
    torch.save(make_inputs(), folder / "inputs.pt")


if __name__ == "__main__":
    main()
