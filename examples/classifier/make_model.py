"""Write a small image classifier, traced, with the arguments it was traced on."""

import argparse
import io
import zipfile
from pathlib import Path

import torch
from torch import Tensor, nn

CLASSES = 10


class Classifier(nn.Module):
    """Three strided convolutions over a 32x32 picture, then a linear layer: 6,698 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *self._block(3, 8),
            *self._block(8, 16),
            *self._block(16, 32),
            nn.AdaptiveAvgPool2d(1),
        )
        self.head = nn.Linear(32, CLASSES)

    @staticmethod
    def _block(channels: int, out_channels: int) -> tuple[nn.Module, ...]:
        conv = nn.Conv2d(channels, out_channels, kernel_size=3, stride=2, padding=1, bias=False)
        return conv, nn.BatchNorm2d(out_channels), nn.ReLU()

    def forward(self, image: Tensor) -> Tensor:
        """Return class probabilities, N x 10, of images, N x 3 x 32 x 32."""
        return torch.softmax(self.head(self.features(image).flatten(1)), dim=1)


def make_inputs() -> tuple[Tensor]:
    """Return the arguments of one call, the same on every machine."""
    generator = torch.Generator().manual_seed(1)
    return (torch.rand(1, 3, 32, 32, generator=generator),)


def make_model() -> torch.jit.ScriptModule:
    """Return the traced model with seeded, untrained weights."""
    torch.manual_seed(0)
    model = Classifier().eval()
    traced: torch.jit.ScriptModule = torch.jit.trace(  # type: ignore[no-untyped-call]
        model, make_inputs()
    )
    return traced


def without_debug_records(model: torch.jit.ScriptModule) -> bytes:
    """Return what `model.save` writes, less the records that name source files of this machine.

    A model that is shipped need not tell where it was made. Tracebacks then show TorchScript.
    """
    whole, kept = io.BytesIO(), io.BytesIO()
    torch.jit.save(model, whole)
    with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(kept, "w") as stripped:
        for member in archive.infolist():
            if not member.filename.endswith(".debug_pkl"):
                stripped.writestr(member, archive.read(member))
    return kept.getvalue()


def main() -> None:
    """Write `model.pt` and `inputs.pt` into the folder named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="OUTDIR", help="made if missing")
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.pt").write_bytes(without_debug_records(make_model()))
    torch.save(make_inputs(), folder / "inputs.pt")


if __name__ == "__main__":
    main()
