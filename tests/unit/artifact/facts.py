"""What is known of a build that never was: plans, results and contents of archives."""

from dataclasses import replace
from pathlib import Path

from builder.artifact.manifest import ResultFacts
from builder.artifact.staging import Contents, JavaFiles, Licence, Part, Presence
from builder.foundation.elf import read_elf
from builder.libtorch.flags import compile_flags
from builder.report.document import to_json
from builder.vocabulary.checks import Check, InstructionSet, Outcome
from builder.vocabulary.models import Model, ModelFormat
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
from builder.vocabulary.sizes import SizeReport
from builder.vocabulary.targets import Abi, Platform, Target, make_target
from builder.vocabulary.tolerances import Tolerance
from tests.places import RECORDED
from tests.sizes import make_report

ELF = RECORDED / "elf"
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
    opcodes=frozenset({"FORMAT", "LOAD", "OP", "RET", "STOREN"}),
    left_out=frozenset({"sparse tensors"}),
    upgraders=False,
    bytecode_versions=(4, 9),
    operator_versions=(1, 10),
)
TOLERANCES = {"float32": Tolerance(1e-4, 1e-5)}
FLAGS = {"c10": ("-Os", "-fPIC", "-DA"), "kernels": ("-Os", "-fPIC", "-DB=1")}


def make_plan(root: Path, *, provider: str = "cache", target: Target = TARGET) -> BuildPlan:
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
                target=target,
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
            flags=compile_flags(Profile(frozenset()), target.platform),
        ),
        selection=Selection((SelectedOperator(operator, ("net",)),), dtypes=frozenset({"Float"})),
        link=("-shared",),
    )


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


def make_contents(
    root: Path, model: Model, target: Target = TARGET, library: Path | None = None
) -> Contents:
    for name in ("build_runtime.h", "build-runtime-run", "speed_benchmark_torch", "LICENSE"):
        (root / name).write_text(f"the text of {name}\n")
    size = make_size(target, library)
    return Contents(
        target=target,
        version="0.1.0",
        library=library or ELF / target.abi / "tiny.so",
        header=root / "build_runtime.h",
        program=root / "build-runtime-run",
        benchmark=root / "speed_benchmark_torch",
        models=((model.name, model.path),),
        parts=(
            Part("libc++", "22.1.8", "", "Apache-2.0 WITH LLVM-exception", Presence.LINKED, 7, ()),
            Part(
                "pytorch",
                "2.6.0",
                "a" * 64,
                "BSD-3-Clause",
                Presence.LINKED,
                40,
                (Licence("LICENSE", (root / "LICENSE").read_bytes()),),
            ),
        ),
        selected_operators="operators: {}\n",
        size=size,
        size_json=to_json(size),
        size_text="size\n",
        size_html="<!doctype html>\n",
    )


def with_java(contents: Contents, root: Path) -> Contents:
    """Add classes, and the library with their native functions."""
    (root / "libpytorch_jni_lite.so").write_bytes(b"native functions")
    return replace(contents, java=JavaFiles(b"a jar", root / "libpytorch_jni_lite.so", 17))


def make_size(target: Target = TARGET, library: Path | None = None) -> SizeReport:
    size = (library or ELF / target.abi / "tiny.so").stat().st_size
    return make_report(target, size, 1000)


def make_result(target: Target = TARGET) -> ResultFacts:
    return ResultFacts(
        build_id=read_elf(ELF / target.abi / "tiny.so").build_id,
        flags=FLAGS,
        link=("-shared", "libm.so.6"),
        instruction_sets=(InstructionSet("avx2", run=True), InstructionSet("avx512f", run=False)),
        size=make_size(target),
        holdings=HOLDINGS,
        checks=CHECKS,
        tolerances=TOLERANCES,
    )
