from pathlib import Path

import pytest

from builder.foundation.resources import NATIVE
from builder.libtorch import candidates
from builder.libtorch.candidates import find_candidates
from builder.vocabulary.plan import SourceKind
from builder.vocabulary.targets import Abi, Platform, make_target

X86 = make_target(Platform.LINUX, Abi.X86)

TABLE = """
[family.vector]
component = "other"
kind = "microkernel"
language = "C"
includes = ["include", "torch:deps"]

[[group]]
name = "vector-avx2"
family = "vector"
isa = "avx2"
options = ["-mavx2"]
listed = ["avx2.cmake", "none.cmake"]
abis = ["x86_64"]
[[group]]
name = "core"
kind = "core"
component = "torch"
sources = ["a/*.cpp", "a/**/*.cpp", "single.cpp"]
exclude = ["*_test.cpp", "*/skip/*"]
precompiled = ["<x.h>"]
definitions = ["X=1"]
definitions-for = { QuantizedCPU = ["Q=1"] }
exclude-for = { QuantizedCPU = ["a/b/*"] }

[[group]]
name = "arm"
kind = "third-party"
component = "other"
language = "C"
sources = ["*.c"]
abis = ["arm64-v8a"]

[[group]]
name = "phones"
kind = "third-party"
component = "other"
language = "C"
sources = ["*.c"]
platforms = ["android"]

[[group]]
name = "quantized"
kind = "microkernel"
component = "other"
language = "C"
sources = ["*.c"]
backend = "QuantizedCPU"
options = ["-O2"]
includes = ["include"]
"""


@pytest.fixture
def roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    (tmp_path / "candidates.toml").write_text(TABLE)
    monkeypatch.setattr(candidates, "DATA", tmp_path)
    for name in (
        "torch/a/one.cpp", "torch/a/one_test.cpp", "torch/a/b/two.cpp", "torch/a/skip/no.cpp",
        "torch/a/one.h", "torch/single.cpp", "torch/other.cpp", "other/x.c",
    ):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "torch/a/folder.cpp").mkdir()
    (tmp_path / "other/avx2.cmake").write_text(
        "SET(PROD_AVX2_SRCS\n  src/b.c\n  src/a.c)\nSET(NON_PROD_AVX2_SRCS\n  src/slow.c)\n"
        "SET(ALL_AVX2_SRCS ${PROD_AVX2_SRCS} + ${NON_PROD_AVX2_SRCS})\n"
    )
    (tmp_path / "other/none.cmake").write_text("SET(PROD_NONE_SRCS)\nSET(NON_PROD_NONE_SRCS)\n")
    return {"torch": tmp_path / "torch", "other": tmp_path / "other"}


def test_the_table_is_expanded_below_the_roots(roots: dict[str, Path]) -> None:
    core, arm = find_candidates(roots, make_target(Platform.LINUX, Abi.ARM64_V8A))
    assert core.sources == ("a/b/two.cpp", "a/one.cpp", "single.cpp")
    assert (core.kind, arm.kind) == (SourceKind.CORE, SourceKind.THIRD_PARTY)
    assert (core.name, core.component, core.language) == ("core", "torch", "CXX")
    assert (core.definitions, core.precompiled) == (("X=1",), ("<x.h>",))
    assert (arm.language, arm.sources) == ("C", ("x.c",))


def test_groups_may_be_for_some_abis_only(roots: dict[str, Path]) -> None:
    assert [group.name for group in find_candidates(roots, X86)] == ["core"]


def test_groups_may_be_for_some_platforms_only(roots: dict[str, Path]) -> None:
    phone = make_target(Platform.ANDROID, Abi.X86)
    assert [group.name for group in find_candidates(roots, phone)] == ["core", "phones"]


def test_groups_and_definitions_may_be_for_a_backend_only(roots: dict[str, Path]) -> None:
    core, quantized = find_candidates(roots, X86, ("CPU", "QuantizedCPU"))
    assert core.definitions == ("X=1", "Q=1")
    assert core.sources == ("a/one.cpp", "single.cpp")
    assert (quantized.name, quantized.options, quantized.includes) == (
        "quantized", ("-O2",), (("other", "include"),),
    )  # fmt: skip


def test_groups_share_what_their_family_has_and_take_what_upstream_lists(
    roots: dict[str, Path],
) -> None:
    group = next(
        it
        for it in find_candidates(roots, make_target(Platform.LINUX, Abi.X86_64))
        if it.name == "vector-avx2"
    )
    assert (group.kind, group.language, group.isa) == (SourceKind.MICROKERNEL, "C", "avx2")
    assert group.sources == ("src/a.c", "src/b.c")
    assert group.includes == (("other", "include"), ("torch", "deps"))
    assert group.options == ("-mavx2",)


def test_the_shipped_table_is_well_formed() -> None:
    rows = candidates.read_rows()
    names = [row["name"] for row in rows]
    assert len(names) == len(set(names))
    known = {"name", "kind", "component", "language", "sources", "exclude", "definitions",
             "precompiled",
             "abis", "platforms", "backend", "definitions-for", "exclude-for", "includes",
             "options", "before", "family", "listed", "isa"}  # fmt: skip
    for row in rows:
        assert row.keys() <= known, row["name"]
        assert row.get("sources", []) + row.get("listed", []), row["name"]
        assert SourceKind(row["kind"]).ours == (row["component"] == "native")
        assert set(row.get("abis", [])) <= set(Abi)
        assert set(row.get("platforms", [])) <= set(Platform)
        assert row.get("language", "CXX") in {"C", "CXX"}
        for header in row.get("before", {}).values():
            assert (NATIVE / "src/upstream" / header).is_file(), header


def test_all_our_own_sources_are_candidates() -> None:
    rows = [row for row in candidates.read_rows() if row["component"] == "native"]
    groups = [candidates.make_group(row, {"native": NATIVE}, ("CPU",)) for row in rows]
    found = [NATIVE / it for group in groups for it in group.sources]
    assert sorted(found) == sorted(NATIVE.glob("src/**/*.cpp"))
