"""The classes of `org.pytorch` on a JVM: upstream's own tests, ours, memory and threads."""

import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from builder import VERSION
from builder.artifact.android.jars import jar_bytes
from builder.foundation.elf import read_elf
from builder.toolchains.java.classes import compile_classes
from builder.toolchains.java.jdk import Jdk, find_jdk
from builder.toolchains.java.shim import LIBRARY_NAME
from tests.conftest import unavailable
from tests.e2e.jvm.machine import JAVA, JUNIT, Jvm, compile_java
from tests.e2e.jvm.values import Hyperbolic, Values, write_model
from tests.e2e.real import Tool, built, host_of

pytestmark = pytest.mark.filterwarnings("ignore")  # torch's, about TorchScript's age

EXTRA: Final = {"labels.txt": "cat\nhünd 🐕\n"}

ANDROID: Final = "pytorch/android/pytorch_android"
OPERATOR_MODELS: Final = (
    "BlasLapack", "Comparison", "Convolution", "Pooling", "Padding", "Activation", "Normalization",
    "Recurrent", "Transformer", "Linear", "Dropout", "Sparse", "DistanceFunction", "LossFunction",
    "VisionFunction", "Shuffle", "NNUtils", "Pointwise", "Reduction", "OtherMath", "Sampling",
    "Tensor", "TensorCreation", "TensorIndexing", "TensorTyping", "TensorView",
)  # fmt: skip
QUANTIZED_MODELS: Final = (
    "Quant", "DynamicQuant", "StaticQuant", "FusedQuant", "TorchScriptBuiltinQuant",
    "TorchScriptCollectionQuant",
)  # fmt: skip
NO_SCRIPTS: Final = "the scripts that make its model are in test/, which builds do not unpack"
CANNOT_RUN: Final[Mapping[str, str]] = {
    **{f"test{it}Ops": NO_SCRIPTS for it in (*OPERATOR_MODELS, *QUANTIZED_MODELS)},
    "testMobileNetV2": f"it needs torchvision's weights, and {NO_SCRIPTS}",
}
"""Tests of upstream's suite whose models are not here, with the reason."""

PUBLIC: Final = (
    "DType", "Device", "IValue", "LiteModuleLoader", "MemoryFormat", "Module", "PyTorchAndroid",
    "PyTorchCodegenLoader", "Tensor",
)  # fmt: skip

STUBS: Final[Mapping[str, str]] = {
    "com/facebook/jni/HybridData.java": (
        "package com.facebook.jni; public class HybridData { public void resetNative() {} }"
    ),
    "com/facebook/jni/annotations/DoNotStrip.java": (
        "package com.facebook.jni.annotations; public @interface DoNotStrip {}"
    ),
    "com/facebook/soloader/nativeloader/NativeLoader.java": (
        "package com.facebook.soloader.nativeloader; public class NativeLoader {"
        " public static boolean isInitialized() { return true; }"
        " public static void init(SystemDelegate it) {}"
        " public static boolean loadLibrary(String name) { return true; } }"
    ),
    "com/facebook/soloader/nativeloader/SystemDelegate.java": (
        "package com.facebook.soloader.nativeloader; public class SystemDelegate {}"
    ),
}
"""What upstream's classes are compiled against."""


@pytest.fixture(scope="module")
def jdk(tool: Tool) -> Jdk:
    missing = [it for it in JUNIT if not it.exists()]
    if missing or not shutil.which("javac"):
        unavailable("this test needs a JDK and Debian's junit4")
    return find_jdk(host_of(tool))


@pytest.fixture(scope="module")
def models(tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write our model, that of upstream's suite, and one that the runtime cannot run."""
    folder = tmp_path_factory.mktemp("models")
    write_model(Values(), folder / "values.ptl", EXTRA)
    write_model(Hyperbolic(), folder / "missing.ptl")
    tool.run("plan", folder / "values.ptl", "--abi", "x86_64", cwd=folder)  # fetches the sources
    script = upstream(tool) / "generate_test_torchscripts.py"
    (folder / "src/androidTest/assets").mkdir(parents=True)
    subprocess.run([sys.executable, "-W", "ignore", script], cwd=folder, check=True)
    shutil.copy(folder / "src/androidTest/assets/test.pt", folder / "android_api_module.ptl")
    return folder


def upstream(tool: Tool) -> Path:
    (root,) = (tool.cache / "sources").glob(f"2.6.0-*/{ANDROID}")
    return root


@pytest.fixture(scope="module")
def jvm(jdk: Jdk, tool: Tool, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Jvm:
    folder = tmp_path_factory.mktemp("java")
    named = (models / f"{it}.ptl" for it in ("values", "android_api_module"))
    done = tool.run(
        "build", *named, "--abi", "x86_64", "--no-verify", "--java", "on",
        "-o", folder, "--json", cwd=folder,
    )  # fmt: skip
    (runtime,) = built(done, folder)
    ours = (runtime.prefix / "share/java/build_runtime.jar", *JUNIT)
    base = upstream(tool) / "src/androidTest/java/org/pytorch/PytorchTestBase.java"
    (folder / "fake").mkdir()
    fake = compile_java(jdk, sorted(JAVA.glob("android/**/*.java")), ours, folder / "fake")
    tests = [base, *sorted(JAVA.glob("org/**/*.java"))]
    compiled = compile_java(jdk, tests, (*ours, fake), folder / "tests")
    return Jvm(jdk, runtime.library.parent, models, (*ours, compiled))


@pytest.fixture(scope="module")
def junit(jvm: Jvm) -> Callable[..., str]:
    def run(*names: str, fake: bool = False) -> str:
        machine = jvm
        if fake:
            machine = replace(jvm, classes=(*jvm.classes, jvm.classes[-1].parent / "fake"))
        done = machine.run("org.junit.runner.JUnitCore", *(f"org.pytorch.{it}" for it in names))
        assert "WARNING" not in done.stdout, done.stdout
        return done.stdout

    return run


def test_upstreams_own_tests_pass(junit: Callable[..., str]) -> None:
    told = junit("UpstreamTests")
    count = re.search(r"^(?:Tests run: |OK \()(\d+)", told, re.MULTILINE)
    assert count is not None, told
    failed = set(re.findall(r"^\d+\) (\w+)\(", told, re.MULTILINE))
    assert failed == CANNOT_RUN.keys(), told
    assert int(count[1]) == 55, "upstream ignores one of 56"


@pytest.mark.parametrize("name", ["TensorTests", "ModuleTests", "HandleTests"])
def test_without_android(junit: Callable[..., str], name: str) -> None:
    told = junit(name)
    assert "\nOK (" in told, told


@pytest.mark.parametrize("name", ["AssetTests", "OldAndroidTests"])
def test_with_a_fake_android(junit: Callable[..., str], name: str) -> None:
    told = junit(name, fake=True)
    assert "\nOK (" in told, told


def test_public_members_are_those_of_upstream(jvm: Jvm, tool: Tool, tmp_path: Path) -> None:
    for name, text in STUBS.items():
        (tmp_path / "stubs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "stubs" / name).write_text(text)
    theirs = sorted((upstream(tool) / "src/main/java").rglob("*.java"))
    stubs = sorted((tmp_path / "stubs").rglob("*.java"))
    fake = jvm.classes[-1].parent / "fake"
    (tmp_path / "theirs").mkdir()
    compiled = compile_java(
        jvm.jdk, [*theirs, *stubs, JAVA / "org/pytorch/Members.java"], (fake,), tmp_path / "theirs"
    )
    names = [f"org.pytorch.{it}" for it in PUBLIC]
    told = replace(jvm, classes=(compiled, fake)).run("org.pytorch.Members", *names)
    assert told.returncode == 0, told.stderr
    own = replace(jvm, classes=(*jvm.classes, fake)).run("org.pytorch.Members", *names)
    assert own.returncode == 0, own.stderr
    wanted, found = set(told.stdout.splitlines()), set(own.stdout.splitlines())
    assert len(wanted) > 100
    assert wanted - found == set()
    added = {it.partition(":")[0] for it in found - wanted}
    assert added == {
        f"org.pytorch.{it}" for it in ("DType", "LiteModuleLoader", "Module", "Tensor")
    }


def test_what_nobody_closes_is_freed(jvm: Jvm) -> None:
    done = jvm.run("org.pytorch.Memory", jvm.models / "values.ptl", options=["-Xmx64m"])
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 120_000, "of 10 GB; twice what may be held until the collector runs"


def test_eight_threads(jvm: Jvm) -> None:
    done = jvm.run("org.pytorch.Threads", jvm.models / "values.ptl")
    assert done.stdout.splitlines()[-1:] == ["done"], done.stdout + done.stderr


def test_the_library_keeps_to_itself(jvm: Jvm) -> None:
    elf = read_elf(jvm.libraries / LIBRARY_NAME)
    assert elf.soname == LIBRARY_NAME
    assert elf.needed == ("libbuild_runtime.so", "libc.so.6")
    assert {it.name for it in elf.exports} == {"JNI_OnLoad"}


def test_jars_are_byte_stable(jvm: Jvm, jdk: Jdk, tool: Tool) -> None:
    jar = jvm.classes[0].read_bytes()
    assert jar == jar_bytes(VERSION, compile_classes(jdk, host_of(tool)))
    with zipfile.ZipFile(jvm.classes[0]) as archive:
        names = archive.namelist()
        headers = [archive.read(it)[:8] for it in names if it.endswith(".class")]
    assert not [it for it in names if "android" in it]
    assert len(headers) > 10
    assert {int.from_bytes(it[6:]) for it in headers} == {52}, "Java 8"
