"""What a build for Android leaves, by way of a fake NDK: the AAR, and all that lies beside it."""

import json
import os
import re
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builder.artifact.android.zips import unzip
from builder.foundation.elf import ElfFile, read_elf
from builder.foundation.files import locked
from builder.pipeline.packing.kinds import LOCK
from tests.documents import validate
from tests.e2e.real import host_of
from tests.native.fake_ndk import make_fake_ndk
from tests.native.mini_torch.conftest import NewWorkshop
from tests.native.mini_torch.workshop import Workshop

CONSUMER = """\
cmake_minimum_required(VERSION 3.16)
project(consumer CXX)
find_package(build_runtime REQUIRED CONFIG)
add_library(consumer SHARED consumer.cpp)
target_link_libraries(consumer PRIVATE build_runtime::build_runtime)
"""
SOURCE = """\
#include <build_runtime.h>
extern "C" const char* told() { return br_manifest_json(); }
"""


@pytest.fixture(scope="module")
def android(new_workshop: NewWorkshop) -> Workshop:
    return new_workshop()


@pytest.fixture(scope="module")
def ndk(android: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_fake_ndk(tmp_path_factory.mktemp("android") / "ndk", host_of(android.tool))


def words(workshop: Workshop, ndk: Path, *more: object) -> tuple[object, ...]:
    asked = workshop.words(*workshop.first)
    return (*asked, "--platform", "android", "--ndk", ndk, "--java", "off", *more, "--json")


@pytest.fixture(scope="module")
def document(android: Workshop, ndk: Path) -> Any:
    asked = words(android, ndk, "-o", "dist", "--maven-group", "com.example")
    return android.tool.run(*asked, cwd=android.folder).document


@pytest.fixture(scope="module")
def dist(android: Workshop, document: Any) -> Path:
    assert document["packages"][0]["coordinates"].startswith("com.example:pytorch_android_lite:")
    return android.folder / "dist"


def elf_in(archive: Path, name: str, scratch: Path) -> ElfFile:
    with zipfile.ZipFile(archive) as opened:
        return read_elf(Path(opened.extract(name, scratch)))


def test_symbols_are_of_the_library_that_ships(dist: Path, tmp_path: Path) -> None:
    name = "x86_64/libbuild_runtime.so"
    symbols = elf_in(dist / "native-debug-symbols.zip", name, tmp_path / "symbols")
    shipped = elf_in(dist / "build-runtime-android24.aar", f"jni/{name}", tmp_path / "aar")
    assert symbols.build_id == shipped.build_id
    assert ".symtab" in {it.name for it in symbols.sections}
    assert ".symtab" not in {it.name for it in shipped.sections}
    places = [
        {it.name: (it.address, it.size) for it in elf.sections if it.address}
        for elf in (symbols, shipped)
    ]
    assert places[0] == places[1]


@pytest.mark.parametrize("artifact", ["build-runtime-android24.aar", "android24", "maven"])
def test_whatever_was_written_is_verified(artifact: str, android: Workshop, dist: Path) -> None:
    model = android.first[0]
    asked = ("verify", dist / artifact, model, "--no-run", "--json")
    told = android.tool.run(*asked, cwd=android.folder).document
    validate("verify", told)
    assert told["passed"]
    assert {it["target"] for it in told["checks"]} == {"android24-x86_64"}


def test_the_project_of_an_android_runtime_makes_the_same_library(
    android: Workshop, ndk: Path, dist: Path, tmp_path: Path, require: Callable[[str], Path]
) -> None:
    project, build = tmp_path / "project", tmp_path / "build"
    android.tool.run("plan", *words(android, ndk, "--write", project), cwd=android.folder)
    toolchain = project / "toolchain.cmake"
    run(require("cmake"), "-S", project, "-B", build, "-G", "Ninja", "--toolchain", toolchain)
    run(require("ninja"), "-C", build)
    library = (build / "lib" / "libbuild_runtime.so").read_bytes()
    assert library == (dist / "android24/jni/x86_64/libbuild_runtime.so").read_bytes()


def test_native_code_finds_the_runtime_in_the_folder(
    ndk: Path, dist: Path, tmp_path: Path, require: Callable[[str], Path]
) -> None:
    (tmp_path / "CMakeLists.txt").write_text(CONSUMER)
    (tmp_path / "consumer.cpp").write_text(SOURCE)
    build = tmp_path / "build"
    run(
        require("cmake"), "-S", tmp_path, "-B", build, "-G", "Ninja",
        "--toolchain", ndk / "build/cmake/android.toolchain.cmake", "-DANDROID_ABI=x86_64",
        "-DANDROID_PLATFORM=android-24", "-DANDROID_STL=c++_static",
        f"-Dbuild_runtime_ROOT={dist / 'android24'}",
    )  # fmt: skip
    run(require("ninja"), "-C", build)
    assert "libbuild_runtime.so" in read_elf(build / "libconsumer.so").needed


def test_builds_at_once_publish_into_one_repository(
    android: Workshop, ndk: Path, document: Any
) -> None:
    """Each waits for whoever packs into the folder, and says so; no version is lost."""
    del document
    output, versions = android.folder / "shared", ("1.0.0", "2.0.0")
    with locked(output / LOCK, doing="packing by hand"):
        builds = [
            android.tool.start(
                *words(android, ndk, "-o", output, "--maven-version", it), cwd=android.folder
            )
            for it in versions
        ]
        for build in builds:
            assert build.stderr is not None
            expected = f"waiting for process {os.getpid()}"
            assert any(expected in line for line in build.stderr), "it did not wait"
        assert not list(output.rglob("*.aar"))
    ended = [(it.communicate(timeout=120)[1], it.returncode) for it in builds]
    assert [code for _, code in ended] == [0, 0], ended
    (listed,) = output.rglob("maven-metadata.xml")
    found = re.findall(r"<version>(.+?)</version>", listed.read_text())
    assert found == list(versions)
    for version in versions:
        (aar,) = output.rglob(f"pytorch_android_lite-{version}.aar")
        with zipfile.ZipFile(aar) as archive:
            manifest = json.loads(archive.read("assets/build_runtime/manifest.json"))
        assert manifest["artifact_version"] == version, "the archive is of the other build"


@pytest.fixture(scope="module")
def with_java(android: Workshop, ndk: Path, require: Callable[[str], Path]) -> Path:
    """Return what is built as is usual for Android: nothing asks for classes."""
    require("javac")
    asked = words(android, ndk, "-o", "with-java", "--java", "auto")
    android.tool.run(*asked, cwd=android.folder)
    return android.folder / "with-java"


def test_an_app_gets_classes_and_the_library_under_them(with_java: Path) -> None:
    made = with_java / "android24"
    with zipfile.ZipFile(made / "classes.jar") as jar:
        assert "org/pytorch/Module.class" in jar.namelist()
    library = read_elf(made / "jni/x86_64/libpytorch_jni_lite.so")
    assert library.soname == "libpytorch_jni_lite.so"
    assert {it.name for it in library.exports} == {"JNI_OnLoad"}
    assert set(library.needed) - {"libbuild_runtime.so"} <= {"libc.so", "libm.so", "libdl.so"}
    assert {it.align for it in library.segments if it.kind == "PT_LOAD"} == {0x4000}
    assert "-keep class org.pytorch.NativeHandle" in (made / "proguard.txt").read_text()


def test_an_app_gets_tensors_of_images(with_java: Path, tmp_path: Path) -> None:
    """From a library of its own, which the project of CMake builds, and which brings the other."""
    (module,) = with_java.glob("maven/local/build-runtime/pytorch_android_torchvision_lite/*/")
    (aar,) = module.glob("*.aar")
    assert aar.read_bytes() == (with_java / "build-runtime-torchvision-android24.aar").read_bytes()
    unzip(aar, tmp_path / "aar")
    with zipfile.ZipFile(tmp_path / "aar" / "classes.jar") as jar:
        classes = [it for it in jar.namelist() if it.endswith(".class")]
    assert "org/pytorch/torchvision/TensorImageUtils.class" in classes
    assert all("torchvision" in it for it in classes), "the others come with the runtime"
    library = read_elf(tmp_path / "aar" / "jni/x86_64/libpytorch_vision_jni.so")
    assert library.soname == "libpytorch_vision_jni.so"
    assert {it.name for it in library.exports} == {"JNI_OnLoad"}
    allowed = {"libjnigraphics.so", "libc.so", "libc.so.6"}  # the fake NDK has glibc's name, too
    assert {"libjnigraphics.so"} <= set(library.needed) <= allowed, "no C++ library"
    assert {it.align for it in library.segments if it.kind == "PT_LOAD"} == {0x4000}
    assert (tmp_path / "aar/META-INF/build_runtime/licenses/build-runtime/LICENSE").is_file()
    (pom,) = module.glob("*.pom")
    assert "<artifactId>pytorch_android_lite</artifactId>" in pom.read_text()
    assert sorted(it.name.rpartition("-")[2] for it in module.glob("*.jar")) == [
        "javadoc.jar", "sources.jar",
    ]  # fmt: skip


def run(*argv: object) -> None:
    env = {name: it for name, it in os.environ.items() if not name.startswith("BUILD_RUNTIME")}
    done = subprocess.run(
        list(map(str, argv)), env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_manifest_in_the_archive_is_what_its_schema_says(dist: Path) -> None:
    with zipfile.ZipFile(dist / "build-runtime-android24.aar") as archive:
        document = json.loads(archive.read("assets/build_runtime/manifest.json"))
        abi = json.loads(archive.read("prefab/modules/build_runtime/libs/android.x86_64/abi.json"))
    validate("package", document)
    for target in document["targets"]:
        validate("manifest", target)
    assert abi == {"abi": "x86_64", "api": 24, "ndk": 24, "stl": "none", "static": False}
