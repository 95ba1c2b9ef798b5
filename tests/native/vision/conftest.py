"""The library and the classes are compiled once, and one JVM converts all images."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import unavailable
from tests.e2e.jvm.machine import JUNIT
from tests.native.vision.machine import Conversions, Machine, build_library, compile_classes


@pytest.fixture(scope="session")
def machine(require: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Machine:
    if not all(it.exists() for it in JUNIT):
        unavailable("this test needs Debian's junit4")
    require("g++")
    folder = tmp_path_factory.mktemp("vision")
    classes = compile_classes(require("javac"), folder)
    return Machine(require("java"), classes, build_library(require("cmake"), folder / "build"))


@pytest.fixture(scope="session")
def conversions(machine: Machine) -> Iterator[Conversions]:
    with machine.conversions() as found:
        yield found
