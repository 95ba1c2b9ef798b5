"""Images become what a plain implementation makes of them; what is none is refused."""

import sys
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Final

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from builder.foundation.elf import read_elf
from tests.native.vision.machine import Conversions, Floats, Machine
from tests.native.vision.reference import (
    Norm,
    Pixels,
    Size,
    centre_crop,
    normalized,
    rgb_of,
    samples_of,
)

TORCHVISION: Final = Norm((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
FORMATS: Final = st.sampled_from(["CONTIGUOUS", "CHANNELS_LAST"])
SEEDS: Final = st.integers(0, 2**32 - 1)

_SIDES: Final = st.integers(1, 40)
_MEANS: Final = st.tuples(*(st.floats(-2, 2, width=32) for _ in range(3)))
_STDS: Final = st.tuples(*(st.floats(0.125, 2, width=32) for _ in range(3)))
NORMS: Final = st.one_of(st.just(TORCHVISION), st.builds(Norm, _MEANS, _STDS))


@dataclass(frozen=True)
class Asked:
    """A frame of random samples, and the tensor that is wanted of it."""

    size: Size
    degrees: int
    tensor: Size
    memory_format: str = "CONTIGUOUS"
    norm: Norm = TORCHVISION
    seed: int = 1

    def words(self, kind: str) -> tuple[object, ...]:
        """Return what is asked, but for the samples."""
        size, tensor = self.size, self.tensor
        return (
            kind, self.memory_format, *self.norm.words(), size.width, size.height, self.degrees,
            tensor.width, tensor.height,
        )  # fmt: skip

    def expected(self, y: Pixels, u: Pixels, v: Pixels) -> Floats:
        """Return the elements that planes become."""
        cropped = centre_crop(rgb_of(y, u, v), self.degrees, self.tensor)
        return normalized(cropped, self.norm, self.memory_format)


ASKED: Final = st.builds(
    Asked,
    size=st.builds(Size, _SIDES, _SIDES),
    degrees=st.sampled_from([0, 90, 180, 270]),
    tensor=st.builds(Size, st.integers(1, 150), _SIDES),  # wider than a tile, and higher
    memory_format=FORMATS,
    norm=NORMS,
    seed=SEEDS,
)


@dataclass(frozen=True)
class Gaps:
    """How far samples of Y, U and V are apart, what lies behind rows, and whether it ends there."""

    pixels: tuple[int, ...] = (1, 1, 1)
    padding: tuple[int, ...] = (0, 0, 0)
    cut: bool = True


_THREE: Final = st.tuples(*(st.integers(1, 3) for _ in range(3)))
_PADDINGS: Final = st.tuples(*(st.integers(0, 5) for _ in range(3)))
GAPS: Final = st.builds(Gaps, _THREE, _PADDINGS, st.booleans())


def bytes_of(seed: int, count: int) -> bytes:
    return np.random.default_rng(seed).bytes(count)


def half(size: Size) -> Size:
    return Size((size.width + 1) // 2, (size.height + 1) // 2)


@given(ASKED, GAPS)
@example(Asked(Size(640, 480), 90, Size(224, 224)), Gaps(pixels=(1, 2, 2)))
@example(Asked(Size(6, 6), 0, Size(4, 4)), Gaps(cut=False))
@example(Asked(Size(2, 40), 0, Size(40, 1)), Gaps())
@example(Asked(Size(40, 2), 0, Size(1, 40)), Gaps())
def test_frames(conversions: Conversions, asked: Asked, gaps: Gaps) -> None:
    planes: list[Pixels] = []
    words: list[object] = []
    colours = half(asked.size)
    sizes = (asked.size, colours, colours)
    for index, (size, pixel, gap) in enumerate(zip(sizes, gaps.pixels, gaps.padding, strict=True)):
        row = size.width * pixel + gap
        last = (size.height - 1) * row + (size.width - 1) * pixel + 1
        data = bytes_of(asked.seed + index, last if gaps.cut else size.height * row)
        planes.append(samples_of(data, size, row, pixel))
        words += [row, pixel, data]
    found, _ = conversions.ask(*asked.words("yuv"), *words)
    np.testing.assert_array_equal(found, asked.expected(*planes))


@given(ASKED)
def test_nv21(conversions: Conversions, asked: Asked) -> None:
    colours = half(asked.size)
    pixels, row = asked.size.width * asked.size.height, 2 * colours.width
    data = bytes_of(asked.seed, pixels + row * colours.height)
    y = samples_of(data, asked.size, asked.size.width, 1)
    u = samples_of(data[pixels + 1 :], colours, row, 2)
    v = samples_of(data[pixels:], colours, row, 2)
    found, _ = conversions.ask(*asked.words("nv21"), data)
    np.testing.assert_array_equal(found, asked.expected(y, u, v))


@dataclass(frozen=True)
class Picture:
    """A bitmap of random colours."""

    size: Size
    seed: int
    config: str
    srgb: bool
    opaque: bool

    @property
    def pixels(self) -> Pixels:
        """Return alpha, red, green and blue of all pixels."""
        data = bytes_of(self.seed, 4 * self.size.width * self.size.height)
        found = np.frombuffer(data, np.uint8).astype(np.int64)
        found = found.reshape(self.size.height, self.size.width, 4)
        found[:, :, 0] = 255 if self.opaque else found[:, :, 0] | 1
        return found

    def words(self) -> tuple[object, ...]:
        """Return what is told of it."""
        colours = self.pixels.astype(np.uint8).tobytes()
        return (self.config, str(self.srgb).lower(), colours)


PICTURES: Final = st.builds(
    Picture,
    size=st.builds(Size, st.integers(1, 200), st.integers(1, 100)),
    seed=SEEDS,
    config=st.sampled_from(["ARGB_8888", "RGB_565"]),
    srgb=st.booleans(),
    opaque=st.booleans(),
)


def test_a_machine_that_tells_nothing_is_waited_for_no_longer() -> None:
    words = (sys.executable, "-c", "import time; time.sleep(600)")
    with Popen(words, stdin=PIPE, stdout=PIPE, text=True) as process:
        try:
            with pytest.raises(AssertionError, match=r"the JVM ended, or told nothing for 0\.5 s"):
                Conversions(process, deadline=0.5).ask("nv21")
        finally:
            process.kill()


@given(PICTURES, FORMATS, NORMS, st.data())
def test_bitmaps(
    conversions: Conversions, picture: Picture, memory_format: str, norm: Norm, data: st.DataObject
) -> None:
    """Opaque ones of sRGB are read where they lie, others by getPixels."""
    size = picture.size
    x, y = data.draw(st.integers(0, size.width - 1)), data.draw(st.integers(0, size.height - 1))
    width = data.draw(st.integers(1, size.width - x))
    height = data.draw(st.integers(1, size.height - y))
    found, (in_place,) = conversions.ask(
        "bitmap", memory_format, *norm.words(), size.width, size.height, x, y, width, height,
        *picture.words(),
    )  # fmt: skip
    area = picture.pixels[y : y + height, x : x + width]
    np.testing.assert_array_equal(found, normalized(as_read(area), norm, memory_format))
    see_through = bool((area[:, :, 0] < 255).any())
    expected = picture.srgb and picture.config == "ARGB_8888" and not see_through
    assert (in_place == "true") == expected


def as_read(area: Pixels) -> Pixels:
    """Return the colours of a bitmap, which were stored multiplied by alpha."""
    alpha = area[:, :, :1]
    stored = (area[:, :, 1:] * alpha + 127) // 255
    colours: Pixels = np.minimum(255, (stored * 255 + alpha // 2) // alpha)
    return colours


@pytest.mark.parametrize("name", ["TorchVisionInstrumentedTests", "RefusalTests"])
def test_on_a_jvm(machine: Machine, name: str) -> None:
    told = machine.run("org.junit.runner.JUnitCore", f"org.pytorch.torchvision.{name}")
    assert "\nOK (" in told, told


def test_bitmaps_need_no_library(machine: Machine, tmp_path: Path) -> None:
    name = "org.pytorch.torchvision.TorchVisionInstrumentedTests"
    told = machine.run("org.junit.runner.JUnitCore", name, libraries=[tmp_path])
    assert "\nOK (" in told, told


def test_the_library_keeps_to_itself(machine: Machine) -> None:
    elf = read_elf(machine.library)
    assert elf.soname == "libpytorch_vision_jni.so"
    assert set(elf.needed) <= {"libjnigraphics.so", "libc.so.6"}, "no C++ library"
    assert {it.name for it in elf.exports} == {"JNI_OnLoad"}
