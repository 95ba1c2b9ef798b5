"""Programs of third parties, built with plain gcc and g++ against an unpacked runtime, run."""

import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.archives import extract
from tests.e2e.real import CLASSIFIER, Runtime
from tests.places import ROOT

SOURCES: Final = ROOT / "tests" / "native" / "consumers"
EXPECTED: Final = """\
import sys
import torch

print(*torch.jit.load(sys.argv[1])(torch.ones(1, 3, 32, 32))[0, :5].tolist())
"""


def run(*argv: object, cwd: Path, **env: str) -> str:
    done = subprocess.run(
        list(map(str, argv)), cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def package(
    runtime: Callable[[str, str], Runtime], tmp_path_factory: pytest.TempPathFactory
) -> Runtime:
    """Unpack the archive where it was not made, in a folder whose name has a space."""
    made = runtime("classifier", "x86_64")
    prefix = tmp_path_factory.mktemp("third party") / "the runtime"
    with tarfile.open(made.archive) as archive:
        extract(archive, prefix)
    return Runtime(made.abi, prefix, made.archive, made.summary)


@pytest.fixture(scope="module")
def expected() -> list[float]:
    line = run(sys.executable, "-W", "ignore", "-c", EXPECTED, CLASSIFIER, cwd=ROOT)
    return [float(word) for word in line.split()]


def check(printed: str, expected: list[float]) -> None:
    shape, numbers = printed.splitlines()
    assert shape == "shape 1 10"
    assert [float(word) for word in numbers.split()] == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_with_cmake(
    package: Runtime, expected: list[float], tmp_path: Path, require: Callable[[str], Path]
) -> None:
    cmake = require("cmake")
    compilers = (f"-DCMAKE_C_COMPILER={require('gcc')}", f"-DCMAKE_CXX_COMPILER={require('g++')}")
    prefix = f"-DCMAKE_PREFIX_PATH={package.prefix}"
    run(cmake, "-S", SOURCES, "-B", "build", prefix, *compilers, cwd=tmp_path)
    run(cmake, "--build", "build", cwd=tmp_path)
    for program in ("consume_c", "consume_cpp"):
        arguments = (package.model("model"), 1, 3, 32, 32)
        check(run(tmp_path / "build" / program, *arguments, cwd=tmp_path), expected)


def test_with_pkg_config(
    package: Runtime, expected: list[float], tmp_path: Path, require: Callable[[str], Path]
) -> None:
    require("pkg-config")
    # make takes no spaces in the names of files
    prefix = tmp_path / "runtime"
    prefix.symlink_to(package.prefix)
    search = str(prefix / "lib" / "pkgconfig")
    make = (require("make"), "-f", SOURCES / "Makefile", f"OUT={tmp_path}")
    run(
        *make, f"CC={require('gcc')}", f"CXX={require('g++')}", cwd=tmp_path, PKG_CONFIG_PATH=search
    )
    for program in ("consume_c", "consume_cpp"):
        arguments = (package.model("model"), 1, 3, 32, 32)
        check(run(tmp_path / program, *arguments, cwd=tmp_path), expected)


def test_an_error_is_a_text_and_not_a_crash(
    package: Runtime, tmp_path: Path, require: Callable[[str], Path]
) -> None:
    flags = (f"-I{package.prefix / 'include'}", f"-L{package.prefix / 'lib'}", "-lbuild_runtime")
    run(require("gcc"), SOURCES / "c" / "main.c", "-o", "program", *flags, cwd=tmp_path)
    env = {**os.environ, "LD_LIBRARY_PATH": str(package.prefix / "lib")}
    for arguments in (["missing.ptl", "1"], [str(package.model("model")), "7"]):
        done = subprocess.run(
            [tmp_path / "program", *arguments], env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert done.stderr.startswith("error: ")
