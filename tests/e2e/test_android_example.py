"""`examples/android/native`: a JNI library on an unpacked AAR, run by a JVM.

The runtime in the AAR is that of Linux, which a JVM here can load; all else is as for Android.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from builder.artifact.android import layout
from builder.artifact.android.aar import stage_abi, stage_shared
from builder.artifact.android.zips import unzip, write_zip
from builder.foundation.coordinates import Coordinates
from builder.foundation.resources import NATIVE
from builder.vocabulary.targets import Abi, Platform, make_target
from tests.docs.pages import block
from tests.e2e.real import CLASSIFIER, Runtime
from tests.places import EXAMPLES
from tests.unit.artifact.facts import make_contents, make_model

PROJECT: Final = EXAMPLES / "android" / "native"
MAIN: Final = """\
import com.example.vision.Classifier;

public class Main {
  public static void main(String[] args) {
    float[] pixels = new float[3 * 32 * 32];
    java.util.Arrays.fill(pixels, 1.0f);
    try (Classifier model = new Classifier(args[0])) {
      for (float score : model.scores(pixels, 1, 3, 32, 32)) System.out.println(score);
      try {
        model.scores(pixels, 1, 2, 3);
      } catch (IllegalStateException error) {
        System.out.println("refused: " + error.getMessage());
      }
    }
    try {
      new Classifier("/no/such/model");
    } catch (IllegalStateException error) {
      System.out.println("refused: " + error.getMessage());
    }
  }
}
"""
EXPECTED: Final = """\
import sys
import torch

print(*torch.jit.load(sys.argv[1])(torch.ones(1, 3, 32, 32))[0].tolist())
"""


def run(*argv: object, cwd: Path) -> str:
    done = subprocess.run(
        list(map(str, argv)), cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def made(runtime: Callable[[str, str], Runtime]) -> Runtime:
    return runtime("classifier", "x86_64")


@pytest.fixture
def unpacked(made: Runtime, tmp_path: Path) -> Path:
    """Unpack an AAR with the runtime, in a folder whose name has a space."""
    facts = tmp_path / "facts"
    facts.mkdir()
    target = make_target(Platform.ANDROID, Abi.X86_64)
    contents = make_contents(facts, make_model(facts), target, made.library)
    contents.header.write_bytes((NATIVE / "include" / "build_runtime.h").read_bytes())
    shared = stage_shared(contents, (), Coordinates("g", "a", "1"), with_models=False)
    write_zip((*shared, *stage_abi(contents, 26, with_models=False)), tmp_path / "x.aar")
    unzip(tmp_path / "x.aar", tmp_path / "the aar")
    return tmp_path / "the aar"


def configure(unpacked: Path, build: Path, abi: str, require: Callable[[str], Path]) -> list[str]:
    java = require("javac").resolve().parents[1] / "include"
    return list(map(str, (
        require("cmake"), "-S", PROJECT, "-B", build, f"-DANDROID_ABI={abi}",
        f"-Dbuild_runtime_ROOT={unpacked}", "-DCMAKE_BUILD_TYPE=Release",
        f"-DCMAKE_CXX_FLAGS=-I{java} -I{java / 'linux'} -Werror",
    )))  # fmt: skip


def test_a_jvm_runs_the_model(
    made: Runtime, unpacked: Path, tmp_path: Path, require: Callable[[str], Path]
) -> None:
    require("g++")
    build = tmp_path / "build"
    run(*configure(unpacked, build, "x86_64", require), cwd=tmp_path)
    run(require("cmake"), "--build", build, cwd=tmp_path)
    library = build / "x86_64" / "libclassifier_jni.so"
    assert library.is_file(), "one folder for each ABI"
    shutil.copy(unpacked / layout.library(Abi.X86_64), library.parent)
    (tmp_path / "Main.java").write_text(MAIN)
    source = PROJECT / "src/main/java/com/example/vision/Classifier.java"
    run(require("javac"), "--release", "8", "-Xlint:-options", "-d", tmp_path / "classes", source,
        tmp_path / "Main.java", cwd=tmp_path)  # fmt: skip
    printed = run(
        require("java"), "-Xcheck:jni", f"-Djava.library.path={library.parent}", "-cp",
        tmp_path / "classes", "Main", made.model("model"), cwd=tmp_path,
    ).splitlines()  # fmt: skip
    expected = run(sys.executable, "-W", "ignore", "-c", EXPECTED, CLASSIFIER, cwd=tmp_path).split()
    scores = [float(it) for it in printed[: len(expected)]]
    np.testing.assert_allclose(scores, list(map(float, expected)), rtol=1e-4, atol=1e-5)
    refused = printed[len(expected) :]
    assert len(refused) == 2
    assert all(it.startswith("refused: ") for it in refused)


def test_the_page_shows_lines_of_the_example() -> None:
    text = (PROJECT / "CMakeLists.txt").read_text()
    assert all(it in text for it in block("find_package(build_runtime REQUIRED").text.splitlines())


def test_an_abi_that_is_not_there_is_told(
    unpacked: Path, tmp_path: Path, require: Callable[[str], Path]
) -> None:
    words = configure(unpacked, tmp_path / "build", "riscv64", require)
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    told = " ".join(done.stderr.split())
    assert "no runtime for ANDROID_ABI 'riscv64'" in told
    assert "it has android.x86_64" in told
