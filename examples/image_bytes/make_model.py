"""Write a classifier that takes camera bytes as they are and prepares them inside the model."""

import argparse
from pathlib import Path

import torch
from torch import Tensor, nn

CLASSES = 5
SIZE = 64


class ImageBytes(nn.Module):
    """Bytes, height x width x RGB of any size, to class probabilities."""

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225]).reshape(1, 3, 1, 1))
        self.network = nn.Sequential(
            nn.Conv2d(3, 8, kernel_size=3, stride=2, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, kernel_size=3, stride=2, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(16, CLASSES),
            nn.Softmax(dim=1),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Return class probabilities, 1 x 5, of one image, H x W x 3 (uint8)."""
        planes = image.permute(2, 0, 1).unsqueeze(0).to(torch.float32) / 255.0
        resized = nn.functional.interpolate(
            planes, size=(SIZE, SIZE), mode="bilinear", align_corners=False
        )
        probabilities: Tensor = self.network((resized - self.mean) / self.deviation)
        return probabilities


def make_inputs() -> tuple[Tensor]:
    """Return the arguments of one call, the same on every machine."""
    generator = torch.Generator().manual_seed(1)
    return (torch.randint(0, 256, (120, 160, 3), dtype=torch.uint8, generator=generator),)


def make_model() -> torch.jit.ScriptModule:
    """Return the traced model with seeded, untrained weights.

    Traced, not scripted: scripting `interpolate` would ask the runtime for every kind of
    interpolation it can do. The size of the result is fixed, so the trace holds for any image.
    """
    torch.manual_seed(0)
    model = ImageBytes().eval()
    traced: torch.jit.ScriptModule = torch.jit.trace(  # type: ignore[no-untyped-call]
        model, make_inputs()
    )
    return traced


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
