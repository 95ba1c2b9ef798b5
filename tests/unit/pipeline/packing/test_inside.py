from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from builder.artifact.staging import Licence, Part, Presence
from builder.compilation.dependence import Candidates
from builder.foundation.resources import LICENCE
from builder.libtorch.candidates import Group
from builder.pipeline.packing.inside import find_parts
from builder.pipeline.proving import Proven
from builder.vocabulary.plan import Component, ExtensionFile, Program, SourceKind, SourceTree
from builder.vocabulary.sizes import SizeReport
from builder.vocabulary.targets import Abi, Platform, make_target
from tests.sizes import make_report
from tests.unit.pipeline.test_packing import make_proven

TARGET = make_target(Platform.LINUX, Abi.ARM64_V8A)
APACHE = "Apache-2.0 WITH LLVM-exception"


def with_components(proven: Proven, root: Path, *names: str) -> Proven:
    """Give a build a source of these components, whose one linked file includes `fmt`."""
    for name in names:
        (root / name / "include").mkdir(parents=True, exist_ok=True)
        (root / name / "LICENSE").write_text(f"the licence of {name}\n")
    (root / "pytorch/a.cpp").write_text("#include <fmt.h>\n")
    (root / "fmt/include/fmt.h").touch()
    components = tuple(Component(it, "1", "a" * 64, "MIT", root / it) for it in names)
    plan = proven.planned.plan
    source = SourceTree("2.6.0", "", "debian", components)
    toolchain = replace(plan.toolchain, compiler=Program("zig", root / "zig/zig", "0.17.1"))
    plan = replace(plan, objects=replace(plan.objects, source=source, toolchain=toolchain))
    group = Group(
        "aten",
        SourceKind.KERNEL,
        "pytorch",
        "CXX",
        ("a.cpp",),
        (),
        (),
        includes=(("fmt", "include"),),
    )
    roots = {**dict.fromkeys(("generated", "native"), root / "none"), **dict.fromkeys(
        ("cpuinfo", "pthreadpool", "flatbuffers", "fp16", "fxdiv", "psimd", "eigen", "pocketfft"),
        root / "none",
    ), **{it: root / it for it in names}}  # fmt: skip
    planned = replace(
        proven.planned, plan=plan, candidates=Candidates((group,), MappingProxyType(roots))
    )
    output = replace(proven.output, linked=frozenset({"pytorch:a.cpp"}))
    return replace(proven, planned=planned, output=output)


def size_of(*objects: tuple[str, int]) -> SizeReport:
    return make_report(TARGET, sum(size for _, size in objects), 1, rows=objects)


@pytest.fixture
def proven(tmp_path: Path) -> Proven:
    return with_components(
        make_proven(tmp_path, TARGET), tmp_path, "pytorch", "fmt", "eigen", "cpuinfo"
    )


def found(proven: Proven, size: SizeReport) -> dict[str, Part]:
    return {it.name: it for it in find_parts(proven.planned, proven.output, size)}


def test_what_is_linked_or_included_is_inside_and_nothing_else(proven: Proven) -> None:
    size = size_of(
        ("pytorch/aten/a.cpp.o", 10), ("generated/ATen/b.cpp.o", 5), ("linker:.eh_frame", 99),
        ("libc++.a(string.o)", 7), ("native/src/api/load.cpp.o", 3), ("cuts.cpp.o", 1),
        ("pytorch/third_party/miniz-3.0.2/miniz.c.o", 2),
    )  # fmt: skip
    parts = found(proven, size)
    assert {name: (it.presence, it.size) for name, it in parts.items()} == {
        "build-runtime": (Presence.LINKED, 4),
        "fmt": (Presence.HEADERS, 0),
        "libc++": (Presence.LINKED, 7),
        "miniz": (Presence.LINKED, 2),
        "pytorch": (Presence.LINKED, 15),
    }
    assert [it.name for it in find_parts(proven.planned, proven.output, size)] == sorted(parts)


def test_each_part_brings_its_own_licence(proven: Proven, tmp_path: Path) -> None:
    place = tmp_path / "zig/lib/libcxx/LICENSE.TXT"
    place.parent.mkdir(parents=True)
    place.write_text("Apache")
    parts = found(proven, size_of(("libc++.a(x.o)", 7), ("native/src/a.o", 3)))
    assert parts["libc++"].licence == APACHE
    assert parts["libc++"].version == "22.1.8"
    assert parts["libc++"].texts == (Licence("LICENSE.TXT", b"Apache"),)
    assert parts["build-runtime"].texts == (Licence("LICENSE", LICENCE.read_bytes()),)
    assert parts["build-runtime"].version == proven.planned.plan.tool
    assert parts["fmt"].texts == (Licence("LICENSE", b"the licence of fmt\n"),)
    assert parts["fmt"].sha256 == "a" * 64


def test_of_several_licences_those_count_under_which_it_is_used(
    proven: Proven, tmp_path: Path
) -> None:
    for name in ("COPYING.GPL", "COPYING.MPL2"):
        (tmp_path / "eigen" / name).write_text(name)
    parts = found(proven, size_of(("eigen/lapack/x.o", 1)))
    assert [it.name for it in parts["eigen"].texts] == ["COPYING.MPL2"]


def test_a_header_that_is_a_component_tells_its_licence_at_its_top(
    proven: Proven, tmp_path: Path
) -> None:
    (tmp_path / "cpuinfo/LICENSE").unlink()
    (tmp_path / "cpuinfo/cpuinfo.h").write_text("/* BSD\n */\nint x;\n")
    parts = found(proven, size_of(("cpuinfo/src/x.o", 1)))
    assert parts["cpuinfo"].texts == (Licence("LICENSE", b"/* BSD\n */\n"),)


def test_what_the_table_does_not_know_is_the_users_or_unknown(proven: Proven) -> None:
    size = size_of(("nms.cpp.o", 4))
    assert found(proven, size)["unknown objects"].licence == ""
    plan = replace(proven.planned.plan, extension=(ExtensionFile("operators:nms.cpp", "b" * 64),))
    yours = replace(proven, planned=replace(proven.planned, plan=plan))
    assert found(yours, size)["operators of your own"].size == 4
