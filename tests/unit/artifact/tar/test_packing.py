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
    ResultFacts,
    describe_model,
    manifest,
)
from builder.artifact.staging import Bundle, Contents, Licence
from builder.artifact.tar.layout import model_place
from builder.artifact.tar.packing import archive_name, package
from builder.foundation.resources import DATA
from builder.libtorch.flags import compile_flags
from builder.vocabulary.checks import Check, InstructionSet, Outcome
from builder.vocabulary.models import Model, ModelFormat, Repair
from builder.vocabulary.operators import (
    Holdings,
    OperatorName,
    OperatorUse,
    SelectedOperator,
    Selection,
)
from builder.vocabulary.plan import (
    BuildPlan,
    Component,
    GeneratedTree,
    ObjectsPlan,
    Profile,
    Program,
    SourceTree,
    Toolchain,
)
from builder.vocabulary.sizes import SizeReport, sorted_rows
from builder.vocabulary.targets import Abi, Platform, make_target
from builder.vocabulary.tolerances import Tolerance
from tests.places import RECORDED

ELF = RECORDED / "elf"
SCHEMA = json.loads((DATA / "schemas" / "manifest.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)
PLACE = model_place("net")
BUILD_ID = "bd7e00b6ca3a7260994bff3dfa4d5f685808d629"
TARGET = make_target(Platform.LINUX, Abi.ARM64_V8A)
CHECKS = (
    Check(name="elf policy", outcome=Outcome.PASSED),
    Check(name="outputs", outcome=Outcome.PASSED, model="net", runner="qemu-aarch64", cases=2),
    Check(
        name="outputs", outcome=Outcome.SKIPPED, reasons=("no inputs were given",), model="other"
    ),
)
HOLDINGS = Holdings(
    operators=(
        OperatorUse(OperatorName.parse("aten::add.Tensor"), 3),
        OperatorUse(OperatorName.parse("aten::format")),
    ),
    classes=frozenset(),
    dtypes=frozenset({"Float", "Long"}),
    opcodes=frozenset({"OP", "RET"}),
    left_out=frozenset({"sparse tensors"}),
    upgraders=False,
    bytecode_versions=(4, 9),
    operator_versions=(1, 10),
)
TOLERANCES = {"float32": Tolerance(1e-4, 1e-5)}
FLAGS = {"c10": ("-Os", "-fPIC", "-DA"), "kernels": ("-Os", "-fPIC", "-DB=1")}


def make_plan(root: Path, *, provider: str = "cache") -> BuildPlan:
    components = (
        Component("pytorch", "2.6.0", "a" * 64, "BSD-3-Clause", root / "pytorch"),
        Component("cpuinfo", "", "b" * 64, "BSD-2-Clause", root / "cpuinfo"),
    )
    operator = OperatorName.parse("aten::add.Tensor")
    return BuildPlan(
        tool="0.1.0",
        objects=ObjectsPlan(
            source=SourceTree("2.6.0", "c" * 64, provider, components),
            generated=GeneratedTree(root / "generated", "d" * 64),
            toolchain=Toolchain(
                target=TARGET,
                cmake=root / "cmake",
                ninja=root / "ninja",
                compiler=Program("zig", root / "zig", "0.17.1"),
                cc=root / "cc",
                cxx=root / "cxx",
                clang="22.1.8",
                ar=root / "ar",
                linker=root / "ld",
                cmake_file=root / "wrappers.cmake",
                digest="e" * 64,
            ),
            profile=Profile(frozenset({"Long", "Float"})),
            flags=compile_flags(Profile(frozenset()), Platform.LINUX),
        ),
        selection=Selection((SelectedOperator(operator, ("net",)),), dtypes=frozenset({"Float"})),
        link=("-shared",),
    )


def with_source(plan: BuildPlan, source: SourceTree) -> BuildPlan:
    return replace(plan, objects=replace(plan.objects, source=source))


def make_model(root: Path) -> Model:
    (root / "net.pt").write_bytes(b"scripted")
    (root / "net.ptl").write_bytes(b"lite")
    return Model(
        name="net",
        source=root / "net.pt",
        path=root / "net.ptl",
        sha256="",
        format=ModelFormat.TORCHSCRIPT,
        bytecode_version=8,
        operator_version=10,
        methods=(),
        classes=frozenset(),
        dtypes=frozenset(),
        bundled_inputs=False,
    )


def make_package(root: Path, *, provider: str = "cache", epoch: int = 0) -> Bundle:
    root.mkdir(parents=True)
    for name in ("build_runtime.h", "build-runtime-run", "LICENSE"):
        (root / name).write_text(f"the text of {name}\n")
    library = ELF / TARGET.abi / "tiny.so"
    rows = sorted_rows([("c10", library.stat().st_size)])
    size = SizeReport(TARGET, library.stat().st_size, 1000, rows, rows, rows)
    model = make_model(root)
    contents = Contents(
        target=TARGET,
        version="0.1.0",
        library=library,
        header=root / "build_runtime.h",
        program=root / "build-runtime-run",
        models=((model.name, model.path),),
        licences=(Licence("pytorch", "LICENSE", (root / "LICENSE").read_bytes()),),
        selected_operators="operators: {}\n",
        size=size,
        size_json="{}\n",
        size_text="size\n",
    )
    return package(
        contents,
        BuildFacts(make_plan(root, provider=provider), (describe_model(model, PLACE),)),
        result=ResultFacts(
            build_id=BUILD_ID,
            flags=FLAGS,
            link=("-shared", "libm.so.6"),
            instruction_sets=(
                InstructionSet("avx2", run=True),
                InstructionSet("avx512f", run=False),
            ),
            size=size,
            holdings=HOLDINGS,
            checks=CHECKS,
            tolerances=TOLERANCES,
        ),
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
        "include/build_runtime.h": 0o644,
        "lib/cmake/build_runtime/build_runtimeConfig.cmake": 0o644,
        "lib/cmake/build_runtime/build_runtimeConfigVersion.cmake": 0o644,
        "lib/libbuild_runtime.so": 0o755,
        "lib/pkgconfig/build_runtime.pc": 0o644,
        "share/build_runtime/licenses/pytorch/LICENSE": 0o644,
        "share/build_runtime/manifest.json": 0o644,
        "share/build_runtime/models/net.ptl": 0o644,
        "share/build_runtime/selected_operators.yaml": 0o644,
        "share/build_runtime/size-report.json": 0o644,
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
    assert document["toolchain"] == {"name": "zig", "version": "0.17.1"}
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
    assert document["flags"]["own"] == ["-Os", "-Xclang -Oz", "-mno-outline",
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
