import tomllib
from pathlib import Path

import pytest

from builder.foundation.resources import DATA, NATIVE
from builder.libtorch import candidates
from builder.libtorch.candidates import find_candidates
from builder.vocabulary.plan import SourceKind
from builder.vocabulary.targets import Abi

TABLE = """
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
    return {"torch": tmp_path / "torch", "other": tmp_path / "other"}


def test_the_table_is_expanded_below_the_roots(roots: dict[str, Path]) -> None:
    core, arm = find_candidates(roots, Abi.ARM64_V8A)
    assert core.sources == ("a/b/two.cpp", "a/one.cpp", "single.cpp")
    assert (core.kind, arm.kind) == (SourceKind.CORE, SourceKind.THIRD_PARTY)
    assert (core.name, core.component, core.language) == ("core", "torch", "CXX")
    assert (core.definitions, core.precompiled) == (("X=1",), ("<x.h>",))
    assert (arm.language, arm.sources) == ("C", ("x.c",))


def test_groups_may_be_for_some_abis_only(roots: dict[str, Path]) -> None:
    assert [group.name for group in find_candidates(roots, Abi.X86)] == ["core"]


def test_groups_and_definitions_may_be_for_a_backend_only(roots: dict[str, Path]) -> None:
    core, quantized = find_candidates(roots, Abi.X86, ("CPU", "QuantizedCPU"))
    assert core.definitions == ("X=1", "Q=1")
    assert core.sources == ("a/one.cpp", "single.cpp")
    assert (quantized.name, quantized.options, quantized.includes) == (
        "quantized", ("-O2",), ("include",),
    )  # fmt: skip


def test_the_shipped_table_is_well_formed() -> None:
    rows = tomllib.loads((DATA / "candidates.toml").read_text())["group"]
    names = [row["name"] for row in rows]
    assert len(names) == len(set(names))
    known = {"name", "kind", "component", "language", "sources", "exclude", "definitions",
             "precompiled",
             "abis", "backend", "definitions-for", "exclude-for", "includes",
             "options", "before"}  # fmt: skip
    for row in rows:
        assert row.keys() <= known, row["name"]
        assert row["sources"], row["name"]
        assert (row["kind"] == SourceKind.OWN) == (row["component"] == "native")
        assert set(row.get("abis", [])) <= set(Abi)
        assert row.get("language", "CXX") in {"C", "CXX"}
        for header in row.get("before", {}).values():
            assert (NATIVE / "src/upstream" / header).is_file(), header


def test_all_our_own_sources_are_candidates() -> None:
    rows = tomllib.loads((DATA / "candidates.toml").read_text())["group"]
    patterns = [it for row in rows if row["component"] == "native" for it in row["sources"]]
    found = {path for pattern in patterns for path in NATIVE.glob(pattern)}
    assert found == set(NATIVE.glob("src/**/*.cpp"))
