"""Writes the files beside it: layers packed for XNNPACK, by a torch that has XNNPACK.

Desktop wheels of torch have none. Debian's python3-torch 2.6.0 does:
`python3 tests/recorded/prepacked/make.py`.
"""

from pathlib import Path
from typing import List, Optional  # noqa: UP035  TorchScript knows these

import torch
from torch.utils.mobile_optimizer import optimize_for_mobile

HERE = Path(__file__).parent
Numbers = List[int]  # noqa: UP006
Limit = Optional[float]  # noqa: UP045


class Layers(torch.nn.Module):
    """Packs what it is given, and runs it: every shape through one model."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x

    @torch.jit.export
    def convolution(  # noqa: PLR0917  those of the operators
        self, x: torch.Tensor, w: torch.Tensor, b: torch.Tensor | None, stride: list[int],
        padding: list[int], dilation: list[int], groups: int, low: float | None,
        high: float | None,
    ) -> torch.Tensor:  # fmt: skip
        packed = torch.ops.prepacked.conv2d_clamp_prepack(
            w, b, stride, padding, dilation, groups, low, high
        )
        made: torch.Tensor = torch.ops.prepacked.conv2d_clamp_run(x, packed)
        return made

    @torch.jit.export
    def transposed(  # noqa: PLR0917
        self, x: torch.Tensor, w: torch.Tensor, b: torch.Tensor | None, stride: list[int],
        padding: list[int], output_padding: list[int], dilation: list[int], groups: int,
        low: float | None, high: float | None,
    ) -> torch.Tensor:  # fmt: skip
        packed = torch.ops.prepacked.conv2d_transpose_clamp_prepack(
            w, b, stride, padding, output_padding, dilation, groups, low, high
        )
        made: torch.Tensor = torch.ops.prepacked.conv2d_transpose_clamp_run(x, packed)
        return made

    @torch.jit.export
    def linear(
        self, x: torch.Tensor, w: torch.Tensor, b: torch.Tensor | None, low: float | None,
        high: float | None,
    ) -> torch.Tensor:  # fmt: skip
        packed = torch.ops.prepacked.linear_clamp_prepack(w, b, low, high)
        made: torch.Tensor = torch.ops.prepacked.linear_clamp_run(x, packed)
        return made

    @torch.jit.export
    def strides(self, x: torch.Tensor, w: torch.Tensor) -> list[int]:
        """Of the result for an image that is channels-last, and for one that is not."""
        packed = torch.ops.prepacked.conv2d_clamp_prepack(w, None, [1, 1], [0, 0], [1, 1], 1)
        last = x.contiguous(memory_format=torch.channels_last)
        first = torch.ops.prepacked.conv2d_clamp_run(x, packed)
        second = torch.ops.prepacked.conv2d_clamp_run(last, packed)
        strides: list[int] = first.stride() + second.stride()
        return strides


class Network(torch.nn.Module):
    """Each kind of layer, once with each thing that is folded into it."""

    def __init__(self) -> None:
        super().__init__()
        self.features = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3, stride=2, padding=1), torch.nn.BatchNorm2d(8),
            torch.nn.ReLU6(),
            torch.nn.Conv2d(8, 8, (3, 5), padding=(1, 2), groups=8), torch.nn.ReLU(),
            torch.nn.Conv2d(8, 12, 1, groups=4, bias=False),
            torch.nn.ConvTranspose2d(12, 6, (2, 3), stride=2, padding=(0, 1), groups=2),
            torch.nn.ReLU(),
            torch.nn.Conv2d(6, 4, 3, dilation=2), torch.nn.Hardtanh(-0.5, 0.5),
        )  # fmt: skip
        self.head = torch.nn.Sequential(
            torch.nn.Linear(64, 16), torch.nn.ReLU(), torch.nn.Linear(16, 5, bias=False)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.head(self.features(x).flatten(1)[:, :64])
        return made


def for_lite(module: torch.jit.ScriptModule, name: str) -> None:
    module._save_for_lite_interpreter(str(HERE / name))


def main() -> None:
    torch.manual_seed(0)
    for_lite(torch.jit.script(Layers()), "layers.ptl")
    network = Network().eval()
    optimized = optimize_for_mobile(torch.jit.script(network))
    assert "prepacked::conv2d_transpose_clamp_run" in str(optimized.graph)
    for_lite(optimized, "network.ptl")
    x = torch.randn(2, 3, 16, 16)
    torch.save({"x": x, "y": optimized(x).detach()}, HERE / "network.pt")


if __name__ == "__main__":
    main()
