"""How many threads a run gets at first, on processors of phones and of others."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.places import ROOT

MHZ: Final = 1_000_000
PROCESSORS: Final = {
    "Snapdragon 855: prime, gold, silver": ([(1, 2840, 0), (3, 2420, 0), (4, 1780, 1)], 4),
    "Snapdragon 8 Gen 3: X4, A720, A720, A520": (
        [(1, 3300, 0), (3, 3150, 0), (2, 2960, 0), (2, 2270, 1)], 6,
    ),
    "Snapdragon 8 Elite: big cores only": ([(2, 4320, 0), (6, 3530, 0)], 8),
    "Dimensity 700: a little core nearly as fast": ([(2, 2200, 0), (6, 2000, 1)], 2),
    "Helio P35: two clocks of one little kind": ([(4, 2300, 1), (4, 1650, 1)], 4),
    "Raspberry Pi 3: little cores only": ([(4, 1200, 1)], 4),
    "Raspberry Pi 5": ([(4, 2400, 0)], 4),
    "a cluster whose clock is not told": ([(2, 0, 0), (4, 1800, 1)], 2),
    "a desktop": ([(16, 0, 0)], 16),
    "nothing is known": ([], 0),
}  # fmt: skip


@pytest.fixture
def program(require: Callable[[str], Path], tmp_path: Path) -> Callable[..., int]:
    path = tmp_path / "print_big_cores"
    source = Path(__file__).with_name("print_big_cores.cpp")
    flags = ("-std=c++17", "-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'native' / 'src'}")
    subprocess.run([require("g++"), *flags, source, "-o", path], check=True)

    def ask(*clusters: str) -> int:
        return int(subprocess.run([path, *clusters], check=True, stdout=subprocess.PIPE).stdout)

    return ask


def test_threads_are_for_big_cores(program: Callable[..., int]) -> None:
    for name, (clusters, big) in PROCESSORS.items():
        words = [f"{cores}:{clock * MHZ}:{little}" for cores, clock, little in clusters]
        assert program(*words) == big, name
