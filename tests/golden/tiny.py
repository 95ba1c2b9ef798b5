"""A tiny plan, and all text that is generated for it: `python tests/golden/tiny.py` prints it."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

from builder.compilation.project import render_cuts, render_objects, render_runtime
from builder.foundation.resources import CMAKE, NATIVE
from builder.libtorch.candidates import Group
from builder.libtorch.catalogue import Catalogue, OperatorEntry, make_catalogue
from builder.libtorch.flags import compile_flags, link_flags
from builder.models.lists.resolving import from_selection
from builder.models.lists.writing import to_yaml
from builder.vocabulary.operators import OperatorName, SelectedOperator, Selection
from builder.vocabulary.plan import (
    BuildPlan,
    Component,
    GeneratedTree,
    ObjectsPlan,
    Profile,
    Program,
    SourceKind,
    SourceTree,
    Toolchain,
)
from builder.vocabulary.targets import Abi, Platform, Target

_COMPONENTS: Final = (
    "pytorch", "cpuinfo", "pthreadpool", "fmt", "flatbuffers", "fp16", "fxdiv", "psimd", "eigen",
    "pocketfft", "gemmlowp", "xnnpack",
)  # fmt: skip
_REGISTRAR: Final = "torch/csrc/jit/runtime/register_prim_ops.cpp"


def entry(schema: str, *, symbol: str = "", header: str = "", registrar: str = "") -> OperatorEntry:
    name = OperatorName.parse(schema.partition("(")[0])
    return OperatorEntry(name, schema, header=header, symbol=symbol, registrar=registrar)


CATALOGUE: Final[Catalogue] = make_catalogue([
    entry(
        "aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor",
        symbol="add_Tensor", header="add",
    ),
    entry(
        'aten::pad(Tensor self, SymInt[] pad, str mode="constant", float? value=None) -> Tensor',
        symbol="pad", header="pad",
    ),
    entry("aten::add.int(int a, int b) -> int", registrar=_REGISTRAR),
    entry("aten::len.t(t[] a) -> int", registrar=_REGISTRAR),
    OperatorEntry(OperatorName("prim", "TupleIndex"), ""),  # the interpreter's own
    OperatorEntry(
        OperatorName.parse("quantized::linear"),
        "quantized::linear(Tensor X, __torch__.torch.classes.quantized.LinearPackedParamsBase W,"
        " float scale, int zero_point=0) -> Tensor",
        kernel="br_kernel_9quantized_6linear_0", source="aten/src/qlinear.cpp",
    ),
    OperatorEntry(OperatorName("aten", "later"), "aten::later(Tensor x) -> Tensor", missing=True),
    OperatorEntry(
        OperatorName("aten", "longer"), "aten::longer(Tensor x, int? y=None) -> Tensor",
        "longer", "longer", later=1,
    ),
])  # fmt: skip


def make_plan() -> BuildPlan:
    source = SourceTree(
        "2.6.0", "5" * 64, "cache",
        tuple(Component(it, "1", "0" * 64, "BSD", Path("/the sources", it)) for it in _COMPONENTS),
    )  # fmt: skip
    target = Target(Platform.LINUX, Abi.ARM64_V8A)
    tools = Path("/cache/tools")
    toolchain = Toolchain(
        target=target, cmake=Path("/bin/cmake"), ninja=Path("/bin/ninja"),
        compiler=Program("zig", Path("/zig/zig"), "0.17.1"), clang="22.1.8",
        cc=tools / "cc", cxx=tools / "cxx", ar=tools / "ar", linker=tools / "ld",
        cmake_file=CMAKE / "toolchains" / "wrappers.cmake", digest="7" * 64,
    )  # fmt: skip
    selection = Selection(
        operators=tuple(SelectedOperator(name, ("net",)) for name in CATALOGUE.entries),
        dtypes=frozenset({"Float", "Half"}),
        opcodes=frozenset({"OP", "RET"}),
        classes=frozenset({"quantized.LinearPackedParamsBase"}),
    )
    generated = GeneratedTree(Path("/cache/generated"), "6" * 64)
    profile = Profile(frozenset({"Float", "Half", "Long", "Bool"}))
    flags = compile_flags(profile, target.platform)
    objects = ObjectsPlan(source, generated, toolchain, profile, flags)
    return BuildPlan("0.0.test", objects, selection, link_flags(target))


def render() -> dict[str, str]:
    """Return every generated file of the plan; what depends on the checkout is left out."""
    plan = make_plan()
    groups = (
        Group(
            "c10", SourceKind.CORE, "pytorch", "CXX", ("c10/core/a.cpp", "c10/core/b c.cpp"), (), ()
        ),
        Group(
            "kernels",
            SourceKind.KERNEL,
            "pytorch",
            "CXX",
            ("aten/k.cpp",),
            ("CPU=1",),
            ("<ATen/core/Tensor.h>",),
        ),
        Group(
            "cpuinfo", SourceKind.THIRD_PARTY, "cpuinfo", "C", ("src/api.c",), ("LOG=0", "X=1"), ()
        ),
    )
    shared = replace(plan, objects=plan.objects.for_any_dtypes())
    runtime = render_runtime(plan, CATALOGUE, '{"a": 1}')
    features = {"_ZN2at4b": "sparse tensors", "_ZN2at4a": "sparse tensors", "_ZN2at4c": "training"}
    texts = {
        **{f"objects/{it.path}": it.text for it in render_objects(plan, groups).files},
        **{f"shared/{it.path}": it.text for it in render_objects(shared, groups).files},
        **{f"runtime/{it.path}": it.text for it in runtime.files},
        "runtime/cuts.cpp": render_cuts(plan.tool, features),
        "selected_operators.yaml": to_yaml(from_selection(plan.selection), comment="two\nlines"),
    }
    return {path: _portable(text, plan) for path, text in sorted(texts.items())}


def _portable(text: str, plan: BuildPlan) -> str:
    for value, name in (
        (str(CMAKE), "{cmake}"), (str(NATIVE), "{native}"),
        (plan.fingerprint[:12], "{build}"), (plan.objects.fingerprint[:12], "{store}"),
        (plan.objects.for_any_dtypes().fingerprint[:12], "{shared store}"),
    ):  # fmt: skip
        text = text.replace(value, name)
    return re.sub(r"(BUILD_RUNTIME_LOGIC \[==\[)[0-9a-f]{64}", r"\1{digest}", text)


if __name__ == "__main__":
    json.dump(render(), sys.stdout)
