"""Write a small image classifier quantized to 8 bits, with arguments to run it on."""

import argparse
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.ao import quantization as aq
from torch.ao.nn.quantized import FloatFunctional

CLASSES = 10
CALIBRATION = 8


class QuantizedClassifier(nn.Module):
    """Convolutions with a residual connection, between a quantizer and a dequantizer."""

    qconfig: aq.QConfig

    def __init__(self) -> None:
        super().__init__()
        self.quantize = aq.QuantStub()
        self.first = nn.Conv2d(3, 16, 3, stride=2, padding=1)
        self.relu = nn.ReLU()
        self.depthwise = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.residual = FloatFunctional()
        self.wide = nn.Conv2d(16, 32, 1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(32, CLASSES)
        self.dequantize = aq.DeQuantStub()

    def forward(self, image: Tensor) -> Tensor:
        """Return float scores, N x 10, of float images, N x 3 x H x W."""
        hidden = self.relu(self.first(self.quantize(image)))
        hidden = self.wide(self.residual.add(hidden, self.depthwise(hidden)))
        scores: Tensor = self.dequantize(self.head(self.pool(hidden).flatten(1)))
        return scores


def images(seed: int) -> Tensor:
    """Return one image, the same on every machine."""
    return torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(seed))


def make_inputs() -> tuple[Tensor]:
    """Return the arguments of one call."""
    return (images(1),)


def make_model() -> torch.jit.ScriptModule:
    """Return the scripted model: seeded weights, per channel, and calibrated activations."""
    torch.manual_seed(0)
    torch.backends.quantized.engine = "qnnpack"  # the kernels of phones
    model = QuantizedClassifier().eval()
    model.qconfig = aq.QConfig(
        activation=aq.HistogramObserver.with_args(reduce_range=False),
        weight=aq.default_per_channel_weight_observer,
    )
    prepared = aq.prepare(aq.fuse_modules(model, [["first", "relu"]]))
    for seed in range(CALIBRATION):
        prepared(images(seed))
    return torch.jit.script(aq.convert(prepared))


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
