"""Fourier transforms and window functions."""

import torch
from torch import Tensor, nn

from tests.coverage.values import COMPLEX, Coverage, each, numbers


class RealTransforms(nn.Module):
    def forward(self, x: Tensor) -> list[Tensor]:
        spectrum = torch.fft.rfft(x)
        plane = torch.fft.rfft2(x)
        return [
            spectrum, torch.fft.irfft(spectrum, n=x.size(-1)), torch.fft.fft(x), torch.fft.ifft(x),
            torch.fft.hfft(spectrum), torch.fft.ihfft(x), plane, torch.fft.irfft2(plane, s=[x.size(0), x.size(1)]),
            torch.fft.rfftn(x), torch.fft.irfftn(plane), torch.fft.fftshift(x), torch.fft.ifftshift(x),
            torch.fft.rfft(x, norm="ortho"), torch.fft.fft(x, n=7), torch.fft.rfft(x, dim=0),
            torch.fft.fftfreq(8), torch.fft.rfftfreq(9, 0.5),
        ]  # fmt: skip


class ComplexTransforms(nn.Module):
    def forward(self, z: Tensor) -> list[Tensor]:
        return [
            torch.fft.fft(z), torch.fft.ifft(z), torch.fft.fft2(z), torch.fft.ifft2(z),
            torch.fft.fftn(z, dim=[0, 1]), torch.fft.ifftn(z), torch.fft.irfft(z),
        ]  # fmt: skip


class ShortTime(nn.Module):
    window: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(64))

    def forward(self, wave: Tensor) -> list[Tensor]:
        spectrum = torch.stft(wave, 64, 16, window=self.window, return_complex=True)
        back = torch.istft(spectrum, 64, 16, window=self.window, length=wave.size(-1))
        return [torch.view_as_real(spectrum), spectrum.abs(), back]


class LaterArgument(nn.Module):
    """PyTorch 2.6 has no `align_to_window`. That it is there is fine; that it is used is not."""

    def forward(self, wave: Tensor) -> Tensor:
        window = torch.ones(64)
        return torch.stft(
            wave, 64, 16, window=window, center=False, return_complex=True, align_to_window=True
        ).abs()


class Windows(nn.Module):
    def forward(self, length: int) -> list[Tensor]:
        return [
            torch.hann_window(length), torch.hamming_window(length), torch.blackman_window(length),
            torch.bartlett_window(length), torch.kaiser_window(length), torch.hann_window(length, periodic=False),
        ]  # fmt: skip


CFLOAT = frozenset({"ComplexFloat"})
CDOUBLE = frozenset({"ComplexDouble"})

SUITE = (
    Coverage("fft_real", RealTransforms, lambda: [(numbers(6, 8),)], needs=CFLOAT),
    Coverage("fft_double", RealTransforms, lambda: [(numbers(6, 8, dtype=torch.float64),)], needs=CDOUBLE),
    Coverage("fft_complex", ComplexTransforms, lambda: each(COMPLEX, lambda it: (numbers(4, 6, dtype=it),)), needs=CFLOAT),
    Coverage("stft", ShortTime, lambda: [(numbers(2, 400),)], needs=CFLOAT),
    Coverage(
        "stft_later", LaterArgument, lambda: [(numbers(2, 400),)], needs=CFLOAT,
        refused="an argument is given that PyTorch 2.6.0, which this runtime is built from, does not have",
    ),
    Coverage("windows", Windows, lambda: [(12,), (1,)]),
)  # fmt: skip
