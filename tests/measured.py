"""Write the models that speed is measured with: seeded, untrained weights, nothing is downloaded.

    python -m tests.measured OUTDIR

Each is there as `NAME.pt`, as users export it, as `NAME.ptl`, as PyTorch's lite interpreter takes
it, and with the arguments of one call, `NAME.inputs`.
"""

import argparse
import runpy
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.places import EXAMPLES

CLASSES: Final = 1000


class Residual(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, channels: int, out_channels: int, stride: int) -> None:
        """Begin with seeded weights, as all modules here do."""
        super().__init__()
        self.first = nn.Conv2d(channels, out_channels, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(out_channels)
        self.second = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(out_channels)
        self.shortcut = (
            nn.Identity()
            if stride == 1 and channels == out_channels
            else nn.Sequential(
                nn.Conv2d(channels, out_channels, 1, stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return N x out_channels x H/stride x W/stride."""
        hidden = functional.relu(self.first_norm(self.first(features)))
        hidden = self.second_norm(self.second(hidden))
        return functional.relu(hidden + self.shortcut(features))


class ResNet18(nn.Module):
    """The network of He et al., 2015, with 11.7 million weights."""

    def __init__(self) -> None:
        """Make four groups of two blocks."""
        super().__init__()
        blocks: list[nn.Module] = []
        channels = 64
        for out_channels, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
            blocks += [
                Residual(channels, out_channels, stride),
                Residual(out_channels, out_channels, 1),
            ]
            channels = out_channels
        first = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.stem = nn.Sequential(first, nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(channels, CLASSES)

    def forward(self, image: Tensor) -> Tensor:
        """Return class scores, N x 1000, of images, N x 3 x 224 x 224."""
        scores: Tensor = self.head(self.blocks(self.stem(image)).mean((2, 3)))
        return scores


class EncoderLayer(nn.Module):
    """Attention and a feed-forward network, each with a residual and a normalisation."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        """Make a layer of so many heads."""
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(width, 3 * width)
        self.join = nn.Linear(width, width)
        self.widen = nn.Linear(width, hidden)
        self.narrow = nn.Linear(hidden, width)
        self.attended = nn.LayerNorm(width)
        self.fed = nn.LayerNorm(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return N x T x width of N x T x width."""
        count, length, width = tokens.shape
        split = self.project(tokens).view(count, length, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4).unbind(0)
        scores = query @ key.transpose(-2, -1) / (width // self.heads) ** 0.5
        heads = (scores.softmax(-1) @ value).transpose(1, 2).reshape(count, length, width)
        tokens = self.attended(tokens + self.join(heads))
        fed: Tensor = self.fed(tokens + self.narrow(functional.gelu(self.widen(tokens))))
        return fed


class Tagger(nn.Module):
    """A bidirectional LSTM of two layers over words, and a score for each tag of each word."""

    def __init__(self, words: int, width: int, tags: int) -> None:
        """Know so many words and tags."""
        super().__init__()
        self.embed = nn.Embedding(words, width)
        self.lstm = nn.LSTM(width, width, 2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * width, tags)

    def forward(self, words: Tensor) -> Tensor:
        """Return N x T x tags of N x T numbers of words."""
        scores: Tensor = self.head(self.lstm(self.embed(words))[0])
        return scores


@dataclass(frozen=True)
class Spec:
    """How to make a model and the arguments of one call. Without `traced` it is scripted."""

    make: Callable[[], nn.Module]
    inputs: Callable[[], tuple[Tensor, ...]]
    traced: bool = True


def _mobilenet() -> nn.Module:
    path = EXAMPLES / "mobilenet_v2" / "make_model.py"
    example = runpy.run_path(str(path), run_name="mobilenet_v2")  # TorchScript writes the name down
    module: nn.Module = example["MobileNetV2"]()
    return module


def _images() -> tuple[Tensor, ...]:
    return (torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(1)),)


SPECS: Final[Mapping[str, Spec]] = MappingProxyType(
    {
        "mobilenet_v2": Spec(_mobilenet, _images, traced=False),
        "resnet18": Spec(ResNet18, _images),
        "encoder": Spec(
            lambda: nn.Sequential(*(EncoderLayer(256, 8, 1024) for _ in range(4))),
            lambda: (torch.randn(1, 128, 256, generator=torch.Generator().manual_seed(1)),),
        ),
        "tagger": Spec(
            lambda: Tagger(5000, 256, 32),
            lambda: (torch.arange(40).remainder(17).unsqueeze(0),),
        ),
    }
)


def write(name: str, folder: Path) -> Path:
    """Write one of the models with its inputs; return the `.pt`."""
    spec = SPECS[name]
    torch.manual_seed(0)
    module = spec.make().eval()
    path = folder / f"{name}.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, about the age of TorchScript
        jit: Any = torch.jit
        script = jit.trace(module, spec.inputs()) if spec.traced else jit.script(module)
        script.save(str(path))
        script._save_for_lite_interpreter(str(folder / f"{name}.ptl"))
    torch.save(spec.inputs(), folder / f"{name}.inputs")
    return path


def main() -> None:
    """Write all of them into the folder of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="OUTDIR", help="made if missing")
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name in SPECS:
        sys.stdout.write(f"{write(name, folder)}\n")


if __name__ == "__main__":
    main()
