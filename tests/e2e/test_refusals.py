"""What cannot work is said: which operators, which dtype, what is missing on this machine."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from builder.libtorch.codegen import pinned_catalogue
from builder.libtorch.cuts import all_cuts, cut_operators
from builder.toolchains.zig import find_zig, target_flags
from builder.vocabulary.targets import Abi, Platform, make_target, target_facts
from builder.vocabulary.value_files import Failure, Tensor
from tests.e2e.real import (
    AS_EXPORTED,
    CLASSIFIER,
    CLASSIFIER_SHAPE,
    EMULATORS,
    Runtime,
    Tool,
    ones,
)
from tests.places import ROOT
from tests.unit.models import forge

Make = Callable[[str, str], Runtime]

UNKNOWN_OPERATORS: Final = """\
import sys
import torch

library = torch.library.Library("shop", "DEF")
library.define("discount(Tensor price) -> Tensor")
library.define("tax(Tensor price, int percent) -> Tensor")

class Shop(torch.nn.Module):
    def forward(self, price):
        return torch.ops.shop.tax(torch.ops.shop.discount(price), 19).relu()

model = torch.jit.script(Shop())
model._save_for_lite_interpreter(sys.argv[1])
"""


def test_a_model_of_another_runtime_is_refused_with_every_missing_operator(runtime: Make) -> None:
    small, other = runtime("classifier", "x86_64"), runtime("mobilenet_v2", "arm64-v8a")
    held = set(json.loads(small.run("--operators").stdout))
    missing = set(other.summary["operators"]) - held
    assert missing
    told = small.run(other.model("model"), "--methods")
    assert told.returncode == 3
    assert not told.stdout
    for name in missing:
        assert name in told.stderr
    for name in held & set(other.summary["operators"]):
        assert f"{name}\n" not in told.stderr


def refused(made: Runtime, model: Path) -> str:
    """Return what the runtime of a program says about a model it does not load."""
    told = made.run(model, "--methods")
    assert (told.returncode, told.stdout) == (3, "")
    return told.stderr.removeprefix("error: the model needs what this runtime does not hold: ")


def test_everything_that_is_missing_is_told_at_once(runtime: Make, tmp_path: Path) -> None:
    made = runtime(AS_EXPORTED, "x86_64")
    classes = ("__torch__.torch.classes.shop.Basket", "List[__torch__.torch.classes.shop.Till]")
    shelf = forge.made("__torch__.torch.classes.shop", "Shelf", {})
    one = forge.function(
        operators=(("aten::mul", "Tensor", 2), ("aten::relu", "", 2), ("aten::linear", "", 1),
                   ("aten::mul", "Scalar", 2), ("aten::relu", "", 1), ("aten::format", "", 9)),
        instructions=(("STOREN", 1, 2), ("FORMAT", 2, 0), ("FORK", 0, 0), ("JUMP", 0, 0),
                      ("OP", 0, 0), ("RET", 0, 0)),
        types=classes,
    )  # fmt: skip
    two = forge.function("__torch__.Net.more", operators=(("shop::tax", "", 2),))
    records = {
        **forge.lite(),
        "bytecode.pkl": forge.bytecode(one, two),
        "data.pkl": forge.module(shelf=shelf),
    }
    assert refused(made, forge.write(tmp_path / "net.ptl", records)) == (
        "operators aten::format, aten::linear with 1 arguments, here it needs more,"
        " aten::mul.Scalar, aten::mul.Tensor, aten::relu with 2 arguments, here it takes 1,"
        " shop::tax;"
        " instructions FORK, FORMAT, JUMP; classes shop.Basket, shop.Shelf, shop.Till;"
        " the runtime was built for other models: build it again with this one added\n"
    )


def test_a_class_alone_is_told(runtime: Make, tmp_path: Path) -> None:
    shelves = [forge.made("__torch__.torch.classes.shop", name, {}) for name in ("Shelf", "Box")]
    code = forge.function(
        operators=(("aten::relu", "", 1),),
        instructions=(("STORE", 1, 0), ("LOAD", 1, 0), ("OP", 0, 0), ("RET", 0, 0)),
    )
    records = {
        **forge.lite(),
        "bytecode.pkl": forge.bytecode(code),
        "data.pkl": forge.module(shelves=shelves),
    }
    told = refused(runtime(AS_EXPORTED, "x86_64"), forge.write(tmp_path / "net.ptl", records))
    assert told.startswith("classes shop.Box, shop.Shelf;")


def test_what_an_operator_no_longer_means_is_told(runtime: Make, tmp_path: Path) -> None:
    code = forge.function(operators=(("aten::div", "Tensor", 2),))
    records = {**forge.lite(), "bytecode.pkl": forge.bytecode(code), "version": b"3\n"}
    told = refused(runtime("classifier", "x86_64"), forge.write(tmp_path / "net.ptl", records))
    assert told.startswith(
        "operators aten::div.Tensor, aten::div.Tensor as it was in operator version 3;"
    )


@pytest.mark.parametrize("abi", ["x86_64", "arm64-v8a"])
def test_a_program_goes_on_after_what_the_runtime_does_not_hold(
    abi: str, runtime: Make, require: Callable[[str], Path], tmp_path: Path
) -> None:
    """A program in C, through the C interface alone."""
    made, foreign = runtime("classifier", abi), runtime("control_flow", "x86_64").model("model")
    program = tmp_path / "refusals"
    source = ROOT / "tests" / "native" / "consumers" / "c" / "refusals.c"
    lib = made.prefix / "lib"
    target = make_target(Platform.LINUX, Abi(abi))
    subprocess.run(
        [find_zig().path, "cc", *target_flags(target), "-Wall", "-Werror", source, "-o", program,
         "-I", made.prefix / "include", "-L", lib, "-lbuild_runtime", f"-Wl,-rpath,{lib}"],
        check=True, env={**os.environ, "ZIG_LOCAL_CACHE_DIR": str(tmp_path / "zig")},
    )  # fmt: skip
    runner = (
        (require(EMULATORS[abi]), "-L", target_facts(target).sysroot) if abi in EMULATORS else ()
    )
    done = subprocess.run(
        [*runner, program, foreign, made.model("model"), "1", "3", "32", "32"],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    missing, first, wrong, last = done.stdout.splitlines()
    assert missing.startswith("4 the model needs what this runtime does not hold: operators ")
    held = {it["name"] for it in made.manifest["result"]["holds"]["operators"]}
    needed = set(runtime("control_flow", "x86_64").summary["operators"])
    assert len(needed - held) > 20
    cut = cut_operators(all_cuts(), pinned_catalogue("2.6.0").builtin)
    for name in needed:
        told = f" {name}," in missing or f" {name};" in missing
        assert told == (name not in held or name in cut)
    assert "; instructions FORMAT, TO_LIST; " in missing
    assert first == last == "0 ok"
    assert wrong.startswith("7 aten::contiguous(float16[1, 3, 32, 32]): ")
    assert "this runtime was built without kernels for Half (--dtypes adds them)" in wrong


def test_a_dtype_that_was_not_selected_is_an_error_and_not_the_end(
    runtime: Make, tmp_path: Path
) -> None:
    made = runtime("classifier", "x86_64")
    good = ones(1, 3, 32, 32)
    cases: list[tuple[Tensor, ...]] = [(good,), (ones(1, 3, 32, 32, dtype="float16"),), (good,)]
    first, wrong, last = made.run_cases(made.model("model"), list(cases), tmp_path)
    assert isinstance(first, Tensor)
    assert first.shape == (1, 10)
    assert isinstance(wrong, Failure)
    assert "built without kernels for Half (--dtypes adds them)" in wrong.message
    assert last == first


@pytest.mark.parametrize("shape", [(1, 3, 32), (1, 4, 32, 32), ()])
def test_a_wrong_shape_is_an_error_and_not_the_end(
    shape: tuple[int, ...], runtime: Make, tmp_path: Path
) -> None:
    made = runtime("classifier", "x86_64")
    good = ones(1, 3, 32, 32)
    wrong, last = made.run_cases(made.model("model"), [(ones(*shape),), (good,)], tmp_path)
    assert isinstance(wrong, Failure)
    assert isinstance(last, Tensor)


def test_operators_the_source_does_not_have_are_listed_together(tool: Tool, tmp_path: Path) -> None:
    path, script = tmp_path / "shop.ptl", tmp_path / "shop.py"
    script.write_text(UNKNOWN_OPERATORS)  # scripting wants a file to read
    subprocess.run([sys.executable, "-W", "ignore", script, path], check=True)
    told = tool.run(path, "--abi", "x86_64", cwd=tmp_path, expect=3).stderr
    assert "shop::discount" in told
    assert "shop::tax" in told
    assert "used by shop" in told
    assert not (tmp_path / "dist").exists()


def test_wrong_inputs_are_the_users_mistake(tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "no.npz").write_bytes(b"no archive")
    words = (CLASSIFIER, "--abi", "x86_64", "--input", "no.npz")
    told = tool.run(*words, cwd=tmp_path, expect=2).stderr
    assert "cannot use the inputs of model (no.npz)" in told
    assert not (tmp_path / "dist").exists()


@pytest.mark.parametrize("more", [(), ("--no-verify",)])
def test_inputs_the_model_does_not_take_are_refused_before_anything_is_compiled(
    more: tuple[str, ...], tool: Tool, tmp_path: Path
) -> None:
    words = (CLASSIFIER, "--abi", "x86_64", "--input-shape", "1,5", *more)
    told = tool.run(*words, cwd=tmp_path, expect=3).stderr
    assert (
        "model does not run in desktop torch on float32[1,5]: RuntimeError: Expected 4-dim" in told
    )
    assert "compil" not in told
    assert not (tmp_path / "dist").exists()


def without_emulator(folder: Path) -> dict[str, str]:
    """Return an environment in which no qemu is found, but all that builds need."""
    for name in ("cmake", "ninja", "sh"):
        found = shutil.which(name, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        assert found is not None
        (folder / name).symlink_to(found)
    return {"PATH": str(folder)}


def test_without_an_emulator_the_run_is_skipped_and_said_so(
    tool: Tool, tmp_path: Path, require: Callable[[str], Path]
) -> None:
    require("qemu-aarch64")
    (tmp_path / "bin").mkdir()
    env = without_emulator(tmp_path / "bin")
    words = (CLASSIFIER, "--abi", "arm64-v8a", *CLASSIFIER_SHAPE)
    told = tool.run(*words, cwd=tmp_path, env=env)
    assert "no qemu-aarch64 on PATH" in told.stderr
    assert "skipped  run" in told.stdout
    made = tmp_path / "dist" / "linux-arm64-v8a" / "share" / "build_runtime" / "manifest.json"
    checks = {it["name"]: it for it in json.loads(made.read_text())["result"]["checks"]}
    assert checks["elf policy"]["outcome"] == "passed"
    assert checks["run"]["outcome"] == "skipped"
    assert "qemu-aarch64" in checks["run"]["reason"]

    told = tool.run(*words, "--require-run", cwd=tmp_path, env=env, expect=6)
    assert "cannot be run for linux-arm64-v8a" in told.stderr

    # an emulator that came later is used: what was skipped is not "up to date"
    again = tool.run(*words, cwd=tmp_path).stdout
    assert "passed   outputs (model under qemu-aarch64, 1 case)" in again


def test_a_run_that_was_not_wanted_is_said_so(tool: Tool, tmp_path: Path) -> None:
    told = tool.run(CLASSIFIER, "--abi", "x86_64", "--no-verify", cwd=tmp_path)
    assert "the models were not run: --no-verify" in told.stderr
    path = tmp_path / "dist" / "linux-x86_64" / "share" / "build_runtime" / "manifest.json"
    checks = {it["name"]: it for it in json.loads(path.read_text())["result"]["checks"]}
    assert (checks["run"]["outcome"], checks["run"]["reason"]) == ("skipped", "--no-verify")


def test_without_inputs_the_model_is_loaded_only(tool: Tool, tmp_path: Path) -> None:
    told = tool.run(CLASSIFIER, "--abi", "x86_64", cwd=tmp_path)
    assert "skipped  outputs (model natively): loaded, but not run" in told.stdout
    told = tool.run(CLASSIFIER, "--abi", "x86_64", "--require-run", cwd=tmp_path, expect=6)
    assert "no inputs were given" in told.stderr


def test_no_source_and_no_network(tmp_path: Path) -> None:
    tool = Tool(tmp_path / "cache")
    words = (CLASSIFIER, "--abi", "x86_64", "--offline")
    told = tool.run(*words, cwd=tmp_path, expect=4).stderr
    assert "no source of PyTorch 2.6.0" in told
    assert "--source DIR" in told
    assert not (tmp_path / "dist").exists()


def test_a_folder_that_is_no_source(tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    words = (CLASSIFIER, "--abi", "x86_64", "--source", "empty")
    assert "empty" in tool.run(*words, cwd=tmp_path, expect=4).stderr


def test_a_disk_that_fills_up_while_compiling(tool: Tool, tmp_path: Path) -> None:
    """In a mount namespace of its own, with a small tmpfs for objects and all else at hand."""
    tool.run("plan", CLASSIFIER, "--abi", "x86_64", cwd=tmp_path)  # sources, code, the store
    script = (
        'mount -t tmpfs -o size=26m none "$1" && cd "$1" || exit 77\n'
        'for kept in sources generated toolchains zig models; do ln -s "$2/$kept" .; done\n'
        'cd "$4" && BUILD_RUNTIME_CACHE_DIR="$1" exec "$3" -m builder "$5" --abi x86_64'
    )
    small = tmp_path / "small"
    small.mkdir()
    argv = ("sh", "-c", script, "sh", small, tool.cache, sys.executable, tmp_path, CLASSIFIER)
    unshare = ("unshare", "--mount", *(() if os.geteuid() == 0 else ("--map-root-user",)))
    done = subprocess.run(
        [*unshare, *argv], env=tool.env(), capture_output=True, text=True, check=False, timeout=900
    )
    if done.returncode == 77 or done.stderr.startswith("unshare:"):
        pytest.skip(f"no tmpfs can be mounted here: {done.stderr.strip()}")
    assert done.returncode in (2, 4, 5), done.stderr
    assert done.stderr.count("error: ") >= 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "dist").exists()
