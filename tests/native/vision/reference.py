"""What images become, written down plainly: whole frames, one step after the other."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tests.native.vision.machine import Floats

Pixels: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Norm:
    """Means and standard deviations of red, green and blue."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def words(self) -> tuple[float, ...]:
        """Return them in pairs."""
        return tuple(it for pair in zip(self.mean, self.std, strict=True) for it in pair)


@dataclass(frozen=True)
class Size:
    """Columns and rows."""

    width: int
    height: int


def samples_of(data: bytes, size: Size, row: int, pixel: int) -> Pixels:
    """Return the samples of a plane, row by row."""
    found = np.frombuffer(data, np.uint8).astype(np.int64)
    rows, columns = np.mgrid[: size.height, : size.width]
    samples: Pixels = found[rows * row + columns * pixel]
    return samples


def rgb_of(y: Pixels, u: Pixels, v: Pixels) -> Pixels:
    """Return red, green and blue of all pixels: BT.601 with the range of video, in 1024ths."""
    height, width = y.shape
    u, v = (it.repeat(2, 0).repeat(2, 1)[:height, :width] - 128 for it in (u, v))
    luma = 1192 * np.maximum(y - 16, 0)
    mixed = (luma + 1634 * v, luma - 833 * v - 400 * u, luma + 2066 * u)
    return np.stack([np.clip(it >> 10, 0, 255) for it in mixed], -1)


def centre_crop(pixels: Pixels, degrees: int, tensor: Size) -> Pixels:
    """Cut the middle out of a frame, turn it clockwise, and scale it to the nearest pixels."""
    height, width = pixels.shape[:2]
    turned = degrees in {90, 270}
    upright = Size(height, width) if turned else Size(width, height)
    crop = Size(
        min(upright.width, max(1, upright.height * tensor.width // tensor.height)),
        min(upright.height, max(1, upright.width * tensor.height // tensor.width)),
    )
    rows, columns = (crop.width, crop.height) if turned else (crop.height, crop.width)
    top, left = (height - rows) // 2, (width - columns) // 2
    area = np.rot90(pixels[top : top + rows, left : left + columns], -degrees // 90)
    return area[
        np.arange(tensor.height)[:, None] * crop.height // tensor.height,
        np.arange(tensor.width)[None, :] * crop.width // tensor.width,
    ]


def normalized(pixels: Pixels, norm: Norm, memory_format: str) -> Floats:
    """Return the elements as they lie in memory."""
    mean, std = (np.array(it, np.float32) for it in (norm.mean, norm.std))
    found: Floats = (pixels.astype(np.float32) / np.float32(255) - mean) / std
    return (found.transpose(2, 0, 1) if memory_format == "CONTIGUOUS" else found).ravel()
