"""Make the models here: `python make_prepacked.py FOLDER`, with a PyTorch 2.6 that has XNNPACK.

`optimized` is what `optimize_for_mobile` makes of `plain`, and `nested` has it inside. So has
`training`, on which nobody called eval(). In `unfolded` the code packs weights itself.
"""

import sys
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.mobile_optimizer import optimize_for_mobile

TORCH: Any = torch  # much of it has no types


class Net(nn.Module):
    """Every kind of packed weight, with and without limits."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU6(),
            nn.Conv2d(8, 8, 3, stride=2, groups=8, padding=1), nn.ReLU(),
        )  # fmt: skip
        self.up = nn.ConvTranspose2d(8, 4, 3, stride=2, output_padding=1)
        self.out = nn.Linear(4, 5)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return scores, and an image."""
        image = nn.functional.hardtanh(self.up(self.head(x)), -0.5, 0.5)
        return torch.relu(self.out(image.mean([2, 3]))), image


class Nested(nn.Module):
    """An app's module around one that was optimized before."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what the module inside answers."""
        scores, image = self.inner(x)
        return scores, image


def main(folder: Path) -> None:
    """Write the models."""
    torch.manual_seed(0)
    net = Net()
    for name, tensor in net.named_buffers():
        if name.endswith("running_mean"):
            tensor.uniform_(-1, 1)
        elif name.endswith("running_var"):
            tensor.uniform_(0.5, 2)
    plain = TORCH.jit.script(net.eval())
    plain.save(folder / "plain.pt")
    optimized = optimize_for_mobile(plain)
    optimized.save(folder / "optimized.pt")
    optimized._save_for_lite_interpreter(str(folder / "optimized.ptl"))
    TORCH.jit.script(Nested(optimized).eval()).save(folder / "nested.pt")
    TORCH.jit.script(Nested(optimized).train()).save(folder / "training.pt")
    unfolded = TORCH.jit.load(folder / "plain.pt")
    unfolded = TORCH.jit.freeze(unfolded, optimize_numerics=False)
    TORCH._C._jit_pass_insert_prepacked_ops(unfolded._c)
    unfolded.save(folder / "unfolded.pt")
    for path in (*folder.glob("*.pt"), *folder.glob("*.ptl")):
        _forget_places(path)


def _forget_places(path: Path) -> None:
    """Leave out what tells where the source of a model lay on the machine that made it."""
    with zipfile.ZipFile(path) as made:
        kept = {it: made.read(it) for it in made.infolist() if "debug_pkl" not in it.filename}
    with zipfile.ZipFile(path, "w") as archive:
        for record, content in kept.items():
            archive.writestr(zipfile.ZipInfo(record.filename), content)


main(Path(sys.argv[1]))
