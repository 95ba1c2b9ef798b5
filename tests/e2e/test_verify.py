"""`verify` tells the truth about artifacts built earlier and models they were not built for."""

import hashlib
import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.e2e.real import CLASSIFIER, CLASSIFIER_SHAPE, EMULATORS, Runtime, Tool

Make = Callable[[str, str], Runtime]


def checks(document: Any) -> dict[tuple[str, str], dict[str, Any]]:
    return {(it["name"], it["model"]): it for it in document["checks"]}


@pytest.mark.parametrize("form", ["folder", "archive"])
def test_an_artifact_runs_the_model_it_was_built_for(
    form: str, tool: Tool, runtime: Make, tmp_path: Path
) -> None:
    made = runtime("classifier", "x86_64")
    artifact = made.prefix if form == "folder" else made.archive
    renamed = shutil.copy(CLASSIFIER, tmp_path / "other.pt")
    words = ("verify", artifact, renamed, *CLASSIFIER_SHAPE, "--json", "--junit", "r/report.xml")
    document = tool.run(*words, cwd=tmp_path).document
    assert document["passed"]
    found = checks(document)
    beside = {("provenance", ""): "passed"} if form == "archive" else {}
    assert {name: it["outcome"] for name, it in found.items()} == beside | {
        ("files", ""): "passed",
        ("needs", "other"): "passed",
        ("elf policy", ""): "passed",
        ("registered operators", ""): "passed",
        ("outputs", "other"): "passed",
    }
    outputs = found["outputs", "other"]
    assert (outputs["runner"], outputs["cases"]) == ("natively", 1)
    (suite,) = ET.parse(tmp_path / "r" / "report.xml").getroot()
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == (
        "linux-x86_64",
        str(len(found)),
        "0",
    )


def test_a_model_it_was_not_built_for_is_told_all_it_lacks_and_how_to_get_it(
    tool: Tool, runtime: Make, example: Callable[[str], Path], tmp_path: Path
) -> None:
    made, other = runtime("classifier", "x86_64"), runtime("control_flow", "x86_64")
    inputs = example("control_flow") / "inputs.pt"
    model = tmp_path / "peaks.pt"
    shutil.copy(example("control_flow") / "model.pt", model)
    words = ("verify", made.prefix, model, "--input", inputs)
    told = tool.run(*words, "--junit", "r.xml", cwd=tmp_path, expect=6)
    held = set(json.loads(made.run("--operators").stdout))
    missing = sorted(set(other.summary["operators"]) - held)
    assert len(missing) > 20
    lines = [line for line in told.stderr.splitlines() if "peaks: operator " in line]
    absent = [line for line in lines if "was left out of this runtime" not in line]
    assert [line.split()[2].rstrip(":") for line in absent] == missing
    assert "operator aten::Bool.Tensor: tensors as truth values was left out" in told.stderr
    assert "opcode FORMAT: string formatting was left out" in told.stderr
    assert "skipped  outputs (peaks)" in told.stdout
    assert ET.parse(tmp_path / "r.xml").find(".//testcase[@name='needs']/failure") is not None

    # the same list, from the runtime itself
    refused = made.run(other.model("model"), "--methods")
    assert refused.returncode == 3
    assert all(name in refused.stderr for name in missing)

    # the command it names makes a runtime that passes
    _, _, command = told.stderr.partition("too: ")
    tool.run(*shlex.split(command)[1:], "--input", f"peaks={inputs}", cwd=tmp_path)
    again = ("verify", tmp_path / "dist" / "linux-x86_64", model, "--input", inputs)
    assert "passed   outputs (peaks natively, 1 case)" in tool.run(*again, cwd=tmp_path).stdout


def test_an_artifact_of_another_processor_runs_under_its_emulator(
    tool: Tool, runtime: Make, require: Callable[[str], Path], tmp_path: Path
) -> None:
    require(EMULATORS["arm64-v8a"])
    made = runtime("classifier", "arm64-v8a")
    words = ("verify", made.archive, CLASSIFIER, *CLASSIFIER_SHAPE, "--require-run")
    told = tool.run(*words, cwd=tmp_path).stdout
    assert "passed   registered operators (under qemu-aarch64)" in told
    assert "passed   outputs (model under qemu-aarch64, 1 case)" in told
    assert "off by " in told or "all numbers are equal" in told


def test_without_an_emulator_the_run_is_skipped_or_required(
    tool: Tool, runtime: Make, tmp_path: Path
) -> None:
    made = runtime("classifier", "arm64-v8a")
    words = ("verify", made.prefix, made.model("model"), *CLASSIFIER_SHAPE)
    env = {"PATH": str(tmp_path)}
    told = tool.run(*words, cwd=tmp_path, env=env).stdout
    assert "passed   needs (model)" in told
    assert "skipped  run: no qemu-aarch64 on PATH" in told
    failed = tool.run(*words, "--require-run", "--junit", "r.xml", cwd=tmp_path, env=env, expect=6)
    assert "cannot be run for linux-arm64-v8a" in failed.stderr
    assert ET.parse(tmp_path / "r.xml").find(".//testcase[@name='run']/failure") is not None
    told = tool.run("verify", made.prefix, made.model("model"), "--no-run", cwd=tmp_path).stdout
    assert "skipped  run: --no-run" in told


def test_an_emulator_is_fetched_where_the_system_has_none(
    tool: Tool, runtime: Make, tmp_path: Path, require: Callable[[str], Path]
) -> None:
    require("apt-get")
    made = runtime("classifier", "arm64-v8a")
    for folder in (Path("/usr/bin"), Path("/bin")):
        for program in folder.iterdir():
            if not program.name.startswith("qemu-") and not (tmp_path / program.name).exists():
                (tmp_path / program.name).symlink_to(program)
    words = ("verify", made.prefix, made.model("model"), *CLASSIFIER_SHAPE)
    # into a cache of its own: others are about machines without one
    env = {"PATH": str(tmp_path), "BUILD_RUNTIME_CACHE_DIR": str(tmp_path / "cache")}
    told = tool.run(*words, "--require-run", cwd=tmp_path, env=env).stdout
    assert "passed   outputs (model under qemu-aarch64 of qemu-user" in told
    assert ", with libc6-arm64-cross 2." in told
    shown = tool.run("doctor", cwd=tmp_path, env=env).stdout
    assert "under qemu-aarch64 of qemu-user" in shown


def test_a_library_that_was_changed_is_not_run(tool: Tool, runtime: Make, tmp_path: Path) -> None:
    copy = shutil.copytree(runtime("classifier", "x86_64").prefix, tmp_path / "copy")
    library = copy / "lib" / "libbuild_runtime.so"
    data = bytearray(library.read_bytes())
    data[len(data) // 2] ^= 1
    library.write_bytes(data)
    (copy / "bin" / "build-runtime-run").write_text("#!/bin/sh\ntouch was-run\n")
    words = ("verify", copy, CLASSIFIER, *CLASSIFIER_SHAPE, "--json")
    told = tool.run(*words, cwd=tmp_path, expect=6)
    assert "lib/libbuild_runtime.so: its content was changed" in told.stderr
    assert "bin/build-runtime-run: has " in told.stderr
    found = checks(told.document)
    assert found["files", ""]["outcome"] == "failed"
    assert found["run", ""]["outcome"] == "skipped"
    assert ("outputs", "model") not in found
    assert not list(tmp_path.rglob("was-run"))


def test_operators_that_were_not_selected_are_found_in_the_registry(
    tool: Tool, runtime: Make, tmp_path: Path
) -> None:
    """The library of one build with the manifest of another, its hashes set right."""
    copy = shutil.copytree(runtime("classifier", "x86_64").prefix, tmp_path / "copy")
    other = runtime("control_flow", "x86_64")
    shutil.copy(other.library, copy / "lib" / "libbuild_runtime.so")
    shutil.copy(other.program, copy / "bin" / "build-runtime-run")
    path = copy / "share" / "build_runtime" / "manifest.json"
    document = json.loads(path.read_text())
    for file in document["result"]["files"]:
        data = (copy / file["path"]).read_bytes()
        file.update(size=len(data), sha256=hashlib.sha256(data).hexdigest())
    path.write_text(json.dumps(document))
    told = tool.run("verify", copy, CLASSIFIER, *CLASSIFIER_SHAPE, cwd=tmp_path, expect=6)
    assert "passed   files" in told.stdout
    assert "failed   registered operators (natively)" in told.stdout
    assert "registered but not selected: aten::conv1d" in told.stderr
    assert "selected but not registered: prepacked::conv2d_clamp_run" in told.stderr


def test_answers_may_have_to_be_equal_bit_for_bit(
    tool: Tool, runtime: Make, example: Callable[[str], Path], tmp_path: Path
) -> None:
    made = runtime("control_flow", "x86_64")
    folder = example("control_flow")
    words = ("verify", made.archive, folder / "model.pt", "--input", folder / "inputs.pt")
    assert "passed   outputs" in tool.run(*words, "--rtol", "0", cwd=tmp_path).stdout
    exact = tool.run(*words, "--exact", "--json", cwd=tmp_path, expect=0)
    assert checks(exact.document)["outputs", "model"]["worst"] is None
