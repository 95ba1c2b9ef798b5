from dataclasses import replace
from pathlib import Path

import pytest

from builder.compilation.output import BuildOutput
from builder.compilation.standalone import Standalone, refuse_others, write_standalone
from builder.extensions.reading import NOTHING
from builder.libtorch.candidates import Group
from builder.vocabulary.errors import UsageError
from builder.vocabulary.plan import LinkLine, SourceKind
from tests.golden.tiny import CATALOGUE, make_plan

GROUPS = (
    Group("c10", SourceKind.CORE, "pytorch", "CXX", ("c10/a.cpp", "c10/b.cpp"), (), ()),
    Group("aten", SourceKind.KERNEL, "pytorch", "CXX", ("aten/k.cpp",), (), ()),
)
RESPONSE = """\
"-m"
"elf_x86_64"
"CMakeFiles/roots.dir/registration.cpp.o"
"CMakeFiles/registrar_x.dir/tree/pytorch/x.cpp.o"
"../../../objects/linux-x86_64-0123/build/CMakeFiles/c10.dir/tree/pytorch/c10/a.cpp.o"
"--as-needed"
"../../../zig/o/0123/libc++.a"
"""


def standalone(root: Path) -> Standalone:
    build = root / "builds" / "x" / "build"
    build.mkdir(parents=True, exist_ok=True)
    (build / "link.rsp").write_text(RESPONSE)
    (build / "cuts.cpp").write_text("// cuts\n")
    output = BuildOutput(
        directory=build.parent, library=root / "l", symbols=None, link_map=root / "m",
        program=root / "p", benchmark=root / "b", objects=1, compiled=0, reused=1, rounds=1,
        sources={}, linked=frozenset({"pytorch:c10/a.cpp"}), flags={}, link_line=LinkLine((), ()),
        seconds=0.0, log=root / "log",
    )  # fmt: skip
    return Standalone(make_plan(), CATALOGUE, GROUPS, NOTHING, "{}", "operators: {}\n", output)


def test_a_project_has_the_linked_sources_and_links_in_the_order_of_the_build(
    tmp_path: Path,
) -> None:
    write_standalone(standalone(tmp_path), tmp_path / "project")
    text = (tmp_path / "project/CMakeLists.txt").read_text()
    assert "tree/pytorch/c10/a.cpp" in text
    assert "c10/b.cpp" not in text
    assert "build_runtime_object_group(aten" not in text
    assert "build_runtime_library(OBJECTS c10)" in text
    assert (tmp_path / "project/link.rsp").read_text().splitlines() == [
        '"-m"',
        '"elf_x86_64"',
        '"CMakeFiles/roots.dir/project/registration.cpp.o"',
        '"CMakeFiles/registrar_x.dir/tree/pytorch/x.cpp.o"',
        '"CMakeFiles/c10.dir/tree/pytorch/c10/a.cpp.o"',
        '"--as-needed"',
        f'"{tmp_path}/zig/o/0123/libc++.a"',
    ]


def test_a_project_names_no_folder_of_the_tool(tmp_path: Path) -> None:
    write_standalone(standalone(tmp_path), tmp_path / "project")
    files = [it for it in (tmp_path / "project").glob("*") if it.is_file()]
    assert {it.name for it in files} == {
        "CMakeLists.txt", "cuts.cpp", "link.rsp", "selected_operators.yaml", "settings.cmake",
        "toolchain.cmake",
    }  # fmt: skip
    for path in files:
        assert "BUILD_RUNTIME_CMAKE" not in path.read_text()
    toolchain = (tmp_path / "project/toolchain.cmake").read_text()
    assert 'include("${CMAKE_CURRENT_LIST_DIR}/cmake/toolchains/wrappers.cmake")' in toolchain
    assert (tmp_path / "project/cmake/toolchains/wrappers.cmake").is_file()


def test_the_toolchain_of_an_ndk_stays_where_it_is(tmp_path: Path) -> None:
    asked = standalone(tmp_path)
    file = tmp_path / "ndk" / "android.toolchain.cmake"
    toolchain = replace(asked.plan.toolchain, cmake_file=file)
    plan = replace(asked.plan, objects=replace(asked.plan.objects, toolchain=toolchain))
    write_standalone(replace(asked, plan=plan), tmp_path / "project")
    assert f'include("{file}")' in (tmp_path / "project/toolchain.cmake").read_text()


def test_files_of_others_stay(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project/notes.txt").write_text("mine")
    write_standalone(standalone(tmp_path), tmp_path / "project")
    assert (tmp_path / "project/notes.txt").read_text() == "mine"


def test_a_project_takes_the_place_of_nothing_but_projects(tmp_path: Path) -> None:
    refuse_others(tmp_path / "new")
    refuse_others(tmp_path)
    write_standalone(standalone(tmp_path / "made"), tmp_path / "several/linux-x86_64")
    refuse_others(tmp_path / "several/linux-x86_64")
    refuse_others(tmp_path / "several")
    app = tmp_path / "app"
    (app / "cmake").mkdir(parents=True)
    (app / "cmake/FindMine.cmake").touch()
    (app / "CMakeLists.txt").write_text("project(app)\n")
    with pytest.raises(UsageError, match="app holds files of another kind"):
        refuse_others(app)
