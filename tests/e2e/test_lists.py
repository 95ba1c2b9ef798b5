"""An operator list builds the runtime its model would have been given."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.real import AS_EXPORTED, CLASSIFIER, CLASSIFIER_SHAPE, Runtime, Tool, built, ones

Make = Callable[[str, str], Runtime]

EXPORT: Final = """\
import sys
import torch
import yaml

yaml.dump(torch.jit.export_opnames(torch.jit.load(sys.argv[1])), open(sys.argv[2], "w"))
"""


def build(tool: Tool, folder: Path, *words: object) -> Runtime:
    done = tool.run(*words, "--abi", "x86_64", "-o", folder / "dist", "--json", cwd=folder)
    (made,) = built(done, folder / "dist")
    return made


def library(runtime: Runtime) -> str:
    return hashlib.sha256((runtime.prefix / "lib/libbuild_runtime.so").read_bytes()).hexdigest()


@pytest.fixture
def model(runtime: Make) -> Runtime:
    return runtime("classifier", "x86_64")


def test_its_own_selection_builds_the_same_library(
    model: Runtime, tool: Tool, tmp_path: Path
) -> None:
    selection = model.prefix / "share/build_runtime/selected_operators.yaml"
    made = build(tool, tmp_path, selection)
    assert library(made) == library(model)
    assert made.summary["operators"] == model.summary["operators"]
    assert made.check("registered operators")["outcome"] == "passed"
    ran = made.check("outputs")
    assert (ran["outcome"], ran["cases"]) == ("skipped", 0)
    assert "no model was given" in ran["reason"]
    assert not (made.prefix / "share/build_runtime/models").exists()
    again = made.prefix / "share/build_runtime/selected_operators.yaml"
    assert again.read_bytes() == selection.read_bytes()


def test_the_lock_of_a_model_builds_the_same_library(
    model: Runtime, tool: Tool, tmp_path: Path
) -> None:
    tool.run("lock", CLASSIFIER, cwd=tmp_path)
    tool.run("lock", CLASSIFIER, "--check", cwd=tmp_path)
    assert library(build(tool, tmp_path, "operators.lock.yaml")) == library(model)


def test_exported_names_build_a_runtime_that_runs_the_model(
    runtime: Make, tool: Tool, tmp_path: Path
) -> None:
    model = runtime(AS_EXPORTED, "x86_64")
    names = tmp_path / "names.yaml"
    subprocess.run([sys.executable, "-W", "ignore", "-c", EXPORT, CLASSIFIER, names], check=True)
    made = build(tool, tmp_path, names)
    assert made.summary["operators"] == model.summary["operators"]
    cases = [(ones(1, 3, 32, 32),)]
    path = model.model("model")
    assert made.run_cases(path, list(cases), tmp_path) == model.run_cases(
        path, list(cases), tmp_path
    )
    # nobody knows which instructions there are: texts, lists and dicts stay
    more = made.summary["library_bytes"] - model.summary["library_bytes"]
    assert 0 <= more < 40_960

    # upstream's rich form of the same list says the same
    rich = {"names.yaml": names.read_text()}
    entry = "{include_all_overloads: false, is_used_for_training: false, debug_info: [names.yaml]}"
    lines = [f"  {line[2:]}: {entry}" for line in rich["names.yaml"].splitlines()]
    (tmp_path / "rich.yaml").write_text("operators:\n" + "\n".join(lines))
    assert library(build(tool, tmp_path, "rich.yaml")) == library(made)


def test_extra_operators_are_registered(model: Runtime, tool: Tool, tmp_path: Path) -> None:
    called = "aten::contiguous  # the rewritten model calls it, too"
    (tmp_path / "app.txt").write_text(f"{called}\naten::neg\n")
    made = build(tool, tmp_path, CLASSIFIER, "--extra-ops", "app.txt", *CLASSIFIER_SHAPE)
    more = set(made.summary["operators"]) - set(model.summary["operators"])
    assert more == {"aten::neg"}
    assert made.check("outputs", "model")["outcome"] == "passed"
