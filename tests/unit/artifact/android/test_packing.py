import io
import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree as ET

import pytest
from elftools.elf.elffile import ELFFile

from builder.artifact.android.jars import jar_bytes
from builder.artifact.android.packing import archive_name, package, write_symbols
from builder.artifact.android.zips import content_offset
from builder.artifact.staging import Presence
from builder.foundation.resources import TEMPLATES
from builder.toolchains.java.shim import SOURCES
from builder.vocabulary.targets import STORE_PAGE, Abi, Platform, make_target
from tests.documents import validate
from tests.unit.artifact.facts import ELF, with_java
from tests.unit.artifact.forge_android import ABIS, COORDINATES, library, make_aar, part

ANDROID = "{http://schemas.android.com/apk/res/android}"


@pytest.fixture(scope="module")
def aar(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    bundle = make_aar(tmp_path_factory.mktemp("aar"))
    with zipfile.ZipFile(bundle.archive) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_equal_content_gives_equal_bytes_anywhere(tmp_path: Path) -> None:
    one = make_aar(tmp_path / "one", provider="git")
    two = make_aar(tmp_path / "two" / "deeper", provider="debian")
    assert one.archive.read_bytes() == two.archive.read_bytes()
    assert one.archive.name == "build-runtime-android24.aar"


def test_the_archive_has_its_documented_layout(aar: dict[str, bytes]) -> None:
    each = [
        name.format(abi)
        for abi in ABIS
        for name in (
            "META-INF/build_runtime/bin/{}/build-runtime-run",
            "META-INF/build_runtime/sbom/{}.cdx.json",
            "META-INF/build_runtime/size-report/{}.html",
            "META-INF/build_runtime/size-report/{}.json",
            "META-INF/build_runtime/size-report/{}.txt",
            "jni/{}/libbuild_runtime.so",
            "prefab/modules/build_runtime/libs/android.{}/abi.json",
            "prefab/modules/build_runtime/libs/android.{}/libbuild_runtime.so",
        )
    ]
    assert sorted(aar) == sorted(
        [
            *each,
            "AndroidManifest.xml",
            "META-INF/build_runtime/NOTICE",
            "META-INF/build_runtime/licenses/pytorch/LICENSE",
            "META-INF/build_runtime/selected_operators.yaml",
            "META-INF/com/android/build/gradle/aar-metadata.properties",
            "R.txt",
            "assets/build_runtime/manifest.json",
            "classes.jar",
            "cmake/build_runtimeConfig.cmake",
            "cmake/build_runtimeConfigVersion.cmake",
            "prefab/modules/build_runtime/include/build_runtime.h",
            "prefab/modules/build_runtime/module.json",
            "prefab/prefab.json",
            "proguard.txt",
        ]
    )


def test_the_plugin_is_told_what_it_takes_to_use_the_library(aar: dict[str, bytes]) -> None:
    assert aar["META-INF/com/android/build/gradle/aar-metadata.properties"].decode() == (
        "aarFormatVersion=1.0\naarMetadataVersion=1.0\nminCompileSdk=1\nminCompileSdkExtension=0\n"
        "minAndroidGradlePluginVersion=1.0.0\ncoreLibraryDesugaringEnabled=false\n"
    )
    manifest = ET.fromstring(aar["AndroidManifest.xml"])
    assert manifest.get("package") == "com.example.my_models"
    (sdk,) = manifest
    assert (sdk.tag, sdk.attrib) == ("uses-sdk", {f"{ANDROID}minSdkVersion": "24"})
    assert aar["R.txt"] == b""
    with zipfile.ZipFile(io.BytesIO(aar["classes.jar"])) as classes:
        assert classes.namelist() == ["META-INF/MANIFEST.MF"]
        assert classes.read("META-INF/MANIFEST.MF").startswith(b"Manifest-Version: 1.0\r\n")


def test_prefab_is_told_of_a_library_without_a_cxx_library(aar: dict[str, bytes]) -> None:
    """Prefab refuses shared libraries that say they contain a static C++ library."""
    assert json.loads(aar["prefab/prefab.json"]) == {
        "schema_version": 2, "name": "build_runtime", "version": "1.2.0", "dependencies": [],
    }  # fmt: skip
    module = json.loads(aar["prefab/modules/build_runtime/module.json"])
    assert module == {"export_libraries": [], "library_name": "libbuild_runtime"}
    for abi in ABIS:
        folder = f"prefab/modules/build_runtime/libs/android.{abi}"
        told = json.loads(aar[f"{folder}/abi.json"])
        assert told == {"abi": abi, "api": 24, "ndk": 0, "stl": "none", "static": False}
        assert isinstance(told["ndk"], int)
        assert aar[f"{folder}/libbuild_runtime.so"] == library(abi)


def test_libraries_can_be_mapped_from_the_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(make_aar(tmp_path).archive) as archive:
        for abi in ABIS:
            member = archive.getinfo(f"jni/{abi}/libbuild_runtime.so")
            assert member.compress_type == zipfile.ZIP_STORED
            assert content_offset(archive, member) % STORE_PAGE == 0


def test_the_manifest_describes_every_other_file(aar: dict[str, bytes]) -> None:
    document = json.loads(aar["assets/build_runtime/manifest.json"])
    validate("package", document)
    for it in document["targets"]:
        validate("manifest", it)
    told = [
        *document["files"],
        *(it for one in document["targets"] for it in one["result"]["files"]),
    ]
    assert {it["path"]: it["size"] for it in told} == {
        name: len(data)
        for name, data in aar.items()
        if name != "assets/build_runtime/manifest.json"
    }
    assert len(told) == len({it["path"] for it in told})
    assert (document["group"], document["artifact"]) == ("com.example", "my-models")
    assert [it["target"]["abi"] for it in document["targets"]] == list(ABIS)
    assert document["targets"][0]["target"]["api_level"] == 24
    assert document["targets"][0]["models"][0]["file"] is None


def test_models_are_assets_if_that_is_wished(tmp_path: Path) -> None:
    with zipfile.ZipFile(make_aar(tmp_path, with_models=True).archive) as archive:
        assert archive.read("assets/net.ptl") == b"lite"
        document = json.loads(archive.read("assets/build_runtime/manifest.json"))
    assert document["targets"][1]["models"][0]["file"] == "assets/net.ptl"


def test_nothing_of_the_machine_is_in_the_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(make_aar(tmp_path, provider="debian").archive) as archive:
        for name in archive.namelist():
            assert str(tmp_path).encode() not in archive.read(name), name
            assert b"debian" not in archive.read(name), name


def test_symbols_lie_by_abi_as_stores_want_them(tmp_path: Path) -> None:
    path = write_symbols([(abi, ELF / abi / "tiny.so") for abi in ABIS], tmp_path)
    assert path.name == "native-debug-symbols.zip"
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [f"{abi}/libbuild_runtime.so" for abi in sorted(ABIS)]
        for name in archive.namelist():
            assert ELFFile(io.BytesIO(archive.read(name)))["e_type"] == "ET_DYN"


@pytest.mark.parametrize("abi", Abi)
def test_archives_are_named_by_platform_and_level(abi: Abi) -> None:
    assert archive_name(make_target(Platform.ANDROID, abi)) == "build-runtime-android24.aar"


def test_the_version_of_the_toolchain_is_a_number(tmp_path: Path) -> None:
    assert part(tmp_path, Abi.ARM64_V8A).ndk == 0
    assert COORDINATES.numeric_version == "1.2.0"


@pytest.mark.parametrize("order", [ABIS, ABIS[::-1]])
def test_what_is_linked_for_one_abi_is_told_to_be(tmp_path: Path, order: tuple[Abi, ...]) -> None:
    """Even where others have it by its headers alone."""
    parts = []
    for abi in order:
        own = part(tmp_path, abi)
        presence = Presence.LINKED if abi is ABIS[0] else Presence.HEADERS
        inside = tuple(
            replace(it, presence=presence if it.name == "pytorch" else it.presence)
            for it in own.contents.parts
        )
        parts.append(replace(own, contents=replace(own.contents, parts=inside)))
    bundle = package(tuple(parts), COORDINATES, tmp_path / "dist")
    with zipfile.ZipFile(bundle.archive) as archive:
        notice = archive.read("META-INF/build_runtime/NOTICE").decode()
    (line,) = (it for it in notice.splitlines() if it.startswith("pytorch 2.6.0"))
    assert line.endswith("  linked")


def test_classes_come_with_the_library_under_them_and_rules_that_keep_it(tmp_path: Path) -> None:
    parts = [part(tmp_path, it) for it in ABIS]
    parts = [replace(it, contents=with_java(it.contents, tmp_path)) for it in parts]
    bundle = package(tuple(parts), COORDINATES, tmp_path / "dist")
    with zipfile.ZipFile(bundle.archive) as archive:
        assert archive.read("classes.jar") == b"a jar"
        assert b"-keep class org.pytorch.NativeHandle" in archive.read("proguard.txt")
        for abi in ABIS:
            member = archive.getinfo(f"jni/{abi}/libpytorch_jni_lite.so")
            assert archive.read(member) == b"native functions"
            assert content_offset(archive, member) % STORE_PAGE == 0


def test_rules_keep_each_class_that_is_looked_up_by_name() -> None:
    looked_up = set(re.findall(r"\"org/pytorch/(\w+)\"", (SOURCES / "names.c").read_text()))
    rules = (TEMPLATES / "android" / "proguard.txt.j2").read_text()
    assert looked_up == set(re.findall(r"^-keep class org\.pytorch\.(\w+) ", rules, re.MULTILINE))


def test_equal_classes_give_equal_jars() -> None:
    classes = [(PurePosixPath(f"org/pytorch/{it}.class"), it.encode()) for it in ("B", "A")]
    jar = jar_bytes("1", classes)
    assert jar == jar_bytes("1", reversed(classes))
    with zipfile.ZipFile(io.BytesIO(jar)) as archive:
        assert archive.namelist() == [
            "META-INF/MANIFEST.MF", "org/pytorch/A.class", "org/pytorch/B.class",
        ]  # fmt: skip
