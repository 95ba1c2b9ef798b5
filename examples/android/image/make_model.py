"""Train a model that names the colour in an image, and write it with the names beside.

It takes seconds: the images are made up. A model of your own takes its place if it answers with
probabilities, and its file has `labels.txt`.
"""

import argparse
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

SIDE: Final = 64
TRAINED_SIDE: Final = 16
"""The model takes the mean over an image, so that small ones teach it the same, sooner."""

MEAN: Final = (0.485, 0.456, 0.406)
STD: Final = (0.229, 0.224, 0.225)
"""What `TensorImageUtils` calls TORCHVISION_NORM."""

COLOURS: Final = {
    "black": ((0, 360), (0, 1), (0, 0.1)),
    "white": ((0, 360), (0, 0.06), (0.9, 1)),
    "grey": ((0, 360), (0, 0.08), (0.3, 0.7)),
    "red": ((-10, 10), (0.75, 1), (0.5, 1)),
    "orange": ((22, 36), (0.8, 1), (0.8, 1)),
    "brown": ((15, 35), (0.6, 1), (0.25, 0.5)),
    "yellow": ((50, 65), (0.7, 1), (0.75, 1)),
    "green": ((90, 150), (0.5, 1), (0.3, 1)),
    "cyan": ((172, 192), (0.6, 1), (0.6, 1)),
    "blue": ((212, 248), (0.6, 1), (0.4, 1)),
    "purple": ((265, 292), (0.5, 1), (0.4, 0.9)),
    "pink": ((312, 342), (0.35, 0.8), (0.85, 1)),
}
"""Ranges of hue, saturation and value."""


class Namer(nn.Module):
    """Two strided convolutions, the mean over the image, a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 32, kernel_size=3, stride=4), nn.ReLU(),
            nn.Conv2d(32, 32, kernel_size=3, stride=2), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
        )  # fmt: skip
        self.head = nn.Linear(32, len(COLOURS))

    def forward(self, image: Tensor) -> Tensor:
        """Return probabilities, N x colours, of normalised images, N x 3 x 64 x 64."""
        return torch.softmax(self.head(self.features(image).flatten(1)), dim=1)


def rgb(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """Return colours between 0 and 1, N x 3."""
    sector = (torch.tensor([5.0, 3.0, 1.0]) + hue[:, None] / 60) % 6
    missing = torch.minimum(sector, 4 - sector).clamp(0, 1)
    return value[:, None] * (1 - saturation[:, None] * missing)


def normalized(colours: Tensor) -> Tensor:
    """Return what the model takes of colours between 0 and 1, N x 3 x ..."""
    shape = (1, 3, *[1] * (colours.dim() - 2))
    return (colours - torch.tensor(MEAN).view(shape)) / torch.tensor(STD).view(shape)


def make_images(count: int, generator: torch.Generator, side: int = SIDE) -> tuple[Tensor, Tensor]:
    """Return noisy images of one colour each, under uneven light, and the colours' numbers."""
    targets = torch.randint(len(COLOURS), (count,), generator=generator)
    ranges = torch.tensor(list(COLOURS.values()), dtype=torch.float32)[targets]
    drawn = torch.rand(count, 3, generator=generator)
    hue, saturation, value = (ranges[:, :, 0] + drawn * (ranges[:, :, 1] - ranges[:, :, 0])).T
    light = 1 - 0.1 * torch.rand(count, 1, 1, side, generator=generator).cumsum(-1) / side
    noise = 0.02 * torch.randn(count, 3, side, side, generator=generator)
    images = rgb(hue, saturation, value)[:, :, None, None] * light + noise
    return normalized(images.clamp(0, 1)), targets


def train(steps: int = 200) -> Namer:
    """Return a trained model."""
    torch.set_num_threads(1)  # images are small, and threads only wait for each other
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    model = Namer()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(steps):
        images, targets = make_images(64, generator, TRAINED_SIDE)
        loss = nn.functional.nll_loss(torch.log(model(images) + 1e-9), targets)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return model.eval()


def main() -> None:
    """Write `colours.pt` and `colours_inputs.pt` into the folder named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="OUTDIR", help="made if missing")
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    labels = "\n".join(COLOURS)
    torch.jit.save(
        torch.jit.script(train()), folder / "colours.pt", _extra_files={"labels.txt": labels}
    )
    images, _ = make_images(1, torch.Generator().manual_seed(1))
    torch.save((images,), folder / "colours_inputs.pt")


if __name__ == "__main__":
    main()
