"""Round floats to 8-bit numbers as the runtime does, bit for bit.

Note [Whose rounding]: QNNPACK's kernels answer alike in every PyTorch from 2.6 to 2.13. What
differs is how floats become 8-bit numbers outside of them. The wheels have FBGEMM, and round
`value / scale + zero_point`. Builds without it (PyTorch 2.6.0 on a device, and so every runtime)
round `value / scale`, and add the zero point after that (`quantize_val` in
aten/src/ATen/native/quantized/AffineQuantizerBase.cpp). The two are one step apart at ties and
close to them. Few such steps in the first layer are hundreds of other numbers after fifty layers.
"""

from dataclasses import dataclass, field
from typing import Final

import torch
from torch import Tensor

INTEGERS: Final = {torch.quint8: torch.uint8, torch.qint8: torch.int8}
"""By the dtype of 8-bit numbers, the dtype of what they are stored as."""

_FARTHEST: Final = 1024.0
"""Steps. What is farther from the zero point becomes the last 8-bit number anyway."""


@dataclass(slots=True)
class Rounder:
    """Rounds as runtimes do, and keeps in mind whether any of it was unsure.

    `computed`: whether float kernels have answered by now, so that what is rounded is unsure (Note
    [Sure and unsure]). `noise` moves unsure values at random, by at most this share of the largest
    one, to find out how far that moves the answers.
    """

    computed: bool = False
    noise: float = 0.0
    unsure: bool = False
    generator: torch.Generator = field(default_factory=torch.Generator)

    def steps(self, value: Tensor, scale: float | Tensor, *, sure: bool = True) -> Tensor:
        """Return how many steps of `scale` each value is from zero, as whole float32 numbers."""
        steps = value * (1.0 / torch.as_tensor(scale, dtype=torch.float32))
        if not sure and value.numel():
            self.unsure = True
            if self.noise:
                random = torch.rand(steps.shape, generator=self.generator).mul_(2).sub_(1)
                steps += random * steps.abs().max() * self.noise
        return steps.round_().clamp_(-_FARTHEST, _FARTHEST)

    def quantize(
        self, value: Tensor, scale: float, zero_point: int, dtype: torch.dtype, *, sure: bool = True
    ) -> Tensor:
        """Return 8-bit numbers of one scale."""
        numbers = self.steps(value, scale, sure=sure) + zero_point
        limits = torch.iinfo(INTEGERS[dtype])
        stored = numbers.clamp_(limits.min, limits.max).to(INTEGERS[dtype])
        return from_stored(stored, scale, zero_point)


def from_stored(stored: Tensor, scale: float, zero_point: int) -> Tensor:
    """Return 8-bit numbers from the integers that they are stored as."""
    return torch._make_per_tensor_quantized_tensor(stored, float(scale), int(zero_point))  # noqa: SLF001  has no other name


def is_8_bit(tensor: Tensor) -> bool:
    """Tell whether a tensor holds 8-bit numbers of one scale."""
    return tensor.dtype in INTEGERS and tensor.qscheme() == torch.per_tensor_affine
