"""The classes of `org.pytorch` on a JVM: upstream's own tests, ours, memory and threads."""

import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Final

import pytest
import torch

from builder import VERSION
from builder.artifact.android.jars import jar_bytes
from builder.artifact.rendering import render
from builder.foundation.elf import read_elf
from builder.toolchains.java.classes import compile_classes
from builder.toolchains.java.jdk import Jdk, find_jdk
from builder.toolchains.java.shim import LIBRARY_NAME
from builder.vocabulary.dtypes import DEFAULT_DTYPES
from tests.conftest import unavailable
from tests.coverage.suite import MODELS, cases_for, write
from tests.e2e.jvm.carriers import write_carriers
from tests.e2e.jvm.machine import JAVA, JUNIT, Jvm, compile_java, write_java_8
from tests.e2e.jvm.upstream_models import unpack_scripts
from tests.e2e.jvm.values import Hyperbolic, Values, write_model
from tests.e2e.real import Runtime, Tool, built, host_of
from tests.places import TESTS

pytestmark = pytest.mark.filterwarnings("ignore")  # torch's, about TorchScript's age

EXTRA: Final = {"labels.txt": "cat\nhünd 🐕\n"}

ANDROID: Final = "pytorch/android/pytorch_android"
UPSTREAM_MODELS: Final = (
    "convolution_ops", "dropout_ops", "linear_ops", "padding_ops", "recurrent_ops",
    "tensor_view_ops", "torchscript_builtin_ops", "torchscript_collection_ops",
)  # fmt: skip
"""Those whose kernels other tests of CI need, too: they cost it nothing to compile."""

MORE_MODELS: Final = {
    "floats": (
        "activation_ops", "blas_lapack_ops", "comparison_ops", "distance_function_ops",
        "loss_function_ops", "nn_utils_ops", "normalization_ops", "pooling_ops", "reduction_ops",
        "sampling_ops", "shuffle_ops", "sparse_ops", "tensor_indexing_ops", "transformer_ops",
        "vision_function_ops",
    ),
    "others": (
        "fused_quant_ops", "general_quant_ops", "other_math_ops", "pointwise_ops",
        "static_quant_ops", "tensor_creation_ops", "tensor_general_ops", "tensor_typing_ops",
    ),
}  # fmt: skip
"""The others, by what their kernels are compiled for: numbers that are usual, or all there are."""

CANNOT_RUN: Final = {
    "dynamic_quant_ops": "its class cannot be scripted: upstream's own script leaves it out, too",
    "mobilenet_v2": "its weights are torchvision's, which are fetched from elsewhere",
    "spectral_ops": "its test is ignored by upstream, as the model fails in full TorchScript",
}
"""Models of upstream's suite that nobody can make, with the reason."""

COVERAGE_MODELS: Final = frozenset({
    "branches", "called_special", "containers", "convolution", "dynamic", "named_tuples",
    "normalisation", "oversized", "raises", "recurrent", "text",
})  # fmt: skip
"""Of each kind that Java has: most are those that CI runs in a runtime anyway."""

EXAMPLE_MODELS: Final = ("control_flow", "lstm_text")
"""Examples whose operators other tests of CI compile for this machine."""

MODEL: Final = re.compile(r"(?:run|load)Model\(\"(\w+)")
"""How upstream's suite names the model of a test; that of most tests has a constant."""

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
    make_upstream(tool, folder, UPSTREAM_MODELS)
    return folder


def make_upstream(tool: Tool, folder: Path, names: Sequence[str]) -> None:
    """Write models of upstream's suite as `.pt`."""
    found = sorted((tool.cache / "downloads").glob("pytorch_2.6.0*.tar.*"))
    if not found:
        pytest.skip("the sources came from a repository, which has no archive with the scripts")
    scripts = folder / "scripts"
    scripts.mkdir(exist_ok=True)
    unpack_scripts(found[0], scripts)
    program = TESTS / "e2e/jvm/upstream_models.py"
    subprocess.run([sys.executable, program, scripts, folder, *names], check=True)


def upstream(tool: Tool) -> Path:
    (root,) = (tool.cache / "sources").glob(f"2.6.0-*/{ANDROID}")
    return root


@dataclass(frozen=True)
class Answered:
    """A model, and carriers of arguments with what torch answers to them."""

    model: Path
    method: str
    carriers: tuple[Path, ...]


@pytest.fixture(scope="module")
def answered(
    example: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Answered, ...]:
    """Return coverage models and examples with the cases that a model can carry."""
    folder = tmp_path_factory.mktemp("answered")
    found = []
    for it in (it for it in MODELS if it.name in COVERAGE_MODELS):
        path, module = write(it, folder)
        cases = cases_for(it, DEFAULT_DTYPES)
        carriers = write_carriers(getattr(module, it.method), cases, folder / it.name)
        found.append(Answered(path, it.method, tuple(carriers)))
    for name in EXAMPLE_MODELS:
        path = folder / f"{name}.pt"
        shutil.copy(example(name) / "model.pt", path)
        cases = [torch.load(example(name) / "inputs.pt")]
        carriers = write_carriers(torch.jit.load(path), cases, folder / name)  # type: ignore[no-untyped-call]
        found.append(Answered(path, "forward", tuple(carriers)))
    return tuple(found)


@pytest.fixture(scope="module")
def jvm(
    jdk: Jdk,
    tool: Tool,
    models: Path,
    answered: tuple[Answered, ...],
    tmp_path_factory: pytest.TempPathFactory,
) -> Jvm:
    folder = tmp_path_factory.mktemp("java")
    lite = (models / f"{it}.ptl" for it in ("values", "android_api_module"))
    upstreams = (models / f"{it}.pt" for it in UPSTREAM_MODELS)
    runtime = build_with_java(tool, [*lite, *upstreams, *(it.model for it in answered)], folder)
    for name in (*UPSTREAM_MODELS, *(it.model.stem for it in answered)):
        shutil.copy(runtime.model(name), models)
    ours = (runtime.prefix / "share/java/build_runtime.jar", *JUNIT)
    base = upstream(tool) / "src/androidTest/java/org/pytorch/PytorchTestBase.java"
    (folder / "fake").mkdir()
    fake = compile_java(jdk, sorted(JAVA.glob("android/**/*.java")), ours, folder / "fake")
    tests = [base, *sorted(JAVA.glob("org/**/*.java"))]
    compiled = compile_java(jdk, tests, (*ours, fake), folder / "tests")
    return Jvm(jdk, runtime.library.parent, models, (*ours, compiled))


def build_with_java(tool: Tool, models: Sequence[Path], folder: Path) -> Runtime:
    asked = ("--abi", "x86_64", "--no-verify", "--java", "on", "-o", folder, "--json")
    (runtime,) = built(tool.run("build", *models, *asked, cwd=folder), folder)
    return runtime


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


def models_of_tests(tool: Tool) -> dict[str, str]:
    """Return the model of each test of upstream's that only runs one."""
    text = (upstream(tool) / "src/androidTest/java/org/pytorch/PytorchTestBase.java").read_text()
    tests = ((re.search(r"void (\w+)", it), MODEL.search(it)) for it in text.split("@Test")[1:])
    return {test[1]: model[1] for test, model in tests if test and model}


def failures(told: str) -> set[str]:
    count = re.search(r"^(?:Tests run: |OK \()(\d+)", told, re.MULTILINE)
    assert count is not None, told
    assert int(count[1]) == 55, "upstream ignores one of 56"
    return set(re.findall(r"^\d+\) (\w+)\(", told, re.MULTILINE))


def test_every_model_of_upstreams_suite_is_made_or_has_its_reason(tool: Tool, jvm: Jvm) -> None:
    del jvm  # which has the source unpacked
    made = {*UPSTREAM_MODELS, *chain(*MORE_MODELS.values())}
    assert made | CANNOT_RUN.keys() == set(models_of_tests(tool).values())
    assert not made & CANNOT_RUN.keys()


def test_upstreams_own_tests_pass(junit: Callable[..., str], tool: Tool) -> None:
    told = junit("UpstreamTests")
    absent = {*CANNOT_RUN, *chain(*MORE_MODELS.values())} - {"spectral_ops"}
    expected = {test for test, model in models_of_tests(tool).items() if model in absent}
    assert failures(told) == expected, told


@pytest.mark.slow
@pytest.mark.parametrize("kind", MORE_MODELS)
def test_upstreams_other_models_run(kind: str, jvm: Jvm, tool: Tool, tmp_path: Path) -> None:
    """In a runtime of their own, as some need kernels for all dtypes."""
    names = MORE_MODELS[kind]
    make_upstream(tool, tmp_path, names)
    runtime = build_with_java(tool, [tmp_path / f"{it}.pt" for it in names], tmp_path)
    models = runtime.model(names[0]).parent
    told = replace(jvm, libraries=runtime.library.parent, models=models).run(
        "org.junit.runner.JUnitCore", "org.pytorch.UpstreamTests"
    )
    of_these = {test for test, model in models_of_tests(tool).items() if model in names}
    assert len(of_these) == len(names)
    assert not failures(told.stdout) & of_these, told.stdout


def test_what_a_shrinker_leaves_still_runs(jvm: Jvm, tmp_path: Path) -> None:
    """ProGuard with the rules that an AAR brings; what the app keeps are the tests here."""
    proguard = shutil.which("proguard")
    if proguard is None:
        unavailable("this test needs Debian's proguard-cli")
    (tmp_path / "tests").mkdir()
    sources = [JAVA / f"org/pytorch/{it}.java" for it in ("ModuleTests", "TensorTests")]
    tests = compile_java(jvm.jdk, sources, jvm.classes, tmp_path / "tests", "--release", "8")
    rules = tmp_path / "rules.txt"
    keep = "-keep class org.pytorch.*Tests { *; }\n-keepattributes *Annotation*\n"
    keep += "-dontnote\n-dontwarn android.**\n"
    rules.write_text(render("android/proguard.txt.j2", {"java": True}) + keep)
    library = write_java_8(jvm.jdk, tmp_path / "java8.jar")
    shrunk = tmp_path / "shrunk.jar"
    done = subprocess.run(
        [proguard, "-injars", f"{jvm.classes[0]}:{tests}", "-outjars", shrunk,
         "-libraryjars", ":".join(map(str, (library, *JUNIT))), f"@{rules}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(shrunk) as archive:
        names = archive.namelist()
    assert "org/pytorch/Tensor.class" in names
    assert "org/pytorch/PyTorchCodegenLoader.class" not in names, "nothing was shrunk"
    told = replace(jvm, classes=(shrunk, *JUNIT)).run(
        "org.junit.runner.JUnitCore", "org.pytorch.ModuleTests", "org.pytorch.TensorTests"
    )
    assert "\nOK (" in told.stdout, told.stdout + told.stderr


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


def test_answers_are_those_of_torch(jvm: Jvm, answered: tuple[Answered, ...]) -> None:
    assert len(answered) == len(COVERAGE_MODELS) + len(EXAMPLE_MODELS)
    for it in answered:
        model = jvm.models / f"{it.model.stem}.ptl"
        assert it.carriers, model
        done = jvm.run("org.pytorch.Answers", model, it.method, *it.carriers)
        told = done.stdout.splitlines()
        assert told[-1:] == [f"compared {len(it.carriers)}"], (model, told, done.stderr)
        assert not [line for line in told if line.startswith("differs")], (model, told)


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
