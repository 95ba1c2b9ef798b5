import hashlib
import json
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from builder.artifact.manifest import (
    BuildFacts,
    describe_model,
    manifest,
)
from builder.artifact.staging import Bundle
from builder.artifact.tar.layout import model_place
from builder.artifact.tar.packing import archive_name, package
from builder.foundation.resources import DATA
from builder.vocabulary.models import ModelFormat, Repair
from builder.vocabulary.plan import (
    BuildPlan,
    SourceTree,
)
from builder.vocabulary.targets import Abi, Platform, make_target
from tests.unit.artifact.facts import (
    BUILD_ID,
    make_contents,
    make_model,
    make_plan,
    make_result,
    with_java,
)

SCHEMA = json.loads((DATA / "schemas" / "manifest.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)
PLACE = model_place("net")


def with_source(plan: BuildPlan, source: SourceTree) -> BuildPlan:
    return replace(plan, objects=replace(plan.objects, source=source))


def make_package(root: Path, *, provider: str = "cache", epoch: int = 0) -> Bundle:
    root.mkdir(parents=True)
    model = make_model(root)
    return package(
        make_contents(root, model),
        BuildFacts(make_plan(root, provider=provider), (describe_model(model, PLACE),)),
        result=make_result(),
        destination=root / "dist",
        epoch=epoch,
    )


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_a_model_may_be_of_any_format() -> None:
    described = SCHEMA["properties"]["models"]["items"]["properties"]["format"]
    assert described["enum"] == [str(it) for it in ModelFormat]


def test_equal_content_gives_equal_bytes_anywhere(tmp_path: Path) -> None:
    one = make_package(tmp_path / "one", provider="git")
    two = make_package(tmp_path / "two" / "deeper", provider="debian")
    assert one.archive.read_bytes() == two.archive.read_bytes()
    assert one.sha256 == two.sha256 == hashlib.sha256(one.archive.read_bytes()).hexdigest()
    assert one.size == one.archive.stat().st_size
    assert make_package(tmp_path / "three", epoch=1).sha256 != one.sha256


def test_the_archive_has_its_documented_layout(tmp_path: Path) -> None:
    bundle = make_package(tmp_path / "x", epoch=1_700_000_000)
    assert bundle.archive == tmp_path / "x" / "dist" / "build-runtime-linux-arm64-v8a.tar.gz"
    with tarfile.open(bundle.archive) as archive:
        modes = {member.name: member.mode for member in archive}
        assert {member.mtime for member in archive} == {1_700_000_000}
    assert modes == {
        "bin/build-runtime-run": 0o755,
        "bin/speed_benchmark_torch": 0o755,
        "include/build_runtime.h": 0o644,
        "lib/cmake/build_runtime/build_runtimeConfig.cmake": 0o644,
        "lib/cmake/build_runtime/build_runtimeConfigVersion.cmake": 0o644,
        "lib/libbuild_runtime.so": 0o755,
        "lib/pkgconfig/build_runtime.pc": 0o644,
        "share/build_runtime/NOTICE": 0o644,
        "share/build_runtime/licenses/pytorch/LICENSE": 0o644,
        "share/build_runtime/manifest.json": 0o644,
        "share/build_runtime/models/net.ptl": 0o644,
        "share/build_runtime/sbom.cdx.json": 0o644,
        "share/build_runtime/selected_operators.yaml": 0o644,
        "share/build_runtime/size-report.json": 0o644,
        "share/build_runtime/size-report.html": 0o644,
        "share/build_runtime/size-report.txt": 0o644,
    }


def unpack(bundle: Bundle) -> dict[str, bytes]:
    with tarfile.open(bundle.archive) as archive:
        contents = {member.name: archive.extractfile(member) for member in archive}
        return {name: content.read() for name, content in contents.items() if content}


def test_the_manifest_describes_every_other_file(tmp_path: Path) -> None:
    bundle = make_package(tmp_path / "x")
    files = unpack(bundle)
    assert files.pop("share/build_runtime/manifest.json").decode() == bundle.manifest
    document = json.loads(bundle.manifest)
    VALIDATOR.validate(document)
    assert {file["path"]: file["sha256"] for file in document["result"]["files"]} == {
        path: hashlib.sha256(content).hexdigest() for path, content in files.items()
    }
    assert {file["path"]: file["size"] for file in document["result"]["files"]} == {
        path: len(content) for path, content in files.items()
    }
    (model,) = document["models"]
    assert hashlib.sha256(files[model["file"]]).hexdigest() == model["sha256"]
    assert model["source_sha256"] == hashlib.sha256(b"scripted").hexdigest()


def test_the_manifest_tells_what_was_repaired(tmp_path: Path) -> None:
    repair = Repair("gradients", "with torch.no_grad() removed", 3)
    model = replace(make_model(tmp_path), repairs=(repair,))
    document = json.loads(
        manifest(BuildFacts(make_plan(tmp_path), (describe_model(model, PLACE),)))
    )
    VALIDATOR.validate(document)
    assert document["models"][0]["repairs"] == [
        {"name": "gradients", "what": "with torch.no_grad() removed", "count": 3}
    ]


def test_the_manifest_says_what_was_built_and_proven(tmp_path: Path) -> None:
    document = json.loads(make_package(tmp_path / "x").manifest)
    assert document["toolchain"] == {"name": "zig", "version": "0.17.1", "clang": "22.1.8"}
    assert document["profile"] == {
        "backends": ["CPU"],
        "dtypes": ["Float", "Long"],
        "optimisation": "size",
        "messages": "short",
        "kernels": "auto",
        "isa": "avx2",
    }
    assert document["flags"] == {"all": ["-Os", "-fPIC"], "c10": ["-DA"], "kernels": ["-DB=1"]}
    assert document["operators"] == [{"name": "aten::add.Tensor", "models": ["net"]}]
    assert [component["name"] for component in document["source"]["components"]] == [
        "cpuinfo", "pytorch",
    ]  # fmt: skip
    result: dict[str, Any] = document["result"]
    assert result["build_id"] == BUILD_ID
    assert result["link"] == ["-shared", "libm.so.6"]
    assert [check["outcome"] for check in result["checks"]] == ["passed", "passed", "skipped"]
    assert result["checks"][2]["reason"] == "no inputs were given"
    assert result["tolerances"] == [{"dtype": "float32", "relative": 1e-4, "absolute": 1e-5}]


def test_nothing_of_the_machine_is_in_the_archive(tmp_path: Path) -> None:
    for path, content in unpack(make_package(tmp_path / "x", provider="debian")).items():
        assert str(tmp_path).encode() not in content, path
        assert b"debian" not in content, path


def test_a_library_describes_itself_without_results(tmp_path: Path) -> None:
    facts = BuildFacts(make_plan(tmp_path), (describe_model(make_model(tmp_path), PLACE),))
    document = json.loads(manifest(facts))
    VALIDATOR.validate(document)
    assert "result" not in document
    assert "\n" not in manifest(facts), "every byte of it is in the library"
    assert document["flags"]["own"] == ["-Oz", "-mno-outline",
        "-mllvm -inline-threshold=20", "-Wall", "-Wextra", "-Werror"]  # fmt: skip
    assert "-DSTRIP_ERROR_MESSAGES" in document["flags"]["all"]
    assert document["flags"]["microkernel"] == ["-O2", "-w"]


def test_sources_from_a_folder_have_no_digest(tmp_path: Path) -> None:
    plan = make_plan(tmp_path)
    unknown = tuple(
        replace(it, sha256="", version="2.6.0" if it.name == "pytorch" else "")
        for it in plan.source.components
    )
    folder = with_source(plan, replace(plan.source, components=unknown))
    source = json.loads(manifest(BuildFacts(folder, ())))["source"]
    assert source["digest"] is None
    assert [it["sha256"] for it in source["components"]] == [None, None]
    assert json.loads(manifest(BuildFacts(plan, ())))["source"]["digest"] == "c" * 64


def test_a_skipped_check_needs_a_reason(tmp_path: Path) -> None:
    document = json.loads(make_package(tmp_path / "x").manifest)
    document["result"]["checks"][2]["reason"] = None
    assert [error.message for error in VALIDATOR.iter_errors(document)] == [
        "None is not of type 'string'"
    ]


@pytest.mark.parametrize("abi", Abi)
def test_archives_are_named_by_platform_and_abi(abi: Abi) -> None:
    name = archive_name(make_target(Platform.ANDROID, abi))
    assert name == f"build-runtime-android-{abi}.tar.gz"


def test_integration_files_name_version_and_pointer_size(tmp_path: Path) -> None:
    files = unpack(make_package(tmp_path / "x"))
    version = files["lib/cmake/build_runtime/build_runtimeConfigVersion.cmake"].decode()
    assert 'set(PACKAGE_VERSION "0.1.0")\n' in version
    assert "set(_build_runtime_pointer_size 8)\n" in version
    pkg_config = files["lib/pkgconfig/build_runtime.pc"].decode()
    assert pkg_config.startswith("prefix=${pcfiledir}/../..\n")
    assert "\nVersion: 0.1.0\n" in pkg_config


def test_classes_come_with_the_library_under_them(tmp_path: Path) -> None:
    model = make_model(tmp_path)
    bundle = package(
        with_java(make_contents(tmp_path, model), tmp_path),
        BuildFacts(make_plan(tmp_path), (describe_model(model, PLACE),)),
        result=replace(make_result(), jdk=17),
        destination=tmp_path / "dist",
    )
    document = json.loads(bundle.manifest)
    VALIDATOR.validate(document)
    assert document["toolchain"]["jdk"] == 17
    with tarfile.open(bundle.archive) as archive:
        names = archive.getnames()
    assert {"share/java/build_runtime.jar", "lib/libpytorch_jni_lite.so"} <= set(names)
    listed = {it["path"] for it in json.loads(bundle.manifest)["result"]["files"]}
    assert {"share/java/build_runtime.jar", "lib/libpytorch_jni_lite.so"} <= listed
