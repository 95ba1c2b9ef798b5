"""Our C and C++ passes clang-tidy, as `.clang-tidy` says, with LibTorch's real headers.

Nothing is compiled: a configured object store has the generated headers and says how our sources
are compiled. Programs that only know the C interface need no more than that.
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from builder.compilation.store import OpenStore
from builder.compilation.workspace import TREE
from builder.foundation.console import make_console
from builder.foundation.machine import usable_cores
from builder.foundation.process import Host
from builder.foundation.resources import NATIVE
from builder.foundation.settings import BuildSettings
from builder.pipeline.planning import Planned, make_plan
from builder.pipeline.wanted import Wanted, read_models
from builder.source.opening import open_source
from builder.source.request import SourceRequest
from builder.toolchains.java.jdk import find_jdk
from builder.toolchains.java.shim import SOURCES
from builder.vocabulary.targets import Abi, Platform, make_target
from tests.e2e.real import CLASSIFIER, Tool, host_of
from tests.native.vision.machine import FAKES
from tests.own_sources import own_sources

CLANG_TIDY: Final = Path(sys.executable).with_name("clang-tidy")
INTERFACE: Final = (*(f"-I{NATIVE / it}" for it in ("include", "tools", "src")), "-D_GNU_SOURCE")
STANDARDS: Final = {".c": "-std=c99", ".cpp": "-std=c++17"}


QNNPACK: Final = f"{TREE}/pytorch/aten/src/ATen/native/quantized/cpu/qnnpack"
QUANTIZED: Final = (
    "-DUSE_PYTORCH_QNNPACK", f"-isystem{QNNPACK}/src", f"-isystem{QNNPACK}/deps/clog/include",
)  # fmt: skip
"""What kernels of quantized layers have besides: the store of a float model has none of them."""


@pytest.fixture(scope="module")
def host(tool: Tool) -> Host:
    return host_of(tool)


@pytest.fixture(scope="module")
def planned(host: Host) -> Planned:
    events = make_console(quiet=False, ci=True)
    source = open_source(SourceRequest(), host, events)
    target = make_target(Platform.LINUX, Abi.X86_64)
    return make_plan(
        Wanted(read_models([CLASSIFIER], host)), source, target, BuildSettings(), host, events
    )


@pytest.fixture(scope="module")
def store(planned: Planned, host: Host) -> OpenStore:
    """Return the configured stores; nobody compiles into them, so they need not stay locked."""
    with planned.store.opened(host, "reading flags", pytest.fail) as opened:
        return opened


def test_our_c_passes_clang_tidy(planned: Planned, store: OpenStore, host: Host) -> None:
    # the tiny library has headers of its own under LibTorch's names: its layout alone is judged
    known = (it for it in own_sources() if "mini_torch" not in it.parts)
    sources = [it for it in known if it.suffix in STANDARDS]
    toolchain, build = planned.plan.toolchain, store.headers.parent
    system = {".c": system_headers(toolchain.cc, "c", build)}
    system[".cpp"] = system_headers(toolchain.cxx, "c++", build)

    jni = tuple(f"-isystem{it}" for it in find_jdk(host).headers)

    def tidy(source: Path) -> str:
        flags = (*flags_for(source, store, jni), *system[source.suffix])
        done = subprocess.run(
            [CLANG_TIDY, "--quiet", source, "--", *flags],
            cwd=build, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return "" if done.returncode == 0 else f"{done.stdout}{done.stderr}"

    with ThreadPoolExecutor(usable_cores()) as pool:
        found = "\n".join(filter(None, pool.map(tidy, sources)))
    assert not found, found


def flags_for(source: Path, store: OpenStore, jni: tuple[str, ...]) -> tuple[str, ...]:
    """Return what decides the meaning of a source; upstream's headers are not ours to judge."""
    if source.parent == SOURCES:
        return (*INTERFACE, *jni, STANDARDS[source.suffix])
    if "vision" in source.parts:
        return (f"-isystem{FAKES / 'jnigraphics'}", "-DPYTORCH_VISION_BITMAPS", *jni, "-std=c++17")
    if not source.is_relative_to(NATIVE / "src"):
        return (*INTERFACE, STANDARDS[source.suffix])
    if source.parent.name == "quantized":
        return (*_meaning(store.command_for("native:src/kernels/xnnpack.cpp")), *QUANTIZED)
    name = f"native:{source.relative_to(NATIVE).as_posix()}"
    return tuple(_meaning(store.command_for(name)))


def _meaning(words: tuple[str, ...]) -> Iterator[str]:
    for word, value in pairwise((*words, "")):
        if word == "-isystem":
            yield f"-isystem{value}"
        elif word.startswith("-I"):
            # the store has a copy of our headers: what is judged are those of the checkout
            ours = word[2:].removeprefix(f"{TREE}/native/")
            yield f"-I{NATIVE / ours}" if ours != word[2:] else f"-isystem{ours}"
        elif word.startswith(("-D", "-std=")):
            yield word


def system_headers(compiler: Path, language: str, folder: Path) -> tuple[str, ...]:
    """Ask zig which headers of C and C++ it uses in a folder: clang-tidy has none of its own.

    What lies below the folder zig runs in is told relative to it.
    """
    told = subprocess.run(
        [compiler, "-v", "-E", "-x", language, os.devnull],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    (line,) = (it for it in told.stderr.splitlines() if it.endswith(f" {language} {os.devnull}"))
    return ("-nostdinc", *_system_flags(shlex.split(line)))


def _system_flags(words: list[str]) -> Iterator[str]:
    for word, value in pairwise(words):
        if word in {"-isystem", "-D"}:
            yield f"{word}{value}"
        elif word == "-triple":
            yield f"--target={value}"
