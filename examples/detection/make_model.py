"""Write a small detector that calls `nms` and `roi_align` of torchvision."""

import argparse
import runpy
from pathlib import Path

import torch
from torch import Tensor, nn

runpy.run_path(str(Path(__file__).with_name("operators.py")))


class Detector(nn.Module):
    """Propose boxes on a feature map, keep the best, and classify what is in them."""

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.sizes = [8.0, 16.0]
        self.stride = 4  # pixels of a cell of the feature map
        self.features = nn.Sequential(
            nn.Conv2d(3, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
        )
        self.propose = nn.Conv2d(32, 5 * len(self.sizes), 1)
        self.classify = nn.Linear(32 * 9, classes)

    def forward(
        self, image: Tensor, overlap: float = 0.5, most: int = 10
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Find things in an image [3, H, W]; at most `most` boxes that overlap up to `overlap`.

        Returns boxes [N, 4] in pixels, their scores [N] and the class of each [N].
        """
        features = self.features(image.unsqueeze(0))
        boxes, scores = self.boxes(features)
        kept = torch.ops.torchvision.nms(boxes, scores, overlap)[:most]
        boxes, scores = boxes[kept], scores[kept]
        regions = torch.cat([torch.zeros(len(boxes), 1), boxes], 1)
        cut = torch.ops.torchvision.roi_align(
            features, regions, 1 / self.stride, 3, 3, 2, aligned=True
        )
        return boxes, scores, self.classify(cut.flatten(1)).argmax(1)

    def boxes(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return a box and its score for each cell and size."""
        height, width = features.shape[-2:]
        y, x = torch.meshgrid(
            torch.arange(height).float(), torch.arange(width).float(), indexing="ij"
        )
        found = self.propose(features)[0].reshape(-1, 5, height, width)
        boxes: list[Tensor] = []
        for number, size in enumerate(self.sizes):
            moved = found[number, :4].tanh() * size / 2
            cx, cy = (x + 0.5) * self.stride + moved[0], (y + 0.5) * self.stride + moved[1]
            half_width, half_height = size / 2 + moved[2] / 2, size / 2 + moved[3] / 2
            corners = [cx - half_width, cy - half_height, cx + half_width, cy + half_height]
            boxes.append(torch.stack(corners, -1).reshape(-1, 4))
        return torch.cat(boxes), found[:, 4].flatten().sigmoid()


def make_model() -> torch.jit.ScriptModule:
    """Return the scripted model; its weights are random, but the same on every machine."""
    torch.manual_seed(0)
    return torch.jit.script(Detector().eval())


def make_inputs() -> tuple[Tensor]:
    """Return the argument of one call: an image with bright squares in noise."""
    image = torch.rand(3, 48, 64, generator=torch.Generator().manual_seed(1)) * 0.2
    for place in (6, 25, 44):
        image[:, place // 2 : place // 2 + 14, place : place + 14] += 0.7
    return (image,)


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
