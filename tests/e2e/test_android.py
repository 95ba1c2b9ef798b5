"""Runtimes that a real NDK builds, run on a real bionic: what no machine of CI has.

`BUILD_RUNTIME_TEST_NDK` names an NDK, `BUILD_RUNTIME_TEST_ANDROID_RUNNER` a command that runs
programs of every ABI: on a device, or with qemu on the system folder of one.
"""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile

from builder.foundation.elf import read_elf
from builder.vocabulary.checks import OUTPUTS, POLICY, REGISTRY, RUN
from builder.vocabulary.targets import Abi, Platform, make_target, platform_facts, target_facts
from tests.docs.pages import block
from tests.documents import validate
from tests.e2e.real import CLASSIFIER, CLASSIFIER_SHAPE, Tool
from tests.native.standalone import build_standalone

NDK: Final = os.environ.get("BUILD_RUNTIME_TEST_NDK", "")
RUNNER: Final = os.environ.get("BUILD_RUNTIME_TEST_ANDROID_RUNNER", "")
LEVEL: Final = os.environ.get("BUILD_RUNTIME_TEST_ANDROID_API", "24")
"""The lowest API level that the runner's systems are of."""

LINES: Final = block("cmake -S project -B out").text
RELOCATIONS: Final = {
    "21": {"DT_RELA"},
    "23": {"DT_ANDROID_RELA"},
    "28": {"DT_ANDROID_RELA", "DT_ANDROID_RELR"},
    "29": {"DT_ANDROID_RELA", "DT_ANDROID_RELR"},
    "30": {"DT_RELA", "DT_RELR"},
}
"""How a library tells the linker of each API level what to relocate."""

pytestmark = [
    pytest.mark.android,
    pytest.mark.slow,
    pytest.mark.skipif(not NDK, reason="$BUILD_RUNTIME_TEST_NDK names no NDK"),
]


@dataclass(frozen=True)
class Made:
    """What one build for Android ended with, and where its AAR was unpacked to."""

    summary: dict[str, Any]
    folder: Path

    def library(self, abi: Abi) -> Path:
        return self.folder / "jni" / abi / "libbuild_runtime.so"

    def outcomes(self) -> dict[str, str]:
        return {it["name"]: it["outcome"] for it in self.summary["checks"]}


Build = Callable[..., Made]


def asked(level: str) -> tuple[str, ...]:
    """Return the words that ask for Android."""
    return ("--platform", "android", "--ndk", NDK, "--android-api", level)


@pytest.fixture(scope="session")
def build(tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Return a function that builds a model for an ABI."""

    def make(model: Path, abi: Abi, *more: object, level: str = LEVEL) -> Made:
        output = tmp_path_factory.mktemp(f"android-{abi}")
        runner = ("--runner", RUNNER) if RUNNER else ()
        words = (*asked(level), *runner, *more, "-o", output, "--json")
        done = tool.run(model, "--abi", abi, *words, cwd=output)
        validate("build", done.document)
        (target,) = done.document["targets"]
        assert target["target"] == f"android{level}-{abi}"
        shutil.unpack_archive(
            output / f"build-runtime-android{level}.aar", output / "aar", format="zip"
        )
        return Made(target, output / "aar")

    return make


@pytest.mark.parametrize("abi", Abi)
def test_a_runtime_keeps_the_rules_and_answers_as_torch_does(build: Build, abi: Abi) -> None:
    made = build(CLASSIFIER, abi, *CLASSIFIER_SHAPE)
    run = {OUTPUTS: "passed"} if RUNNER else {RUN: "skipped"}
    assert made.outcomes() == {POLICY: "passed", REGISTRY: "passed", **run}
    elf = read_elf(made.library(abi))
    assert elf.soname == "libbuild_runtime.so"
    assert set(elf.needed) <= set(platform_facts(Platform.ANDROID).needed)
    page = target_facts(make_target(Platform.ANDROID, abi)).page_size
    assert all(it.align >= page for it in elf.segments if it.kind == "PT_LOAD")


@pytest.mark.parametrize("abi", [Abi.ARM64_V8A, Abi.X86_64])
def test_a_second_model_costs_its_delta(
    build: Build, example: Callable[[str], Path], abi: Abi
) -> None:
    build(CLASSIFIER, abi, *CLASSIFIER_SHAPE)
    folder = example("lstm_text")
    words = ("--input", folder / "inputs.pt")
    made = build(folder / "model.pt", abi, *words)
    assert "failed" not in made.outcomes().values()
    assert made.summary["objects"]["compiled"] < made.summary["objects"]["linked"] / 2


@pytest.mark.parametrize(("level", "formats"), RELOCATIONS.items())
def test_other_levels_are_linked_with_what_they_have(
    build: Build, level: str, formats: set[str]
) -> None:
    made = build(CLASSIFIER, Abi.ARM64_V8A, "--no-verify", level=level)
    assert made.outcomes() == {POLICY: "passed", REGISTRY: "passed", RUN: "skipped"}
    manifest = json.loads((made.folder / "assets/build_runtime/manifest.json").read_text())
    (target,) = manifest["targets"]
    assert target["target"]["api_level"] == int(level)
    with made.library(Abi.ARM64_V8A).open("rb") as stream:
        dynamic = ELFFile(stream).get_section_by_name(".dynamic")
        assert isinstance(dynamic, DynamicSection)
        tags = {it.entry.d_tag for it in dynamic.iter_tags()}
    assert tags & set().union(*RELOCATIONS.values()) == formats


def test_cmake_and_ninja_alone_make_the_same_library(
    build: Build, tool: Tool, tmp_path: Path, require: Callable[[str], Path]
) -> None:
    """With the toolchain file of the NDK, which the project names."""
    made = build(CLASSIFIER, Abi.ARM64_V8A, "--no-verify")
    project = tmp_path / "project"
    words = (CLASSIFIER, "--abi", Abi.ARM64_V8A, *asked(LEVEL), "--write", project)
    tool.run("plan", *words, cwd=tmp_path)
    assert "android.toolchain.cmake" in (project / "toolchain.cmake").read_text()
    library = build_standalone(LINES, project, tmp_path / "build", require)
    assert library.read_bytes() == made.library(Abi.ARM64_V8A).read_bytes()
