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

from builder.foundation.elf import ElfFile, read_elf
from builder.vocabulary.checks import OUTPUTS, POLICY, REGISTRY
from builder.vocabulary.targets import Abi, Platform, make_target, platform_facts, target_facts
from tests.documents import validate
from tests.e2e.real import CLASSIFIER, CLASSIFIER_SHAPE, Tool

NDK: Final = os.environ.get("BUILD_RUNTIME_TEST_NDK", "")
RUNNER: Final = os.environ.get("BUILD_RUNTIME_TEST_ANDROID_RUNNER", "")
LEVEL: Final = os.environ.get("BUILD_RUNTIME_TEST_ANDROID_API", "24")
"""The lowest API level that the runner's systems are of."""

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

    def library(self, abi: Abi) -> ElfFile:
        return read_elf(self.folder / "jni" / abi / "libbuild_runtime.so")

    def outcomes(self) -> dict[str, str]:
        return {it["name"]: it["outcome"] for it in self.summary["checks"]}


Build = Callable[..., Made]


@pytest.fixture(scope="session")
def build(tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Return a function that builds a model for an ABI."""

    def make(model: Path, abi: Abi, *more: object, level: str = LEVEL) -> Made:
        output = tmp_path_factory.mktemp(f"android-{abi}")
        runner = ("--runner", RUNNER) if RUNNER else ()
        asked = ("--platform", "android", "--ndk", NDK, "--android-api", level, *runner)
        done = tool.run(model, "--abi", abi, *asked, *more, "-o", output, "--json", cwd=output)
        validate("build", done.document)
        (target,) = done.document["targets"]
        assert target["target"] == f"android{level}-{abi}"
        (archive,) = output.glob("*.aar")
        shutil.unpack_archive(archive, output / "aar", format="zip")
        return Made(target, output / "aar")

    return make


@pytest.mark.parametrize("abi", Abi)
def test_a_runtime_keeps_the_rules_and_answers_as_torch_does(build: Build, abi: Abi) -> None:
    made = build(CLASSIFIER, abi, *CLASSIFIER_SHAPE)
    run = {REGISTRY: "passed", OUTPUTS: "passed"} if RUNNER else {"run": "skipped"}
    assert made.outcomes() == {POLICY: "passed", **run}
    elf = made.library(abi)
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


@pytest.mark.parametrize("level", ["21", "30"])
def test_other_levels_are_linked_with_what_they_have(build: Build, level: str) -> None:
    made = build(CLASSIFIER, Abi.ARM64_V8A, "--no-verify", level=level)
    assert made.outcomes()[POLICY] == "passed"
    manifest = json.loads((made.folder / "assets/build_runtime/manifest.json").read_text())
    (target,) = manifest["targets"]
    assert target["target"]["api_level"] == int(level)
