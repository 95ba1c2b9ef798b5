"""The whole pipeline, with the real CMake, ninja and zig: plan, compile, link, prove, package."""

import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from builder.vocabulary.plan import Kernels
from builder.vocabulary.value_files import Tensor
from tests.documents import validate
from tests.e2e.real import COUNT_PROCESSES, EMULATORS, Runtime, Tool
from tests.native.mini_torch.installing import install_tool, write_tree
from tests.native.mini_torch.workshop import CALLED, LISTED, MORE, Workshop

SCRIPTED: Final = """\
import torch

class Net(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.neg(torch.relu(x))

torch.jit.script(Net()).save("scripted.pt")
"""
OUTSIDE: Final = 3
"""Objects of the runtime's own project: the registrations, the manifest, and a registrar."""


def test_a_plan_compiles_nothing(workshop: Workshop) -> None:
    words = (*workshop.words(*workshop.first), "--json")
    plan = workshop.tool.run("plan", *words, cwd=workshop.folder).document
    validate("plan", plan)
    (target,) = plan["targets"]
    assert [it["name"] for it in target["operators"]] == sorted((*CALLED, *LISTED))
    assert not workshop.compiled()


def test_what_live_code_needs_is_compiled_and_nothing_else(used: Workshop, first: Runtime) -> None:
    counted = first.summary["objects"]
    assert counted["compiled"] == counted["linked"]
    assert counted["reused"] == 0
    linked = used.linked(first)
    assert {"Activation.cpp.o", "AbsKernel.cpp.o", "NegKernel.cpp.o", "miniz.c.o"} <= linked.keys()
    assert linked.keys() >= {"promoted_prim_ops.cpp.o", "register_prim_ops.cpp.o"}
    assert not {"FloorKernel.cpp.o", "UfuncCPUKernel_sqrt.cpp.o"} & linked.keys()


def test_a_call_into_a_feature_out_of_reach_is_cut(used: Workshop, first: Runtime) -> None:
    linked = used.linked(first)
    assert "SparseTensor.cpp.o" not in linked
    assert "cuts.cpp.o" in linked
    assert b"sparse tensors" in first.library.read_bytes()


def test_a_plan_after_a_build_is_exact(used: Workshop, first: Runtime) -> None:
    words = (*used.words(*used.first), "--json")
    (target,) = used.tool.run("plan", *words, cwd=used.folder).document["targets"]
    linked = first.summary["objects"]["linked"]
    assert (target["compile"], target["reuse"]) == (0, linked - OUTSIDE)


def test_the_library_is_proven(first: Runtime) -> None:
    for name in ("elf policy", "registered operators"):
        assert first.check(name)["outcome"] == "passed"
    loaded = first.check("outputs", "net")
    assert loaded["outcome"] == "skipped"
    assert loaded["reason"].startswith("loaded, but not run")


def test_the_archive_holds_what_it_says(first: Runtime) -> None:
    validate("manifest", first.manifest)
    with tarfile.open(first.archive) as archive:
        held = {it.name for it in archive.getmembers() if it.isfile()}
    unpacked = {path for path in first.prefix.rglob("*") if path.is_file()}
    assert {path.relative_to(first.prefix).as_posix() for path in unpacked} == held
    listed = {it["path"] for it in first.manifest["result"]["files"]}
    assert held - listed == {"share/build_runtime/manifest.json"}
    assert listed <= held


def test_the_program_runs_the_model(first: Runtime, tmp_path: Path) -> None:
    operators = json.loads(first.run("--operators").stdout)
    assert sorted(operators) == sorted((*CALLED, *LISTED, "prim::data"))
    assert json.loads(first.run(first.model("net"), "--methods").stdout) == ["forward"]
    inside = json.loads(first.run("--manifest").stdout)
    assert [it["name"] for it in inside["operators"]] == first.summary["operators"]
    case = (Tensor("float32", (3,), np.array([-1, 0, 2], "float32").tobytes()),)
    (result,) = first.run_cases(first.model("net"), [case], tmp_path)
    assert isinstance(result, Tensor)
    assert result.numpy().tolist() == [0, 0, -2]


@pytest.mark.parametrize("kernels", Kernels)
def test_a_source_of_ours_replaces_a_function_of_upstream(
    kernels: Kernels, used: Workshop, tmp_path: Path
) -> None:
    """In a file that has the function, too, Note [Replacements]; the model that has none of it."""
    made = used.build(used.model("squares", ["aten::square"]), "--kernels", kernels)
    ours = kernels is Kernels.AUTO
    assert ("gemm.cpp.o" in used.linked(made)) == ours
    assert made.manifest["profile"]["kernels"] == kernels
    case = (Tensor("float32", (2,), np.array([2, -3], "float32").tobytes()),)
    (result,) = made.run_cases(made.model("squares"), [case], tmp_path)
    assert isinstance(result, Tensor)
    assert result.numpy().tolist() == ([4.5, 9.5] if ours else [4, 9])


def test_a_model_that_asks_for_no_replaced_function_holds_none(
    used: Workshop, first: Runtime
) -> None:
    assert "gemm.cpp.o" not in used.linked(first)


@pytest.mark.torch
def test_a_runtime_answers_as_desktop_torch_does(used: Workshop) -> None:
    (used.folder / "make.py").write_text(SCRIPTED)
    subprocess.run([sys.executable, "-W", "ignore", "make.py"], cwd=used.folder, check=True)
    shape = ("--input-shape", "2,3", "--input-dtype", "float32")
    made = used.build(used.folder / "scripted.pt", *shape)
    check = made.check("outputs", "scripted")
    assert (check["outcome"], check["cases"]) == ("passed", 1)


def test_an_artifact_is_verified_later(used: Workshop, first: Runtime) -> None:
    used.tool.run("verify", first.archive, used.first[0], cwd=used.folder)
    refused = used.tool.run("verify", first.archive, *used.second, cwd=used.folder, expect=6)
    assert all(operator in refused.stdout + refused.stderr for operator in MORE)


def test_a_second_model_adds_what_it_needs(workshop: Workshop, first: Runtime) -> None:
    made = workshop.build(*workshop.first)
    assert made.archive.read_bytes() == first.archive.read_bytes()
    before = workshop.compiled()
    both = workshop.build(*workshop.first, *workshop.second)
    after = workshop.compiled()
    assert {path: after[path] for path in before} == before
    added = {path.name for path in after.keys() - before.keys()}
    assert added == {"FloorKernel.cpp.o", "UfuncCPUKernel_sqrt.cpp.o"}
    assert both.summary["objects"]["reused"] == made.summary["objects"]["linked"] - OUTSIDE


def test_the_same_command_again_starts_no_process(used: Workshop, first: Runtime) -> None:
    words = (*used.words(*used.first), "-o", first.archive.parent)
    used.tool.run(*words, cwd=used.folder)  # other tests may have removed what is remembered
    again = subprocess.run(
        [sys.executable, "-c", COUNT_PROCESSES, used.folder / "started", *map(str, words)],
        cwd=used.folder, env=used.tool.env(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert "up to date: " in again.stdout
    assert not (used.folder / "started").read_text()


def test_a_change_of_the_cmake_logic_is_configured(workshop: Workshop, tmp_path: Path) -> None:
    root = install_tool(tmp_path / "tool")
    changed = replace(workshop, tool=Tool(workshop.tool.cache, root))
    output = tmp_path / "dist"
    archive = changed.build(*changed.first, output=output).archive.read_bytes()
    configured = changed.configurations()
    logic = root / "cmake" / "BuildRuntimeFlags.cmake"
    with logic.open("a") as stream:
        stream.write("# no command\n")
    same = changed.build(*changed.first, output=output)
    assert changed.configurations() == 2 * configured
    assert same.summary["objects"]["compiled"] == 0
    assert same.archive.read_bytes() == archive
    with logic.open("a") as stream:
        stream.write("add_compile_definitions(ANOTHER)\n")
    other = changed.build(*changed.first, output=output)
    assert other.summary["objects"]["compiled"] == other.summary["objects"]["linked"]


def test_a_change_of_a_generated_header_is_compiled(workshop: Workshop, tmp_path: Path) -> None:
    """Kernels include it by way of upstream's headers, which compilers do not call dependencies."""
    root = install_tool(tmp_path / "tool")
    changed = replace(workshop, tool=Tool(workshop.tool.cache, root))
    changed.build(*changed.first)
    with (root / "templates/objects/selected_mobile_ops.h.j2").open("a") as stream:
        stream.write("#error compiled again\n")
    words = changed.words(*changed.first)
    failed = changed.tool.run(*words, cwd=changed.folder, expect=5)
    assert "compiled again" in failed.stderr


def test_a_compiler_error_is_shown(workshop: Workshop, tmp_path: Path) -> None:
    source = write_tree(tmp_path / "source")
    with (source / "aten/src/ATen/native/cpu/AbsKernel.cpp").open("a") as stream:
        stream.write("#error broken on purpose\n")
    broken = replace(workshop, source=source)
    words = broken.words(*broken.first)
    failed = broken.tool.run(*words, cwd=broken.folder, expect=5)
    assert "AbsKernel.cpp:" in failed.stderr
    assert "broken on purpose" in failed.stderr
    assert "repeat it by hand" in failed.stderr
    assert not (broken.folder / "dist").exists()


def test_another_abi_runs_under_an_emulator(
    workshop: Workshop, require: Callable[[str], Path]
) -> None:
    emulator = EMULATORS["arm64-v8a"]
    require(emulator)
    made = workshop.build(*workshop.first, abi="arm64-v8a")
    assert made.check("registered operators")["runner"] == f"under {emulator}"
    assert made.check("outputs", "net")["reason"].startswith("loaded, but not run")


def test_lost_results_are_made_again_from_the_objects(used: Workshop, first: Runtime) -> None:
    for name in ("builds", "results"):
        shutil.rmtree(used.tool.cache / name)
    made = used.build(*used.first)
    assert made.summary["objects"]["compiled"] == OUTSIDE
    assert made.archive.read_bytes() == first.archive.read_bytes()
